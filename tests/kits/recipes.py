"""The archives of the recipes as miniatures: the form of the real ones, with pictures that are made up."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common.places import ROOT
from kits.faces import points_of_face, points_text, portrait
from kits.lmdb_build import picture


def run_recipe(name: str, *words: object, folder: Path, timeout: float = 280) -> subprocess.CompletedProcess[str]:
    """Run recipes/NAME.sh in `folder`."""
    return subprocess.run(
        ["bash", ROOT / f"recipes/{name}.sh", *map(str, words)],
        cwd=folder, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """Return a picture as the bytes of a JPEG."""
    return cv2.imencode(".jpg", image)[1].tobytes()


def archive(path: Path, files: dict[str, bytes]) -> Path:
    """Write a tar, or a .tar.gz by its name, of name -> contents."""
    folder = path.with_name(f"{path.name}.files")
    for name, contents in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(contents)
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for top in sorted(folder.iterdir()):
            tar.add(top, top.name)
    return path


def utkface(path: Path, count: int = 40) -> Path:
    """Write UTKFace_AsianOnly.tar.gz: 200x200, all ages, both genders, one name with a field missing."""
    files = {
        f"UTKFace_AsianOnly/{number * 100 // count}_{number % 2}_2_20170109{number:09d}.jpg.chip.jpg": jpeg(
            picture(number, 200, 200)
        )
        for number in range(count)
    }
    return archive(path, {**files, "UTKFace_AsianOnly/61_1_20170109142408075.jpg.chip.jpg": jpeg(picture(count))})


def genki4k(path: Path, count: int = 20) -> Path:
    """Write GENKI4K.tar: faces of which every second one smiles, and a last picture without a face."""
    lines = [f"{number % 2} {number / 100:f} -0.000501 0.074" for number in range(count + 1)]
    files = {f"genki4k/files/file{number + 1:04d}.jpg": jpeg(portrait(number)) for number in range(count)}
    files[f"genki4k/files/file{count + 1:04d}.jpg"] = jpeg(np.full((190, 180, 3), 90, np.uint8))
    files["genki4k/labels.txt"] = "".join(f"{line}\n" for line in lines).encode()
    return archive(path, {**files, "genki4k/README": b"made up\n"})


def fgnet(path: Path, people: int = 10) -> Path:
    """Write FGNET.tar: two pictures of each person, and their landmarks under lower-case names."""
    files = {}
    for person in range(1, people + 1):
        for age in (person, 4 * person + 10):
            name = f"{person:03d}A{age:02d}"
            files[f"FGNET/images/{name}.JPG"] = jpeg(portrait(person, age))
            points = points_text(points_of_face((140.0, 140.0), (200.0, 142.0)))
            files[f"FGNET/points/{name.lower()}.pts"] = points.encode()
    return archive(path, files)
