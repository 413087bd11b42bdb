"""Every room as a user without rights meets it, in a folder and with files that belong to somebody else.

One process tries all commands, because each would take a second to start.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from common.places import ROOT
from kits.commands import Done
from kits.lmdb_build import command, write_faces, write_picture
from kits.ncs import write_small_net
from kits.second_user import SecondUser

TRY_ALL = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from kits.commands import run_command
done = [run_command(room, *words, folder=Path.cwd()) for room, *words in json.loads(sys.argv[2])]
Path("done.json").write_text(json.dumps([[each.code, each.out, each.err] for each in done]))
"""
DEPLOY = "prototxt/SmallNet_deploy.prototxt"
WEIGHTS = "models/SmallNet/SmallNet_iter_20.caffemodel"
MEAN = "data/mean/mean.binaryproto"


def try_all(user: SecondUser, folder: Path, commands: list[list[str]]) -> list[Done]:
    """Run commands in `folder` as the second user, who could not leave the answers there."""
    script = TRY_ALL.replace("Path.cwd()", f"Path({str(folder)!r})")
    done = user.run("-c", script, ROOT / "tests", json.dumps(commands))
    assert done.returncode == 0, done.stderr
    return [Done(*each) for each in json.loads((user.folder / "done.json").read_text())]


@pytest.fixture
def world(second_user: SecondUser) -> Path:
    """A folder with faces, a database and a net, all of them root's; the second user may read them."""
    folder = second_user.folder / "world"
    folder.mkdir()
    write_faces(folder / "faces", [(5, 0), (25, 1)] * 5)
    write_picture(folder / "face.jpg")
    write_small_net(folder)
    (folder / "list.txt").write_text("".join(f"{path.name} 0\n" for path in sorted((folder / "faces").iterdir())))
    (folder / "solver.prototxt").write_text(
        f'net: "{DEPLOY}"\nbase_lr: 0.1\nlr_policy: "fixed"\nmax_iter: 1\nsnapshot_prefix: "run/x"\n'
    )
    made = command("convert_imageset", "faces/", "list.txt", "db", folder=folder)
    assert made.returncode == 0, made.stderr
    return folder


# A command, and what its message begins with.
NOTHING_MAY_BE_WRITTEN = [
    ("lmdb_build build_dataset --images faces", "data/"),
    ("lmdb_build convert_imageset faces/ list.txt new", "new: cannot be written"),
    ("lmdb_build compute_image_mean db new", "new: cannot be written"),
    ("training train --solver solver.prototxt", 'snapshot_prefix "run/x": the folder run cannot be written'),
    (f"training upgrade {DEPLOY} new", "new: cannot be written"),
    (f"training draw --model {DEPLOY} --out new.svg", "new.svg: cannot be written"),
    (f"training extract_features {WEIGHTS} {DEPLOY} prob new 1", "new: cannot be written"),
    ("ncs compile --net SmallNet", "graph/SmallNet.json: cannot be written"),
    (f"ncs mean {MEAN} new.npy", "new.npy: cannot be written"),
]


def test_a_folder_of_somebody_else(second_user: SecondUser, world: Path) -> None:
    before = sorted(world.rglob("*"))
    done = try_all(second_user, world, [words.split() for words, _ in NOTHING_MAY_BE_WRITTEN])
    for (words, begin), each in zip(NOTHING_MAY_BE_WRITTEN, done, strict=True):
        last = each.err.splitlines()[-1]
        assert (words, each.code, last[: len(f"error: {begin}")]) == (words, 1, f"error: {begin}")
        assert "(Permission denied). Check the folder and its permissions" in last, words
        assert "Traceback" not in each.err
    assert sorted(world.rglob("*")) == before


NOTHING_MAY_BE_READ = [
    ("lmdb_build build_dataset --images shut/faces", "shut/faces: "),
    ("lmdb_build convert_imageset faces/ shut/list.txt new", "shut/list.txt: cannot be read"),
    ("lmdb_build compute_image_mean shut/db new", "shut/db: cannot be read"),
    ("lmdb_build compute_image_mean shut/db new --backend leveldb", "shut/db: cannot be read"),
    ("lmdb_build unpack shut/faces.tar", "shut/faces.tar: "),
    ("training train --solver shut/solver.prototxt", "shut/solver.prototxt: cannot be read"),
    (f"training train --solver solver.prototxt --weights shut/{WEIGHTS}", f"shut/{WEIGHTS}: cannot be read"),
    ("training train --solver shut_prefix.prototxt", 'snapshot_prefix "shut/x": the folder shut cannot be written'),
    (f"training upgrade shut/{DEPLOY} new", f"shut/{DEPLOY}: cannot be read"),
    (f"training draw --model shut/{DEPLOY} --out new.svg", f"shut/{DEPLOY}: cannot be read"),
    (f"training time --model shut/{DEPLOY}", f"shut/{DEPLOY}: cannot be read"),
    (f"training extract_features shut/{WEIGHTS} {DEPLOY} prob new 1", f"shut/{WEIGHTS}: cannot be read"),
    ("ncs compile --net Shut", "models/Shut: cannot be read"),
    (f"ncs mean shut/{MEAN} new.npy", f"shut/{MEAN}: cannot be read"),
    ("inference --image_path face.jpg --graph shut", "shut: cannot be read"),
    ("evaluation evaluate --net Shut", "models/Shut: cannot be read"),
]


def test_files_of_somebody_else(second_user: SecondUser, world: Path) -> None:
    for kind in ("deploy", "train_test"):
        shutil.copy(world / f"prototxt/SmallNet_{kind}.prototxt", world / f"prototxt/Shut_{kind}.prototxt")
    shutil.copytree(world / "models/SmallNet", world / "models/Shut")
    shutil.copytree(world, world / "shut")
    solver = (world / "solver.prototxt").read_text()
    (world / "shut_prefix.prototxt").write_text(solver.replace("run/x", "shut/x"))
    (world / "models/Shut").chmod(0o700)
    (world / "shut").chmod(0o700)
    second_user.owns(world, world / "models", world / "prototxt")
    done = try_all(second_user, world, [words.split() for words, _ in NOTHING_MAY_BE_READ])
    for (words, begin), each in zip(NOTHING_MAY_BE_READ, done, strict=True):
        message = next(line for line in each.err.splitlines() if line.startswith("error: "))
        assert (words, each.code, message[: len(f"error: {begin}")]) == (words, 1, f"error: {begin}")
        assert "Permission denied" in message, words
        assert "Traceback" not in each.err
    assert list(world.glob("*new*")) == []
