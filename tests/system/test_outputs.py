"""--force of every verb: it replaces what the verb wrote, and never a link, a device, a FIFO or somebody's folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from caffe_io.mean import write_mean
from common.commands import run
from common.places import ROOT
from kits.commands import Done
from kits.faces import portrait
from kits.inference import card_of, one_colour, write_graph
from kits.ncs import write_small_net
from kits.training import make_lmdb
from tools import sample_faces

Run = Callable[..., Done]
DEPLOY = ROOT / "prototxt/AgeNet/deploy.prototxt"

# Verb -> its command line; OUT stands for the output.
COMMANDS = {
    "draw": ["training", "draw", "--model", DEPLOY, "--out", "OUT"],
    "upgrade": ["training", "upgrade", DEPLOY, "OUT"],
    "extract_features": ["training", "extract_features", "w.caffemodel", DEPLOY, "prob", "OUT", "1"],
    "convert_imageset": ["lmdb_build", "convert_imageset", "./", "list.txt", "OUT"],
    "create_lmdb, pictures": ["lmdb_build", "create_lmdb", "--table", "table.csv", "--tasks", "smile", "OUT", "labels"],
    "create_lmdb, labels": ["lmdb_build", "create_lmdb", "--table", "table.csv", "--tasks", "smile", "pictures", "OUT"],
    "soft_labels": ["lmdb_build", "soft_labels", "--bins", "0:3", "--sigma", "1", "OUT"],
    "compute_image_mean": ["lmdb_build", "compute_image_mean", "records_lmdb", "OUT"],
    "compute_image_mean --npy": ["lmdb_build", "compute_image_mean", "records_lmdb", "--npy", "OUT"],
    "mean": ["ncs", "mean", "mean.binaryproto", "OUT"],
    "infer": [
        "inference",
        "infer",
        "--image_path",
        "face.png",
        "--graph",
        "cards",
        "--output",
        "OUT",
        "--device",
        "CPU",
    ],
    "compile": ["ncs", "compile", "--net", "SmallNet", "--out", "graph"],
    "cut_faces": ["lmdb_build", "cut_faces", "--images", "portraits", "--faces", "haar", "--size", "8", "--out", "OUT"],
    "sample_faces --out": ["--out", "OUT", "--count", "2"],
    "sample_faces --sheet": ["--sheet", "OUT"],
}
NAMES = {"infer": "out.png", "soft_labels": "out.h5", "compile": "graph/SmallNet.xml"}


@pytest.fixture
def inputs(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("common.places.TOOLCHAIN", working_folder / "toolchain")
    write_small_net(working_folder)
    make_lmdb(working_folder / "records_lmdb", 3, 8, 2)
    write_mean(Path("mean.binaryproto"), np.zeros((3, 4, 4), np.float32))
    cv2.imwrite("face.png", one_colour((1, 2, 3)))
    Path("portraits").mkdir()
    cv2.imwrite("portraits/face.png", portrait())
    Path("list.txt").write_text("face.png 0\n")
    Path("table.csv").write_text("picture,person,smile\nface.png,,0\n")
    write_graph(working_folder / "cards", card_of())
    return working_folder


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


def link(path: Path) -> None:
    Path("kept").write_bytes(b"kept")
    path.symlink_to(Path("kept").resolve())


def link_to_a_folder(path: Path) -> None:
    Path("kept").mkdir()
    Path("kept/data.mdb").write_bytes(b"kept")
    path.symlink_to(Path("kept").resolve())


def dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def folder_of_pictures(path: Path) -> None:
    path.mkdir()
    for number in range(3):
        # As sample_faces names them, and UTKFace.
        (path / f"3{number}_0_1_20170101000000000.jpg.chip.jpg").write_bytes(b"precious")


def call(run_command: Run, verb: str, out: str) -> Done:
    words = [out if word == "OUT" else word for word in COMMANDS[verb]]
    if not verb.startswith("sample_faces"):
        return run_command(*words, "--force")
    with pytest.raises(SystemExit) as ended:
        run(sample_faces.main, [*map(str, words), "--force"])
    return Done(int(str(ended.value.code)), "", "")


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    found = {}
    for path in folder.rglob("*"):
        if "__pycache__" not in path.parts:
            about = path.lstat()
            found[str(path)] = (about.st_mode, about.st_ino, path.read_bytes() if stat.S_ISREG(about.st_mode) else b"")
    return found


@pytest.mark.parametrize("make", [fifo, device, link, link_to_a_folder, dangling_link, folder_of_pictures])
@pytest.mark.parametrize("verb", COMMANDS)
def test_force_replaces_nothing_of_others(
    inputs: Path, run_command: Run, verb: str, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    out = NAMES.get(verb, "out")
    Path(out).parent.mkdir(exist_ok=True)
    make(Path(out))
    before = state(inputs)
    done = call(run_command, verb, out)
    said = done.err or capsys.readouterr().err
    assert done.code == 2, said
    assert said.startswith(f"error: {out}: is a ") and said.count("\n") == 1
    assert state(inputs) == before


@pytest.mark.parametrize(
    "verb", ["draw", "upgrade", "convert_imageset", "compute_image_mean", "mean", "infer", "compile", "cut_faces"]
)
def test_force_replaces_what_the_verb_wrote(inputs: Path, run_command: Run, verb: str) -> None:
    out = NAMES.get(verb, "out")
    for _ in range(2):
        done = call(run_command, verb, out)
        assert done.code == 0, done.err
        assert Path(out).exists()


def test_force_replaces_drawn_faces(inputs: Path, run_command: Run) -> None:
    for _ in range(2):
        assert call(run_command, "sample_faces --out", "out").code == 0
    assert len(list(Path("out").iterdir())) == 2
