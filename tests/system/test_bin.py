"""bin/, Caffe's tools under their own names, started as scripts of Caffe's users start them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from common.places import ROOT
from kits.commands import python_first
from kits.lmdb_build import records, write_picture
from kits.training import small_solver

BIN = ROOT / "bin"
WITHDRAWN = {
    "train_net": "caffe train",
    "finetune_net": "caffe train",
    "test_net": "caffe test",
    "net_speed_benchmark": "caffe time",
    "device_query": "caffe device_query",
}
TOOLS = {
    *("caffe", "convert_imageset", "compute_image_mean", "extract_features"),
    *("upgrade_net_proto_text", "upgrade_net_proto_binary", "upgrade_solver_proto_text"),
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return python_first(tmp_path) | {"OMP_NUM_THREADS": "1"}


def sh(script: str, folder: Path, environment: dict[str, str], **variables: object) -> subprocess.CompletedProcess[str]:
    """Run a script in which $TOOLS is bin/."""
    given = {**environment, "TOOLS": str(BIN), **{name: str(value) for name, value in variables.items()}}
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, env=given, capture_output=True, text=True, timeout=250, check=False
    )


def write_list(folder: Path, label: int = 1) -> None:
    write_picture(folder / "a.png", 1)
    write_picture(folder / "b.png", 2)
    (folder / "list.txt").write_text(f"a.png {label}\nb.png 0\n")


def test_all_tools_are_there_and_executable() -> None:
    assert {path.name for path in BIN.iterdir()} == TOOLS | set(WITHDRAWN)
    for path in BIN.iterdir():
        assert os.access(path, os.X_OK) and not path.is_symlink()


def test_through_a_link_and_on_path_from_any_folder(tmp_path: Path, environment: dict[str, str]) -> None:
    here = tmp_path / "my data"
    here.mkdir()
    write_list(here, label=-1)
    # As many scripts write it: a folder of Caffe with build/tools in it.
    (tmp_path / "caffe/build").mkdir(parents=True)
    (tmp_path / "caffe/build/tools").symlink_to(BIN)
    (tmp_path / "convert").symlink_to(tmp_path / "caffe/build/tools/convert_imageset")
    for number, call in enumerate(
        ["../caffe/build/tools/convert_imageset", "../convert", "PATH=$TOOLS:$PATH; convert_imageset"]
    ):
        done = sh(f"{call} --resize_height 8 -resize_width=9 ./ list.txt db{number}", here, environment)
        assert done.returncode == 0, done.stderr
        found = records(here / f"db{number}")
        assert [(key, datum.label, datum.height, datum.width) for key, datum in found] == [
            ("00000000_a.png", -1, 8, 9),
            ("00000001_b.png", 0, 8, 9),
        ]
    assert sorted(path.name for path in here.iterdir()) == ["a.png", "b.png", "db0", "db1", "db2", "list.txt"]


@pytest.mark.parametrize("call", ["$TOOLS/caffe", "$TOOLS/caffe --help", "$TOOLS/caffe -helpshort"])
def test_caffe_alone_lists_its_actions(tmp_path: Path, environment: dict[str, str], call: str) -> None:
    done = sh(call, tmp_path, environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: caffe ACTION")
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == [
        *("train", "test", "time", "device_query")
    ]


def test_the_version(tmp_path: Path, environment: dict[str, str]) -> None:
    assert sh("$TOOLS/caffe --version", tmp_path, environment).stdout == "caffe version 1.0.0\n"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("$TOOLS/caffe frob", 'error: caffe: no action "frob". Known: train, test, time, device_query.'),
        ("$TOOLS/caffe --solver x", 'error: caffe: no action "--solver". Known: '),
        ("$TOOLS/caffe train", "the following arguments are required: --solver"),
        ("$TOOLS/caffe train --solver s --gpu 1,x", "--gpu 1,x: expected the number of a GPU"),
        ("$TOOLS/caffe train --solver s --snapshot a --weights b", "not allowed with"),
        ("$TOOLS/convert_imageset", "the following arguments are required: ROOTFOLDER/, LISTFILE, DB_NAME"),
        ("$TOOLS/convert_imageset --gray=maybe ./ l d", "--gray=maybe: expected true or false"),
    ],
)
def test_used_wrongly(tmp_path: Path, environment: dict[str, str], call: str, message: str) -> None:
    (tmp_path / "s").write_text('net: "n.prototxt" lr_policy: "fixed" base_lr: 1 max_iter: 1\n')
    done = sh(call, tmp_path, environment)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


@pytest.mark.parametrize("tool", WITHDRAWN)
def test_withdrawn_tools_name_the_one_to_use(tmp_path: Path, environment: dict[str, str], tool: str) -> None:
    done = sh(f"$TOOLS/{tool} a b", tmp_path, environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {tool}: deprecated. Use: {WITHDRAWN[tool]}")


@pytest.mark.slow
def test_training_and_its_spellings(tmp_path: Path, environment: dict[str, str]) -> None:
    """Options before the action, an empty --snapshot, a GPU that is not there, several weights, options of other actions."""
    small_solver(tmp_path, max_iter=2, snapshot=0, test_interval=2, display=1)
    environment = {**environment, "CUDA_VISIBLE_DEVICES": ""}
    script = """set -e
$TOOLS/caffe -solver solver.prototxt --gpu=0 --snapshot= --iterations=3 --logtostderr=1 train 2> first
$TOOLS/caffe test -gpu all --model net.prototxt --weights $SAVED,$SAVED -iterations 1 2> second
$TOOLS/caffe time -gpu=0 -model=net.prototxt --weights=$SAVED --iterations=1 --phase TEST --minloglevel=1 2> third
$TOOLS/extract_features $SAVED net.prototxt fc features 1 lmdb GPU 0 2> fourth
$TOOLS/caffe device_query -gpu 0 > fifth
"""
    saved = "small_iter_2.caffemodel"
    done = sh(script, tmp_path, environment, SAVED=saved)
    assert done.returncode == 0, done.stderr + "".join(p.read_text() for p in tmp_path.glob("f*") if p.is_file())
    notes = {
        name: [line for line in (tmp_path / name).read_text().splitlines() if line.startswith("warning: ")]
        for name in ("first", "second", "third", "fourth")
    }
    assert notes == {
        "first": [
            "warning: --iterations has no meaning here and is ignored.",
            "warning: --gpu 0: PyTorch sees no such GPU, so the CPU computes.",
        ],
        "second": ["warning: --gpu all: PyTorch sees no such GPU, so the CPU computes."],
        "third": [
            "warning: --weights has no meaning here and is ignored.",
            "warning: --minloglevel has no meaning here and is ignored.",
            "warning: --gpu 0: PyTorch sees no such GPU, so the CPU computes.",
        ],
        "fourth": ["warning: --gpu 0: PyTorch sees no such GPU, so the CPU computes."],
    }
    assert len(records(tmp_path / "features")) > 0
    assert "sees no GPU; nets run on the CPU" in (tmp_path / "fifth").read_text()
