"""Cuts the faces out of pictures into a folder, and keeps the record of what was found in each."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from common.errors import OutputExists, PictureError
from common.files import atomic_file, refuse_existing_folder
from common.inputs import read_input
from faces.align import cut
from faces.crop import Box
from faces.detectors import Detector, open_detector
from faces.errors import LandmarkError
from faces.face import Face, face_at, main_face
from faces.landmarks import read_face
from faces.pictures import decode, read_bytes

from ..parallel import in_order, with_progress
from .options import CutOptions, read_folder_of_points
from .record import Cut, Record, read_record

if TYPE_CHECKING:
    from faces.pictures import Picture

# Pictures after which the record is written again. What a killed run did since then is done again.
_RECORD_EVERY = 500


class Source(NamedTuple):
    """A picture, and the name of its cut face below the folder. `box` is where its data set says that the face is."""

    name: str
    path: Path
    box: Box | None = None


class Done(NamedTuple):
    """What happened to one picture."""

    name: str
    cut: Cut
    new: bool


@dataclass
class Cutter:
    """Cuts the face out of one picture after another, in any thread.

    `force` replaces files that are not known as ours. A cut whose picture has changed is only made again if `follow` or
    `force` is true.
    """

    out: Path
    options: CutOptions
    points: dict[str, Path]
    record: Record
    force: bool
    follow: bool
    own: threading.local = field(default_factory=threading.local)

    def cut_all(self, sources: Sequence[Source]) -> int:
        """Cut all faces, write the record now and then and at the end, and return how many cuts are new."""
        path = record_path(self.out)
        # So that the folder is known as ours from the first face on.
        self.record.write(path)
        new = 0
        try:
            for number, done in enumerate(with_progress(in_order(self, sources), len(sources), "cut"), 1):
                self.record.pictures[done.name] = done.cut
                new += done.new
                if number % _RECORD_EVERY == 0:
                    self.record.write(path)
        finally:
            self.record.write(path)
        return new

    def __call__(self, source: Source) -> Done:
        """Cut the face of one picture, unless the record and the folder have it already."""
        name = source.name
        try:
            data = read_bytes(source.path)
        except PictureError as error:
            return Done(name, Cut("", reason=str(error)), new=False)
        points = self.points.get(Path(name).stem.lower())
        digest = hashlib.sha256(data)
        if points:
            digest.update(read_input(points))
        elif source.box:
            digest.update(repr(source.box).encode())
        old = self.record.pictures.get(name)
        if old and old.source == digest.hexdigest() and (not old.cut or self._holds(name, old.cut)):
            return Done(name, old, new=False)
        try:
            picture = decode(data)
            if points:
                faces = [read_face(points)]
                face = faces[0]
            else:
                faces = self._detect().detect(picture) if self.options.faces else []
                found = _choose(faces, picture, source.box)
                if not found:
                    return Done(name, Cut(digest.hexdigest(), reason=self._why_none(len(faces))), new=False)
                face = found
            png = _as_png(cut(picture, face, self.options.size, self.options.margin, self.options.eye_level))
        except (PictureError, LandmarkError) as error:
            return Done(name, Cut(digest.hexdigest(), reason=str(error)), new=False)
        result = _entry(digest.hexdigest(), png, face, len(faces))
        if self._holds(name, result.cut):
            # Cut by a run that was killed before it wrote this into the record.
            return Done(name, result, new=False)
        self._write(source, png, old)
        return Done(name, result, new=True)

    def _write(self, source: Source, png: bytes, old: Cut | None) -> None:
        target = self.out / source.name
        ours = bool(old and old.cut)
        if ours and target.exists() and not (self.follow or self.force):
            raise OutputExists(
                f"{target}: was cut from another picture than {source.path}, or from one that has changed since. Give --force "
                "to cut it again."
            )
        with atomic_file(target, force=self.force or ours, one_of_many=True) as temporary:
            temporary.write_bytes(png)

    def _why_none(self, elsewhere: int) -> str:
        if not self.options.faces:
            return "no file of landmarks has its name"
        if elsewhere:
            return f"none of the {elsewhere} faces that {self.options.faces} found is where the data set says"
        return f"no face found by {self.options.faces}"

    def _holds(self, name: str, digest: str) -> bool:
        try:
            return hashlib.sha256(read_input(self.out / name)).hexdigest() == digest
        except OSError:
            return False

    def _detect(self) -> Detector:
        """Return this thread's own detector."""
        if not hasattr(self.own, "detector"):
            self.own.detector = open_detector(self.options.faces)
        detector: Detector = self.own.detector
        return detector


def open_cutter(out: Path, images: Path, options: CutOptions, force: bool, follow: bool = True) -> Cutter:
    """Return what cuts faces into the folder `out`, after all checks. Nothing is written yet.

    Raises UsageError, DetectorError, OutputExists or DatasetError if landmarks or the detector's files are missing, or if
    `out` holds what is not ours or was cut with other options.
    """
    points = read_folder_of_points(options.landmarks, images) if options.landmarks else {}
    path = record_path(out)
    if out.is_symlink() or not out.is_dir() or not path.exists():
        # Nothing, or an empty folder: without the record nothing else is known to be ours.
        refuse_existing_folder(out, True, lambda names: False)
    record = read_record(path, options.settings(), force)
    if options.faces:
        open_detector(options.faces)
    return Cutter(out, options, points, record, force, follow)


def record_path(out: Path) -> Path:
    """Return the place of the record, beside the folder of the cut faces."""
    return out.with_name(f"{out.name}.json")


def _choose(faces: Sequence[Face], picture: Picture, box: Box | None) -> Face | None:
    if box:
        return face_at(faces, box)
    return main_face(faces, *picture.shape[:2]) if faces else None


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
