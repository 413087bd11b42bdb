"""Check --mean_file against the cards. The mean is already inside the network; a mismatch means the wrong network."""

from __future__ import annotations

import io
import tokenize
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import MeanError
from common.file_kinds import HEAD, what_it_is
from common.inputs import read_input
from common.messages import shape_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard

_NOT_NEEDED = "The mean is already inside the network, so the file is not needed: leave out --mean_file."

MAX_BYTES = 1 << 30
"""A mean of 9000 x 9000 pixels. It keeps a wrong file from filling the memory."""


def check_mean(path: str | Path, cards: Iterable[ModelCard]) -> None:
    """Compare a mean image (.npy, float, 3 x height x width) with the one that each network was compiled with.

    The SHA-256 of its float32 little-endian bytes in C order is compared. The mean may be larger than the network's
    input, which takes its centre. Raises MeanError if they differ.
    """
    from common.card import mean_hash

    found: tuple[str, tuple[int, ...]] | None = None
    for card in cards:
        if card.mean.kind == "none":
            raise MeanError(
                f"{path}: {card.name} subtracts no mean ({card.path}), so no mean file belongs to it. "
                "Leave out --mean_file."
            )
        if found is None:
            mean = read_mean(Path(path))
            found = mean_hash(mean), mean.shape
        digest, shape = found
        if digest == card.mean.sha256:
            continue
        if card.mean.kind == "values":
            raise MeanError(
                f"{path}: {card.name} subtracts one value per channel ({card.path}), not this mean. {_NOT_NEEDED}"
            )
        channels, height, width = card.input.shape[1:]
        if shape[0] != channels or shape[1] < height or shape[2] < width:
            raise MeanError(
                f"{path}: is {shape_text(shape)}; {card.name} takes {shape_text(card.input.shape[1:])}. {_NOT_NEEDED}"
            )
        raise MeanError(
            f"{path}: is not the mean that {card.name} was trained and compiled with "
            f"(its SHA-256 begins with {digest[:12]}, the card's with {(card.mean.sha256 or 'nothing')[:12]}). {_NOT_NEEDED}"
        )


def read_mean(path: Path) -> NDArray[np.floating]:
    """Return the mean image of an .npy file, channels x height x width. Raises MeanError if it holds something else."""
    import numpy as np

    expected = "expected a mean image saved by numpy.save, such as graph/age_gender_mean.npy."
    try:
        data = read_input(path, MAX_BYTES)
    except FileNotFoundError:
        raise MeanError(f"{path}: there is no such file; {expected}") from None
    except OSError as error:
        raise MeanError(f"{path}: cannot be read ({error.strerror or error}); {expected}") from None
    try:
        mean = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, MemoryError, OverflowError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile):
        # numpy's reader evaluates the header, and a damaged one fails in many ways.
        kind = what_it_is(data[:HEAD])
        raise MeanError(f"{path}: is no .npy file, or a damaged one; {expected} {kind}".rstrip()) from None
    if not isinstance(mean, np.ndarray):
        raise MeanError(f"{path}: is a .npz archive; {expected}")
    if mean.ndim != 3 or mean.dtype.kind != "f":
        raise MeanError(
            f"{path}: holds {mean.dtype} values, {shape_text(mean.shape)}; expected float32, channels x height x width."
        )
    return mean
