"""Faces for tests: drawn ones, files of landmarks, and a detector that answers what it is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from common.places import ROOT
from faces.detectors.files import has_files, how_to_get, require_files
from faces.face import Face, Point
from kits.commands import run_command

if TYPE_CHECKING:
    from faces.pictures import Picture

DATA = ROOT.parent / "shared/data"
"""Real faces. Tests that need them skip where they are absent."""


def real_data(name: str) -> Path:
    """Return the archive of a real data set, or skip the test."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{path.name} is not on this machine")
    return path


def need_files(detector: str) -> None:
    """Skip the test if the files of a detector are absent."""
    if not has_files(detector):
        pytest.skip(f"the files of {detector} are not there; {how_to_get(detector)} fetches them")


def compiled_res10(folder: Path, *options: str) -> Path:
    """Compile the net of the detector res10 into `folder`, which is returned. Skips the test if its weights are absent."""
    need_files("res10")
    folder.mkdir(exist_ok=True)
    (weights,) = require_files("res10")
    net = ROOT / "prototxt/face_detector/deploy.prototxt"
    sources = ("--model", net, "--weights", weights, "--mean_value", 104, 177, 123, "--out", folder)
    done = run_command("ncs", "compile", *sources, *options, folder=folder)
    assert done.code == 0, done.err
    return folder


def portrait(seed: int = 3, age: int = 30) -> Picture:
    """Draw a face of 200x200 pixels in the middle of a picture of 360x300."""
    from tools.sample_faces import draw_face

    picture = np.full((300, 360, 3), 150, np.uint8)
    picture[50:250, 80:280] = draw_face(age, seed % 2, seed)
    return picture


def points_text(points: list[Point]) -> str:
    """Return the text of a .pts file."""
    lines = "\n".join(f"{x} {y}" for x, y in points)
    return f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n"


def points_of_face(left_eye: Point, right_eye: Point) -> list[Point]:
    """Return 68 points in the order of FG-NET's files: the outline of a box round the eyes, and the pupils."""
    distance = right_eye[0] - left_eye[0]
    points = [(left_eye[0] - distance / 2, left_eye[1] - distance)] * 34
    points += [(right_eye[0] + distance / 2, right_eye[1] + 2 * distance)] * 34
    points[31], points[36] = left_eye, right_eye
    return points


class Told:
    """A detector that finds the faces it was told, in every picture."""

    def __init__(self, faces: list[Face]) -> None:
        self.faces = faces

    def detect(self, picture: Picture) -> list[Face]:
        """Return the faces."""
        return self.faces
