"""The commands at the top of the checkout, run as a user runs them, in another folder with a blank in its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from caffe_io.mean import read_mean
from common.places import ROOT
from kits.lmdb_build import records, snapshot, write_faces

PEOPLE = [(age, age % 2) for age in [5] * 6 + [25] * 12 + [45] * 3 + [90]]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_faces_to_lists_to_databases_to_mean(tmp_path: Path) -> None:
    if not (ROOT / ".venv/bin/python").exists():
        pytest.skip("the scripts use .venv, which is not there; ./test.sh makes it")
    here = tmp_path / "my data"
    write_faces(here / "some faces", PEOPLE)
    built = run(here, sys.executable, str(ROOT / "build_dataset.py"), "--images", "some faces")
    assert built.returncode == 0, built.stderr
    made = run(here, str(ROOT / "create_lmdb.sh"))
    assert made.returncode == 0, made.stderr
    sets = {path.name: records(path) for path in sorted((here / "data/lmdb").iterdir())}
    assert list(sets) == ["age_test_lmdb", "age_train_lmdb", "gender_test_lmdb", "gender_train_lmdb"]
    for name, found in sets.items():
        lines = (here / "data/DEF" / name.replace("_lmdb", ".txt")).read_text().splitlines()
        assert sorted(f"{key[9:]} {datum.label}" for key, datum in found) == sorted(lines)
        assert {(datum.channels, datum.height, datum.width) for _, datum in found} == {(3, 227, 227)}
    assert [key[9:] for key, _ in sets["age_train_lmdb"]] != [
        line.rpartition(" ")[0] for line in (here / "data/DEF/age_train.txt").read_text().splitlines()
    ], "shuffled"

    averaged = run(here, str(ROOT / "create_mean.sh"))
    assert averaged.returncode == 0, averaged.stderr
    mean = read_mean(here / "data/mean/mean.binaryproto")
    pixels = [np.frombuffer(datum.data, np.uint8).reshape(3, 227, 227) for _, datum in sets["age_train_lmdb"]]
    assert np.allclose(mean, np.mean(pixels, axis=0), atol=1e-4)
    assert np.array_equal(np.load(here / "data/mean/mean.npy"), mean)

    before = snapshot(here)
    for script in ("create_lmdb.sh", "create_mean.sh"):
        again = run(here, str(ROOT / script))
        assert (again.returncode, "--force" in again.stderr) == (2, True)
    assert snapshot(here) == before
    assert run(here, str(ROOT / "create_lmdb.sh"), "--force", "--gray").returncode == 0
    assert {datum.channels for _, datum in records(here / "data/lmdb/age_test_lmdb")} == {1}


NEXT_STEPS = {
    "create_lmdb.sh": "Make the lists with build_dataset.py.",
    "create_mean.sh": "Make it with ./create_lmdb.sh.",
    "train_AgeNet.sh": "File names are relative to the folder where the command runs: ",
    "train_GenderNet.sh": "File names are relative to the folder where the command runs: ",
    "test_AgeNet.sh": "Train the net first.",
    "test_GenderNet.sh": "Train the net first.",
    "compile2Movidius.sh": "Train the net first.",
}


@pytest.mark.parametrize(("script", "next_step"), NEXT_STEPS.items())
def test_in_an_empty_folder_the_message_names_the_next_step(tmp_path: Path, script: str, next_step: str) -> None:
    if not (ROOT / ".venv/bin/python").exists():
        pytest.skip("the scripts use .venv, which is not there; ./test.sh makes it")
    done = run(tmp_path, str(ROOT / script))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: ")
    assert next_step in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
