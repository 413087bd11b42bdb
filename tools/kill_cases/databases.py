"""Databases and means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from caffe_io.databases.lmdb_store import LmdbReader, write_lmdb
from caffe_io.datum import array_to_datum

from .case import Broken, Case, check_same, same_command, with_force_if_needed


def database_cases(size: float) -> dict[str, Case]:
    """Return the cases of convert_imageset, create_lmdb and compute_image_mean."""
    pictures = round(6000 * size)
    convert = ("lmdb_build", "convert_imageset", "../inputs/faces/", "../inputs/faces.txt", "out/faces_lmdb")
    table: dict[str, Case] = {}
    for name, old in (("LMDB", False), ("LMDB over another", True)):
        table[name] = Case(
            _lister(pictures, old), (*convert, *["--force"] * old), ".faces_lmdb.*", "faces_lmdb", _check_lmdb,
            with_force_if_needed, ("faces_lmdb/data.mdb",),
        )  # fmt: skip
    create = ("lmdb_build", "create_lmdb", "--table", "../inputs/faces.csv", "--tasks", "gender", "--force")
    pair = ("faces_lmdb", "labels_lmdb")
    files = tuple(f"{name}/data.mdb" for name in pair)
    places = tuple(f"out/{name}" for name in pair)
    table["pictures and labels over others"] = Case(
        _lister(pictures, True), (*create, *places), ".faces_lmdb.*", pair[1], _check_pair, same_command, files
    )
    table["pictures and labels, resumed"] = Case(
        _lister(pictures, True), (*create, "--resume", *places), ".faces_lmdb.*", pair[1], _check_pair, same_command,
        files, _records,
    )  # fmt: skip
    mean = ("lmdb_build", "compute_image_mean", "../inputs/faces_lmdb", "out/mean.binaryproto", "--npy", "out/mean.npy")
    table["mean"] = Case(
        _means, mean, ".mean.*", "mean.npy", _check_mean, with_force_if_needed, ("mean.binaryproto", "mean.npy")
    )
    return table


def _lister(pictures: int, old: bool) -> Callable[[Path, Path], None]:
    def prepare(inputs: Path, before: Path) -> None:
        import cv2

        (inputs / "faces").mkdir()
        chance = np.random.default_rng(0)
        for index in range(50):
            cv2.imwrite(str(inputs / f"faces/{index}.png"), chance.integers(0, 256, (64, 64, 3), np.uint8))
        lines = [f"{index % 50}.png {index % 7}" for index in range(pictures)]
        (inputs / "faces.txt").write_text("\n".join(lines) + "\n")
        rows = [f"../inputs/faces/{index % 50}.png,,{index % 2}" for index in range(pictures)]
        (inputs / "faces.csv").write_text("\n".join(["picture,person,gender", *rows]) + "\n")
        for name in ("faces_lmdb", "labels_lmdb") if old else ():
            with write_lmdb(before / name) as database:
                for index in range(pictures):
                    database.put(b"old %08d" % index, bytes(12_000))

    return prepare


def _check_lmdb(out: Path, undisturbed: Path, before: Path, name: str = "faces_lmdb") -> str:
    """Expect no database, that of the undisturbed run, or the one that should be replaced."""
    if not (out / name / "data.mdb").exists():
        return "nothing"
    with LmdbReader(out / name) as reader:
        count = sum(1 for _ in reader.items())
        if count != len(reader):
            raise Broken(f"{name}: {count} records of {len(reader)}")
    data = _records(out / name / "data.mdb")
    for place, word in ((undisturbed, "the new one"), (before, "the old one")):
        file = place / name / "data.mdb"
        if file.exists() and _records(file) == data:
            return word
    raise Broken(f"{name}: neither the new database nor the old one")


def _records(data: Path) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Return the size and the records of a database. Nothing else of it counts: LMDB leaves other bytes as they were."""
    with LmdbReader(data.parent) as reader:
        return data.stat().st_size, list(reader.items())


def _check_pair(out: Path, undisturbed: Path, before: Path) -> str:
    """Expect pictures and labels of one run. One of them may be alone, which no net takes for both."""
    pictures = _check_lmdb(out, undisturbed, before)
    labels = _check_lmdb(out, undisturbed, before, "labels_lmdb")
    if "nothing" not in (pictures, labels) and pictures != labels:
        raise Broken(f"pictures: {pictures}, labels: {labels}")
    return pictures if pictures == labels else f"pictures: {pictures}, labels: {labels}"


def _means(inputs: Path, before: Path) -> None:
    chance = np.random.default_rng(0)
    # The pictures are large, so that the mean (27 MB) takes time to write.
    with write_lmdb(inputs / "faces_lmdb") as database:
        for index in range(4):
            datum = array_to_datum(chance.integers(0, 256, (3, 1500, 1500), np.uint8), 0)
            database.put(b"%08d" % index, datum.SerializeToString())


def _check_mean(out: Path, undisturbed: Path, before: Path) -> str:
    found = sorted(out.glob("mean.*"))
    for path in found:
        check_same(path, undisturbed / path.name)
    return " and ".join(path.name for path in found) or "nothing"
