from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from common.places import ROOT
from kits.lmdb_build import command, write_faces
from lmdb_build.__main__ import ROOM


def test_help_names_every_verb_and_every_verb_has_help(tmp_path: Path) -> None:
    page = command("--help", folder=tmp_path).stdout
    for verb in ROOM.verbs:
        assert f"  {verb} " in page
        run = command(verb, "--help", folder=tmp_path)
        assert (run.returncode, run.stderr) == (0, "")
        assert "usage:" in run.stdout


def test_caffe_s_flags_are_all_there(tmp_path: Path) -> None:
    page = command("convert_imageset", "--help", folder=tmp_path).stdout
    for flag in ("backend", "check_size", "encode_type", "encoded", "gray", "resize_height", "resize_width", "shuffle"):
        assert f"--{flag}" in page


def test_an_unknown_verb(tmp_path: Path) -> None:
    run = command("convert_images", folder=tmp_path)
    assert run.returncode == 2
    assert 'Did you mean "convert_imageset"?' in run.stderr


def test_unpack(tmp_path: Path) -> None:
    write_faces(tmp_path / "UTKFace", [(30, 0)])
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "UTKFace", "UTKFace")
    run = command("unpack", "x.tar.gz", folder=tmp_path)
    assert run.stdout == "data/UTKFace: unpacked. Next: python build_dataset.py --images data/UTKFace\n"
    assert len(list((tmp_path / "data/UTKFace").iterdir())) == 1
    (tmp_path / "bad.tar").write_text("x")
    run = command("unpack", "bad.tar", folder=tmp_path)
    assert (run.returncode, run.stderr.startswith("error: bad.tar: not a tar archive")) == (1, True)


def test_download_explains_how_and_changes_nothing(tmp_path: Path) -> None:
    run = subprocess.run(
        ["bash", str(ROOT / "download.sh")],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0
    assert "https://susanqq.github.io/UTKFace/" in run.stdout
    assert "non-commercial research" in run.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("word", ["curl", "wget", "requests", "urllib"])
def test_nothing_in_the_room_fetches_anything(word: str) -> None:
    for path in [*(ROOT / "lmdb_build").rglob("*.py"), ROOT / "download.sh", ROOT / "create_lmdb.sh"]:
        assert word not in path.read_text("utf-8"), path
