"""Verb cut_faces: pictures of people → their faces, upright and square, under the same names.

The folder --out becomes a copy of the folder of pictures, in which every picture is a PNG of the face. So every reader of
data sets reads it as it reads the original. A picture without a face is left out and named. OUT.json says what was found.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from common.errors import PictureError, UsageError
from common.files import atomic_file, refuse_existing, refuse_existing_folder
from common.inputs import read_input
from faces.align import LARGEST, cut
from faces.detectors import DETECTORS, Detector, open_detector
from faces.errors import LandmarkError
from faces.face import Face, main_face
from faces.landmarks import ENDING, read_face
from faces.pictures import decode, read_bytes

from ..archive import add_limit_option, unpack
from ..errors import DatasetError
from ..folders import files_below
from ..parallel import in_order, with_progress
from .folder import only_run
from .record import Cut, Record, read_record

EXAMPLE = "./moka cut_faces --images FGNET.tar --faces blazeface --margin 0.2 --size 64 --out data/fgnet_faces"

DATA = Path("data")
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
# Pictures after which the record is written again. What a killed run did since then is done again.
_RECORD_EVERY = 500


class Done(NamedTuple):
    """What happened to one picture."""

    name: str
    cut: Cut
    new: bool


@dataclass
class Cutter:
    """Cuts the face out of one picture after another, in any thread."""

    images: Path
    out: Path
    detector: str
    points: dict[str, Path]
    size: int
    margin: float
    force: bool
    record: Record
    own: threading.local = field(default_factory=threading.local)

    def __call__(self, name: str) -> Done:
        """Cut the face of one picture, unless the record and the folder have it already."""
        try:
            data = read_bytes(self.images / name)
        except PictureError as error:
            return Done(name, Cut("", reason=str(error)), new=False)
        points = self.points.get(Path(name).stem.lower())
        digest = hashlib.sha256(data)
        if points:
            digest.update(read_input(points))
        source = digest.hexdigest()
        old = self.record.pictures.get(name)
        if old and old.source == source and (not old.cut or self._holds(name, old.cut)):
            return Done(name, old, new=False)
        try:
            picture = decode(data)
            if points:
                face, count = read_face(points), 1
            else:
                found = self._detect().detect(picture) if self.detector else []
                if not found:
                    return Done(name, Cut(source, reason=self._why_none()), new=False)
                face, count = main_face(found, *picture.shape[:2]), len(found)
            png = _as_png(cut(picture, face, self.size, self.margin))
        except (PictureError, LandmarkError) as error:
            return Done(name, Cut(source, reason=str(error)), new=False)
        result = _entry(source, png, face, count)
        if self._holds(name, result.cut):
            # Cut by a run that was killed before it wrote this into the record.
            return Done(name, result, new=False)
        with atomic_file(self.out / name, force=self.force or bool(old and old.cut), one_of_many=True) as temporary:
            temporary.write_bytes(png)
        return Done(name, result, new=True)

    def _why_none(self) -> str:
        return f"no face found by {self.detector}" if self.detector else "no file of landmarks has its name"

    def _holds(self, name: str, digest: str) -> bool:
        try:
            return hashlib.sha256(read_input(self.out / name)).hexdigest() == digest
        except OSError:
            return False

    def _detect(self) -> Detector:
        """Return this thread's own detector."""
        if not hasattr(self.own, "detector"):
            self.own.detector = open_detector(self.detector)
        detector: Detector = self.own.detector
        return detector


def _entry(source: str, png: bytes, face: Face, count: int) -> Cut:
    eyes = (face.landmarks.left_eye, face.landmarks.right_eye) if face.landmarks else ()
    return Cut(
        source,
        hashlib.sha256(png).hexdigest(),
        faces=count,
        score=round(face.score, 4),
        box=tuple(round(value, 2) for value in face.box),
        eyes=tuple((round(x, 2), round(y, 2)) for x, y in eyes),
    )


def _as_png(picture: object) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", picture)[1].tobytes())  # type: ignore[call-overload]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--images", type=Path, required=True, metavar="DIR|TAR", help="folder or .tar(.gz) of pictures")
    parser.add_argument("--faces", default="", metavar="DETECTOR", help=f"one of {', '.join(DETECTORS)}")
    parser.add_argument(
        "--landmarks", type=Path, metavar="DIR", help="folder of .pts files, used in place of a detector where one fits"
    )
    parser.add_argument(
        "--margin", type=float, default=0.0, help="added on each side, as a share of the face (default: 0)"
    )
    parser.add_argument("--size", type=int, required=True, metavar="N", help=f"pixels of the cut, 1 to {LARGEST}")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the cut faces")
    parser.add_argument("--force", action="store_true", help="cut again what was cut with other options")
    add_limit_option(parser)


