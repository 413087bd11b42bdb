"""--mean_file: nothing to subtract any more, but a wrong one tells that card and user mean different networks."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import MeanError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .card import Card

_INSIDE = "The mean is already inside the network, so the file is not needed: leave --mean_file away"


def check_mean(path: str | Path, cards: Iterable[Card]) -> None:
    """Compare a mean image (.npy, float, 3 x height x width) with the one that each network was compiled with.

    The comparison is by sha256 over its float32 little-endian C-order bytes, as the mean file holds them (it may be larger
    than the network's input, which takes its centre). MeanError if they differ.
    """
    found = None
    for card in cards:
        if card.mean_kind == "none":
            raise MeanError(
                f"{path}: {card.name} subtracts no mean ({card.path}), so no mean file belongs to it. "
                "Leave --mean_file away"
            )
        found = found or _read(Path(path))
        digest, shape = found
        if digest == card.mean_sha256:
            continue
        if card.mean_kind == "values":
            raise MeanError(
                f"{path}: {card.name} subtracts one value per channel ({card.path}), not this mean. {_INSIDE}"
            )
        if shape[0] != card.shape[1] or shape[1] < card.shape[2] or shape[2] < card.shape[3]:
            raise MeanError(f"{path}: has the shape {_x(shape)}; {card.name} takes {_x(card.shape[1:])}. {_INSIDE}")
        raise MeanError(
            f"{path}: is not the mean that {card.name} was trained and compiled with "
            f"(its sha256 begins {digest[:12]}, the card's {(card.mean_sha256 or 'none')[:12]}). {_INSIDE}"
        )


def _read(path: Path) -> tuple[str, tuple[int, ...]]:
    """sha256 and shape of a mean file."""
    import numpy as np

    wanted = "wanted a mean image saved by numpy.save, e.g. graph/age_gender_mean.npy"
    try:
        mean = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise MeanError(f"{path}: there is no such file; {wanted}") from None
    except OSError as error:
        raise MeanError(f"{path}: cannot be read ({error.strerror or error}); {wanted}") from None
    except (ValueError, EOFError):
        raise MeanError(f"{path}: is no .npy file, or a damaged one; {wanted}") from None
    if not isinstance(mean, np.ndarray):
        mean.close()
        raise MeanError(f"{path}: is a .npz archive; {wanted}")
    if mean.ndim != 3 or mean.dtype.kind != "f":
        raise MeanError(
            f"{path}: holds {mean.dtype} values, {_x(mean.shape)}; wanted float32, channels x height x width"
        )
    return hashlib.sha256(np.ascontiguousarray(mean, "<f4").tobytes()).hexdigest(), mean.shape


def _x(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "()"
