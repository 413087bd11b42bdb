"""Faces that are cut, and lists of pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.places import ROOT

from .case import Broken, Case, check_same, contents, same_command

_LISTS = ("train.csv", "test.csv", "age_train.txt", "age_test.txt", "tasks.json", "report.txt", "report.json")


def face_cases(size: float) -> dict[str, Case]:
    """Return the cases of cut_faces and build_dataset."""
    pictures = round(2000 * size)
    how = ("--landmarks", "points", "--size", "64")
    cut = ("lmdb_build", "cut_faces", "--images", "../inputs/faces", *how, "--out", "out/faces")
    table = {
        "faces": Case(_album(pictures), cut, "faces.json", "ended", _check_faces, same_command, ("faces.json",)),
    }
    build = ("lmdb_build", "build_dataset", "--images", "../inputs/faces", "--dataset", "fgnet", "--out", "out")
    table["faces and their lists"] = Case(
        _album(pictures), (*build, *how), "faces_faces.json", "report.json", _check_lists, same_command, _LISTS
    )
    copies = (*build, "--balance", "copies", "--seed", "2", "--force")
    table["lists over others"] = Case(
        _album(round(300 * size), build), copies, "augmented", "report.json", _check_lists, same_command, _LISTS
    )
    table["lists, the renames"] = Case(
        _album(round(300 * size), build), copies, ".*.part", "report.json", _check_lists, same_command, _LISTS
    )
    return table


def _album(pictures: int, build: tuple[str, ...] = ()) -> Callable[[Path, Path], None]:
    """Return what writes noise with files of landmarks: 68 points, of which numbers 31 and 36 are the eyes.

    The names are those of FG-NET. With `build`, that command has written its lists before.
    """

    def prepare(inputs: Path, before: Path) -> None:
        import cv2

        (inputs / "faces/points").mkdir(parents=True)
        chance = np.random.default_rng(0)
        points = ["10 10"] * 31 + ["30 40"] + ["50 40"] * 36
        text = "version: 1\nn_points: 68\n{\n" + "\n".join(points) + "\n}\n"
        for index in range(pictures):
            name = f"{index // 60:03d}A{index % 60:02d}"
            cv2.imwrite(str(inputs / f"faces/{name}.png"), chance.integers(0, 256, (80, 80, 3), np.uint8))
            (inputs / f"faces/points/{name}.pts").write_text(text)
        if build:
            # The same pictures from a folder of the same depth, so that lists name them in the same way.
            place = before.parent / "before_lists"
            place.mkdir()
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            words = [*build[:-1], str(before)]
            subprocess.run([sys.executable, "-m", *words], cwd=place, env=environment, check=True, capture_output=True)

    return prepare


def _check_faces(out: Path, undisturbed: Path, before: Path) -> str:
    """Expect faces of the undisturbed run; if the record says that it is complete, all of them."""
    found = [path for path in (out / "faces").glob("*") if not path.name.startswith(".")]
    for path in found:
        check_same(path, undisturbed / "faces" / path.name)
    every = len(found) == len(list((undisturbed / "faces").iterdir()))
    if contents(out / "faces.json") == contents(undisturbed / "faces.json") and not every:
        raise Broken(f"faces.json is complete, but there are only {len(found)} faces")
    return "all faces" if every else "some faces" if found else "nothing"


def _check_lists(out: Path, undisturbed: Path, before: Path) -> str:
    """Expect lists of the old division or of the new one, some of which may be missing, and never of both."""
    found = [name for name in _LISTS if (out / name).exists()]
    of = {
        place: {name for name in found if contents(out / name) == contents(place / name)}
        for place in (undisturbed, before)
    }
    new, old = (of[place] for place in (undisturbed, before))
    if unknown := set(found) - new - old:
        raise Broken(f"{sorted(unknown)}: neither of the old division nor of the new one")
    if (new - old) and (old - new):
        raise Broken(f"new lists {sorted(new - old)} beside old ones {sorted(old - new)}")
    for path in (out.parent / "data").rglob("*.png"):
        if not path.name.startswith("."):
            check_same(path, undisturbed.parent / path.relative_to(out.parent))
    if not found:
        return "nothing"
    kind = "old" if old - new else "new"
    return f"all {kind} lists" if len(found) == len(_LISTS) else f"some {kind} lists"
