"""Measures the face detectors on FG-NET and GENKI-4K, and prints the tables of docs/faces.md.

    python -m tools.bench.faces --fgnet DIR|TAR --genki DIR|TAR [--detectors haar,blazeface]

FG-NET's points say where the eyes are. GENKI-4K only says that each picture shows a face. There the eyes that MTCNN finds,
which are the nearest to FG-NET's points, are taken for the true ones of the other detectors.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from common.commands import Parser, run
from common.errors import UsageError
from faces.align import EYE_DISTANCE, EYE_LEVEL
from faces.detectors import DETECTORS, open_detector
from faces.face import Face, Landmarks, Point, main_face
from faces.landmarks import read_face
from faces.pictures import decode, read_bytes
from lmdb_build.archive import unpack
from lmdb_build.folders import files_below
from lmdb_build.parallel import with_progress

if TYPE_CHECKING:
    from faces.pictures import Picture

REFERENCE = "mtcnn"
Detect = Callable[["Picture"], list[Face]]
# A box of a face that is found is so many eye distances long.
_SMALLEST_BOX, _LARGEST_BOX = 1.5, 5.0


@dataclass
class Figures:
    """What one detector did on one set of pictures."""

    pictures: int = 0
    found: int = 0
    several: int = 0
    hits: int = 0
    errors: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    def add(self, faces: Sequence[Face], height: int, width: int, truth: Landmarks | None) -> None:
        """Count a picture. `truth` has the true eyes, if they are known."""
        self.pictures += 1
        self.found += bool(faces)
        self.several += len(faces) > 1
        if not faces or truth is None:
            return
        face = main_face(faces, height, width)
        if is_hit(face, truth):
            self.hits += 1
            self.errors.append(eye_error(eyes_of(face), truth))


def eyes_of(face: Face) -> tuple[Point, Point]:
    """Return the eyes that a detector found, or the places in its box where eyes are expected."""
    if face.landmarks:
        return face.landmarks.left_eye, face.landmarks.right_eye
    left, top, width, height = face.box
    y = top + EYE_LEVEL * height
    return (left + (0.5 - EYE_DISTANCE / 2) * width, y), (left + (0.5 + EYE_DISTANCE / 2) * width, y)


def eye_distance(truth: Landmarks) -> float:
    """Return the distance of the true eyes in pixels."""
    return math.dist(truth.left_eye, truth.right_eye)


def is_hit(face: Face, truth: Landmarks) -> bool:
    """Say whether the box holds both true eyes, and is neither much larger nor much smaller than a face."""
    left, top, width, height = face.box
    inside = all(left <= x <= left + width and top <= y <= top + height for x, y in (truth.left_eye, truth.right_eye))
    return inside and _SMALLEST_BOX <= max(width, height) / eye_distance(truth) <= _LARGEST_BOX


def eye_error(eyes: tuple[Point, Point], truth: Landmarks) -> float:
    """Return the mean distance of the two eyes from the true ones, as a share of the true eyes' distance."""
    away = math.dist(eyes[0], truth.left_eye) + math.dist(eyes[1], truth.right_eye)
    return away / 2 / eye_distance(truth)


def measure(detect: Detect, pictures: Iterable[tuple[Picture, Landmarks | None]]) -> Figures:
    """Run a detector over pictures, one after the other."""
    figures = Figures()
    for picture, truth in pictures:
        # Of the processor, which other work on the machine hardly changes.
        start = time.process_time()
        faces = detect(picture)
        figures.milliseconds.append((time.process_time() - start) * 1e3)
        figures.add(faces, picture.shape[0], picture.shape[1], truth)
    return figures


def as_line(detector: str, data: str, figures: Figures) -> str:
    """Return a row of the table."""
    share = f"{100 * figures.found / figures.pictures:.1f} %"
    cells = [data, detector, f"{figures.found} of {figures.pictures} ({share})", str(figures.several)]
    if figures.errors:
        errors = sorted(figures.errors)
        near = sum(error <= 0.1 for error in errors) / len(errors)
        cells += [
            f"{figures.hits} ({100 * figures.hits / figures.pictures:.1f} %)",
            f"{statistics.median(errors):.3f}",
            f"{statistics.fmean(errors):.3f}",
            f"{100 * near:.1f} %",
        ]
    else:
        cells += [""] * 4
    cells.append(f"{statistics.median(figures.milliseconds):.1f}")
    return f"| {' | '.join(cells)} |"


HEAD = """| data | detector | face found | more than one | hits | eye error, median | mean | up to 0.1 | CPU ms |
|---|---|---|---|---|---|---|---|---|"""


def true_eyes(folder: Path, names: Sequence[str]) -> dict[str, Landmarks]:
    """Return where the eyes are: by the files in points/ if there is such a folder, otherwise by REFERENCE."""
    found: dict[str, Landmarks] = {}
    points = folder / "points"
    reference = None if points.is_dir() else open_detector(REFERENCE)
    for name in names:
        if reference is None:
            landmarks = read_face(points / f"{Path(name).stem.lower()}.pts").landmarks
        else:
            picture = decode(read_bytes(folder / name))
            faces = reference.detect(picture)
            landmarks = main_face(faces, picture.shape[0], picture.shape[1]).landmarks if faces else None
        if landmarks:
            found[name] = landmarks
    return found


def pictures_of(
    folder: Path, names: Sequence[str], truths: dict[str, Landmarks]
) -> Iterable[tuple[Picture, Landmarks | None]]:
    """Yield the pictures with the true eyes, if they are known."""
    for name in with_progress(names, len(names), "looked at"):
        yield decode(read_bytes(folder / name)), truths.get(name)


def main(argv: Sequence[str]) -> None:
    """Measure the detectors on the sets that are given."""
    import cv2

    parser = Parser("python -m tools.bench.faces", "python -m tools.bench.faces --fgnet FGNET.tar", "measure detectors")
    parser.add_argument("--fgnet", type=Path, metavar="DIR|TAR", help="FG-NET, with images/ and points/")
    parser.add_argument("--genki", type=Path, metavar="DIR|TAR", help="GENKI-4K")
    parser.add_argument("--detectors", default=",".join(DETECTORS), help="default: %(default)s")
    options = parser.parse_args(argv)
    sets = {"FG-NET": options.fgnet, "GENKI-4K": options.genki}
    if not any(sets.values()):
        raise UsageError("nothing to measure. Give --fgnet or --genki, a folder or an archive.")
    detectors = {name: open_detector(name) for name in options.detectors.split(",")}
    cv2.setNumThreads(1)
    print(HEAD)
    with tempfile.TemporaryDirectory() as scratch:
        for name, given in sets.items():
            if not given:
                continue
            folder = given if given.is_dir() else unpack(given, Path(scratch))
            names = [file for file in files_below(folder) if file.lower().endswith(".jpg")]
            truths = true_eyes(folder, names)
            for detector, opened in detectors.items():
                # It would agree with itself.
                known = {} if name == "GENKI-4K" and detector == REFERENCE else truths
                figures = measure(opened.detect, pictures_of(folder, names, known))
                print(as_line(detector, name, figures), flush=True)


if __name__ == "__main__":
    run(main)
