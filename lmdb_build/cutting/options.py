"""How faces are found and cut: the options that cut_faces and build_dataset have in common."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from common.errors import UsageError
from faces.align import EYE_LEVEL, LARGEST
from faces.detectors import DETECTORS, open_detector
from faces.landmarks import ENDING

from ..folders import files_below


@dataclass(frozen=True)
class CutOptions:
    """Where faces are, by a detector's name, a folder of landmarks or both, and how they are cut."""

    faces: str
    landmarks: Path | None
    margin: float
    size: int
    eye_level: float = EYE_LEVEL

    def settings(self) -> dict[str, object]:
        """Return what the record of the cut faces keeps. Landmarks count as part of each picture's source."""
        # Records of earlier versions have no eye level, and stay good.
        level = {} if self.eye_level == EYE_LEVEL else {"eye_level": self.eye_level}
        return {"faces": self.faces, "margin": self.margin, "size": self.size, **level}

    def on_card(self) -> str:
        """Return what the card of a net that learns from these faces has to say, so that the runner cuts them alike."""
        return f'"crop_margin": {self.margin:g}, "eye_level": {self.eye_level:g}'


def add_cut_options(parser: argparse.ArgumentParser, required: bool) -> None:
    """Declare the options. Without `required`, faces are only cut if --faces or --landmarks is given."""
    group = parser if required else parser.add_argument_group("faces, found and cut out before the lists are made")
    group.add_argument("--faces", default="", metavar="DETECTOR", help=f"one of {', '.join(DETECTORS)}")
    group.add_argument(
        "--landmarks", type=Path, metavar="DIR", help="folder of .pts files, used in place of a detector where one fits"
    )
    group.add_argument("--margin", type=float, help="added on each side, as a share of the face (default: 0)")
    group.add_argument(
        "--eye_level",
        type=float,
        metavar="SHARE",
        help=f"height of the eyes in the cut, from its top, before the margin (default: {EYE_LEVEL}; UTKFace: 0.29)",
    )
    group.add_argument("--size", type=int, required=required, metavar="N", help=f"pixels of the cut, 1 to {LARGEST}")


def cut_options(options: argparse.Namespace) -> CutOptions | None:
    """Return the options that were given, or None if there are none of them.

    Raises UsageError for options that do not go together or are out of range.
    """
    if not options.faces and not options.landmarks:
        if options.size is None and options.margin is None and options.eye_level is None:
            return None
        raise UsageError(f"nothing says where the faces are. Give --faces ({', '.join(DETECTORS)}) or --landmarks DIR.")
    if options.faces and options.faces not in DETECTORS:
        # It says which there are.
        open_detector(options.faces)
    if options.size is None:
        raise UsageError("nothing says how large the cut faces are. Give --size, for example --size 64.")
    if not 1 <= options.size <= LARGEST:
        raise UsageError(f"--size {options.size}: expected 1 to {LARGEST} pixels.")
    margin = options.margin or 0.0
    if not -0.5 < margin <= 10:
        raise UsageError(f"--margin {margin:g}: expected more than -0.5 and at most 10.")
    eye_level = EYE_LEVEL if options.eye_level is None else options.eye_level
    if not 0 <= eye_level <= 1:
        raise UsageError(f"--eye_level {eye_level:g}: expected a share from 0 to 1.")
    return CutOptions(options.faces, options.landmarks, margin, options.size, eye_level)


def check_places(images: Path, out: Path, where: str) -> None:
    """Raise UsageError if one of the folders is inside the other. `where` says where `out` comes from."""
    here, there = images.resolve(), out.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise UsageError(f"{where} is the folder of the pictures, or one is inside the other. Name a folder elsewhere.")


def read_folder_of_points(folder: Path, images: Path) -> dict[str, Path]:
    """Return the .pts files of a folder by the lower-case name of their picture. The folder may be named below `images`."""
    place = folder if folder.is_dir() else images / folder
    if not place.is_dir():
        raise UsageError(f"--landmarks {folder}: no such folder, neither here nor in {images}.")
    found = {Path(name).stem.lower(): place / name for name in files_below(place) if name.lower().endswith(ENDING)}
    if not found:
        raise UsageError(f"--landmarks {folder}: holds no {ENDING} file.")
    return found