def main(options: argparse.Namespace) -> None:
    """Cut the faces of all pictures of a folder."""
    check_options(options)
    images = options.images if options.images.is_dir() else unpack(options.images, DATA, options.max_unpacked_mb)
    out = options.out
    _check_places(images, out)
    names = files_below(images)
    pictures = [name for name in names if name.lower().endswith(PICTURES)]
    if not pictures:
        raise DatasetError(f"{images}: holds no picture. Expected names that end in {', '.join(PICTURES)}.")
    points = read_folder_of_points(options.landmarks, images) if options.landmarks else {}
    settings = {"faces": options.faces, "margin": options.margin, "size": options.size}
    record_path = out.with_name(f"{out.name}.json")
    if out.is_symlink() or not out.is_dir() or not record_path.exists():
        # Nothing, or an empty folder: without the record nothing else is known to be ours.
        refuse_existing_folder(out, True, lambda names: False)
    record = read_record(record_path, settings, options.force)
    if options.faces:
        # Before anything is written, to say what is missing.
        open_detector(options.faces)
    cutter = Cutter(images, out, options.faces, points, options.size, options.margin, options.force, record)
    others = sorted({*names} - {*pictures})
    with only_run(out):
        new = cut_all(cutter, pictures, record_path)
        copied = copy_others(images, out, others, options.force)
    report(options, images, record, pictures, new, copied)


def check_options(options: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go together or are out of range."""
    if not options.faces and not options.landmarks:
        raise UsageError(f"nothing says where the faces are. Give --faces ({', '.join(DETECTORS)}) or --landmarks DIR.")
    if options.faces and options.faces not in DETECTORS:
        open_detector(options.faces)
    if not 1 <= options.size <= LARGEST:
        raise UsageError(f"--size {options.size}: expected 1 to {LARGEST} pixels.")
    if not -0.5 < options.margin <= 10:
        raise UsageError(f"--margin {options.margin:g}: expected more than -0.5 and at most 10.")


def _check_places(images: Path, out: Path) -> None:
    """Raise UsageError if one of the folders is inside the other."""
    here, there = images.resolve(), out.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise UsageError(
            f"--out {out}: is the folder of the pictures, or one is inside the other. Name a folder elsewhere."
        )


def read_folder_of_points(folder: Path, images: Path) -> dict[str, Path]:
    """Return the .pts files of a folder by the lower-case name of their picture. The folder may be named below `images`."""
    place = folder if folder.is_dir() else images / folder
    if not place.is_dir():
        raise UsageError(f"--landmarks {folder}: no such folder, neither here nor in {images}.")
    found = {Path(name).stem.lower(): place / name for name in files_below(place) if name.lower().endswith(ENDING)}
    if not found:
        raise UsageError(f"--landmarks {folder}: holds no {ENDING} file.")
    return found


def cut_all(cutter: Cutter, pictures: list[str], record_path: Path) -> int:
    """Cut all faces, write the record now and then and at the end, and return how many cuts are new."""
    record = cutter.record
    # So that the folder is known as ours from the first face on.
    record.write(record_path)
    new = 0
    try:
        for number, done in enumerate(with_progress(in_order(cutter, pictures), len(pictures), "cut"), 1):
            record.pictures[done.name] = done.cut
            new += done.new
            if number % _RECORD_EVERY == 0:
                record.write(record_path)
    finally:
        record.write(record_path)
    return new


def copy_others(images: Path, out: Path, names: list[str], force: bool) -> int:
    """Copy what is neither a picture nor a file of landmarks, such as labels.txt. Return how many files there are."""
    others = [name for name in names if not name.lower().endswith(ENDING)]
    for name in others:
        source, target = images / name, out / name
        if target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        if not force:
            refuse_existing(target)
        with atomic_file(target, force=force, one_of_many=True) as temporary:
            shutil.copyfile(source, temporary)
    return len(others)


def report(
    options: argparse.Namespace, images: Path, record: Record, pictures: list[str], new: int, copied: int
) -> None:
    """Name every picture that is left out, and say how many faces there are. Raises DatasetError if there is none."""
    entries = {name: record.pictures[name] for name in pictures}
    left_out = {name: each.reason for name, each in entries.items() if not each.cut}
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    out = options.out
    faces = len(entries) - len(left_out)
    several = sum(each.faces > 1 for each in entries.values())
    print(f"{images}: {len(entries)} pictures, {faces} faces, {len(left_out)} pictures left out")
    if several:
        print(f"{several} pictures show more than one face; the largest near the middle was taken")
    gone = sorted(set(record.pictures) - set(entries))
    if gone:
        print(
            f"{len(gone)} faces in {out} are of pictures that are no longer there, such as {gone[0]}", file=sys.stderr
        )
    if not faces:
        raise DatasetError(f"{images}: no face was found in its {len(entries)} pictures. Try another --faces.")
    print(
        f"{out}: {faces} faces of {options.size}x{options.size}, {new} of them newly cut; {copied} other files copied"
    )
    print(f"{out.with_name(out.name + '.json')}: what was found in each picture")
