"""What a page shows beside the figures: curves of the training, pictures, hashes."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.errors import MokaError
from common.files import file_hash

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..predictions import Predictions

HARDEST = 12
_SIDE = 112
"""Pixels of the longer side of a thumbnail."""
_QUALITY = 80
_SNAPSHOT = re.compile(r"(.*?)(_iter_\d+|_best)?\.caffemodel(\.h5)?")


@dataclass(frozen=True)
class Extras:
    """Everything is optional. `thumbnails` is key -> base64 of a JPEG; `hashes` is (what, SHA-256).

    `log` is (phase, name) -> the points of a curve: iteration, value.
    """

    log: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)
    thumbnails: dict[str, str] = field(default_factory=dict)
    hashes: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()


def gather(report: dict[str, Any], runs: Sequence[Predictions]) -> Extras:
    """Collect what the files that a report names hold. What is missing is left out, with a note if it was to be expected."""
    database, weights = Path(report["lmdb"]), Path(report["weights"])
    notes = []
    thumbnails: dict[str, str] = {}
    try:
        thumbnails = read_thumbnails(database, {key for run in runs for key in hardest_keys(run)})
    except (MokaError, OSError) as error:
        notes.append(f"There are no pictures, because {error}")
    hashes = []
    for path in (weights, database / "data.mdb"):
        if path.is_file():
            hashes.append((str(path), file_hash(path)))
    return Extras(read_log(weights), thumbnails, hashes, notes)


def hardest(run: Predictions) -> list[int]:
    """Return the rows of the records with the largest error, or whose own class got the smallest probability."""
    worst: NDArray[np.floating[Any]]
    if run.bins:
        worst = -abs(run.numbers - run.labels)
    else:
        worst = run.probabilities[np.arange(len(run.labels)), run.labels.astype(np.int64)]
    return [int(row) for row in np.argsort(worst, kind="stable")[:HARDEST]]


def hardest_keys(run: Predictions) -> list[str]:
    """Return the keys of the hardest records."""
    return [run.keys[row] for row in hardest(run)]


def read_thumbnails(database: Path, keys: Collection[str]) -> dict[str, str]:
    """Return key -> a small JPEG as base64, for those records of an LMDB or LevelDB. Raises MokaError."""
    import cv2

    from caffe_io.databases.backends import BACKENDS
    from caffe_io.datum import datum_to_array, parse_datum

    from ..records import as_bytes

    names = {path.name for path in database.iterdir()} if database.is_dir() else set()
    backend = next((each for each in BACKENDS.values() if each.recognise(names)), None)
    if backend is None:
        raise MokaError(f"{database} is no longer there.")
    found = {}
    with backend.read(database) as reader:
        for raw, value in reader.items():
            key = raw.decode("utf-8", "backslashreplace")
            if key not in keys:
                continue
            picture = as_bytes(datum_to_array(parse_datum(value, key), key), key)
            planes = picture if picture.shape[0] in (1, 3) else picture[:1]
            factor = _SIDE / max(planes.shape[1:])
            size = (max(1, round(planes.shape[2] * factor)), max(1, round(planes.shape[1] * factor)))
            pixels = np.ascontiguousarray(planes.transpose(1, 2, 0))
            small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
            _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            found[key] = base64.b64encode(data.tobytes()).decode("ascii")
    return found


def read_log(weights: Path) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Return the curves in the log of the training that wrote the weights; none if there is no log."""
    from training.solvers.record import read_curves

    match = _SNAPSHOT.fullmatch(str(weights))
    path = Path(f"{match[1]}_log.csv") if match else weights
    return read_curves(path) if match and path.is_file() else {}
