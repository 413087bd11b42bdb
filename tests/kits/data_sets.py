"""The real data sets that may lie beside the checkout, and miniatures of others in exactly their formats."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from common.places import ROOT
from kits.lmdb_build import write_picture

REAL = ROOT.parent / "shared/data"


def real_data(name: str) -> Path:
    """Return the path of a real data set, or skip the test."""
    if not (REAL / name).exists():
        pytest.skip(f"{name} is not beside the checkout; its pictures may not be part of it")
    return REAL / name


def names_only(archive: str, folder: Path, keep: str = ".txt") -> list[str]:
    """Return the sorted names in a real archive, and unpack only those that end with `keep`: the labels, not the pictures."""
    with tarfile.open(real_data(archive)) as tar:
        members = [member for member in tar if member.isfile()]
        for member in members:
            if member.name.endswith(keep):
                source = tar.extractfile(member)
                assert source is not None
                (folder / member.name).parent.mkdir(parents=True, exist_ok=True)
                (folder / member.name).write_bytes(source.read())
    return sorted(member.name for member in members)


ADIENCE_HEADER = "user_id original_image face_id age gender x y dx dy tilt_ang fiducial_yaw_angle fiducial_score"


def write_adience(
    folder: Path, folds: Sequence[Sequence[tuple[str, str, int, str, str]]], prefix: str = "landmark_aligned_face"
) -> Path:
    """Write fold files and pictures of Adience from (user, image, face, age, gender). No picture for a "gone.jpg"."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, rows in enumerate(folds):
        lines = [ADIENCE_HEADER.replace(" ", "\t")]
        for seed, (user, image, face, age, gender) in enumerate(rows):
            lines.append("\t".join(map(str, (user, image, face, age, gender, 0, 414, 1086, 1383, -115, 30, 17))))
            if image != "gone.jpg":
                write_picture(folder / f"aligned/{user}/{prefix}.{face}.{image}", 1000 * number + seed)
        (folder / f"fold_{number}_data.txt").write_text("\n".join(lines) + "\n")
    return folder


def write_mat(path: Path, entries: Sequence[dict[str, Any]], without: str = "") -> Path:
    """Write an imdb.mat or wiki.mat as published: a 1x1 struct, each of whose fields is 1xN; texts and boxes are cells."""
    fields: dict[str, Any] = {}
    for name in ("dob", "photo_taken", "gender", "face_score", "second_face_score"):
        fields[name] = np.array([[float(entry[name]) for entry in entries]])
    for name in ("full_path", "name", "face_location"):
        cells = np.empty((1, len(entries)), object)
        for index, entry in enumerate(entries):
            cells[0, index] = entry[name] if name != "face_location" else np.array([entry[name]], float)
        fields[name] = cells
    fields.pop(without, None)
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {path.stem: fields})
    return path
