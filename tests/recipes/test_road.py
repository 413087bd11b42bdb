"""Functions of road.sh, in a shell in which the commands only say that they were called."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.places import ROOT


def road(folder: Path, script: str, *words: str, recipe: str = "smile") -> str:
    """Run lines that must end well, as `shell` does, and return what they printed."""
    done = shell(folder, script, *words, recipe=recipe)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def shell(folder: Path, script: str, *words: str, recipe: str = "smile") -> subprocess.CompletedProcess[str]:
    """Run lines after road.sh was sourced with some options. `./moka` only writes its words to calls.txt."""
    fake = folder / "moka"
    fake.write_text('#!/bin/sh\necho "$@" >>calls.txt\n')
    fake.chmod(0o755)
    set_up = (
        f'set -euo pipefail; RECIPE={recipe} QUICK_FOLDS=2; . "$ROAD"; moka="$PWD/moka" MOKA_ROOT="$PWD" PYTHON=python'
    )
    return subprocess.run(
        ["bash", "-c", f"{set_up}\n{script}", ROOT / f"recipes/{recipe}.sh", *words],
        cwd=folder, env={**os.environ, "ROAD": str(ROOT / "recipes/road.sh")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def calls(folder: Path) -> list[str]:
    path = folder / "calls.txt"
    found = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def touch(path: Path, when: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (when, when))


def write_net(folder: Path, text: str = "") -> None:
    place = folder / "prototxt/Net"
    place.mkdir(parents=True, exist_ok=True)
    (place / "train_test.prototxt").write_text(f"batch_size: 64\n{text}\n")
    (place / "training.json").write_text("{}\n")


@pytest.mark.parametrize("recipe", ["smile", "fgnet", "adience"])
@pytest.mark.parametrize("odd", ["/plain/it.caffemodel", 'a "b" \\n c&d/@folds@/ü', "{here}/models"])
def test_the_plan_is_json_whatever_the_paths_are(tmp_path: Path, recipe: str, odd: str) -> None:
    """An array becomes as many words."""
    script = f"checkout='/a \"&\\' iterations=7 settled=5 weights='{odd}' repeats=4 net=Net made_from=abc\n"
    script += "database_options=(--tasks years,gender)\n"
    script += f"pictures=('--images={odd}') divisions=(--fold 3) start=(--force --weights '{odd}')\n"
    script += (
        "plan checkout folds iterations settled net repeats database_options divisions pictures weights start made_from"
    )
    plan = json.loads(road(tmp_path, script, "--folds", "3", recipe=recipe))
    assert plan["folds"] == 3
    # The first step, so a fold of another net is made again.
    assert "MADE_FROM=abc" in next(iter(plan["steps"].values()))
    words = [word for step in plan["steps"].values() for word in step]
    assert '/a "&\\/moka' in words
    assert "7" in plan["steps"]["train"]
    assert "5" in plan["steps"]["settle"]
    assert "models/Net/Net_settled_iter_5.caffemodel" in plan["steps"]["evaluate"]
    data = plan["steps"]["train_data"]
    assert data[data.index("--tasks") + 1] == "years,gender"
    train = plan["steps"]["train"]
    assert train[train.index("--weights") + 1] == odd
    assert "--force" in train
    assert (f"--images={odd}" in words) == (recipe == "adience")
    assert not [word for word in words if word.startswith("@")]


@pytest.mark.parametrize(
    ("words", "expected"), [([], "1000"), (["--quick"], "400"), (["--quick", "--iterations", "12"], "12")]
)
def test_how_long(tmp_path: Path, words: list[str], expected: str) -> None:
    assert road(tmp_path, "how_long 400 1000", *words).strip() == expected


def test_a_training_is_made_once_resumed_and_begun_again_for_another_length(tmp_path: Path) -> None:
    write_net(tmp_path)
    script = "net=Net; training solver 20"
    road(tmp_path, script)
    start = "train --solver prototxt/Net/solver.prototxt --max_iter 20 --precision auto "
    assert calls(tmp_path) == [f"{start}--force"]
    begun = (tmp_path / "models/Net/begun").stat().st_mtime

    touch(tmp_path / "models/Net/Net_iter_8.solverstate", begun + 5)
    road(tmp_path, script)
    assert calls(tmp_path) == [f"{start}--snapshot models/Net/Net_iter_8.solverstate"]

    touch(tmp_path / "models/Net/Net_iter_20.caffemodel", begun + 9)
    road(tmp_path, script)
    assert calls(tmp_path) == []

    # A snapshot of the shorter training is nothing to go on from: its learning rate has already fallen.
    for path in (tmp_path / "models/Net").iterdir():
        os.utime(path, (begun - 100, begun - 100))
    road(tmp_path, "net=Net; training solver 30")
    assert calls(tmp_path) == ["train --solver prototxt/Net/solver.prototxt --max_iter 30 --precision auto --force"]
    road(tmp_path, script)
    assert calls(tmp_path) == [f"{start}--force"]


def test_another_training_begins_from_the_start(tmp_path: Path) -> None:
    """Of a changed net or training.json, or from other weights: what is there must not pass for it."""
    start = tmp_path / "start.caffemodel"
    script = "net=Net; training solver 20 --weights start.caffemodel"

    def trains(text: str, weights: str) -> bool:
        write_net(tmp_path, text)
        start.write_text(weights)
        road(tmp_path, script)
        made = calls(tmp_path)
        touch(tmp_path / "models/Net/Net_iter_20.caffemodel", time.time() + 5)
        if made:
            assert made[0].endswith("--force --weights start.caffemodel")
        return bool(made)

    assert trains("", "A")
    assert not trains("", "A")
    (tmp_path / "prototxt/Net/train_test.prototxt").write_text("batch_size: 32\n\n")
    road(tmp_path, script)
    assert calls(tmp_path) == [], "as many pictures in an iteration, by two processes"
    os.utime(tmp_path / "models/Net/Net_iter_20.caffemodel", (1e9, 1e9))
    assert trains("dropout_ratio: 0.5", "A")
    os.utime(tmp_path / "models/Net/Net_iter_20.caffemodel", (1e9, 1e9))
    assert trains("dropout_ratio: 0.5", "B")
    assert not trains("dropout_ratio: 0.5", "B")


def test_two_processes_train_where_there_are_two_processors(tmp_path: Path) -> None:
    write_net(tmp_path)
    (tmp_path / "python").write_text('#!/bin/sh\necho python "$@" >>calls.txt\n')
    (tmp_path / "python").chmod(0o755)
    road(tmp_path, 'net=Net train_with=("$PWD/python" -m torch.distributed.run); training solver 20')
    (call,) = calls(tmp_path)
    assert call.startswith("python -m torch.distributed.run ") and call.split()[3:5] == [f"{tmp_path}/moka", "train"]
    for count, workers in ((1, "1"), (2, "2"), (8, "2")):
        assert road(tmp_path, f"nproc() {{ echo {count}; }}; how_many_workers").strip() == workers


def test_a_trained_net_settles_once(tmp_path: Path) -> None:
    """Never for longer than it was trained."""
    solver = tmp_path / "prototxt/Net/settle_solver.prototxt"
    solver.parent.mkdir(parents=True)
    solver.write_text("base_lr: 0\nmax_iter: 60\n")
    touch(tmp_path / "models/Net/Net_iter_20.caffemodel", 1000)
    script = 'net=Net; settle 20; echo "$weights"; how_settled 100'
    weights = "models/Net/Net_settled_iter_20.caffemodel"
    assert road(tmp_path, script).splitlines()[-2:] == [weights, "60"]
    words = "--max_iter 20 --weights models/Net/Net_iter_20.caffemodel --precision auto --force"
    assert calls(tmp_path) == [f"train --solver prototxt/Net/settle_solver.prototxt {words}"]
    touch(tmp_path / weights, 1005)
    road(tmp_path, script)
    assert calls(tmp_path) == []


def test_a_net_is_compiled_again_when_it_was_trained_again(tmp_path: Path) -> None:
    weights = "models/Net/Net_iter_2.caffemodel"
    script = f"net=Net; compile fold {weights}"
    touch(tmp_path / "fold" / weights, 1000)
    (tmp_path / "fold/moka").symlink_to(tmp_path / "moka")
    command = f"compile --net Net --weights {weights} --out {tmp_path}/graph --force"
    road(tmp_path, script)
    assert calls(tmp_path / "fold") == [command]
    touch(tmp_path / "graph/Net.json", 2000)
    road(tmp_path, script)
    assert calls(tmp_path / "fold") == []
    # The tool chain came later, so now there can be a blob.
    (tmp_path / ".toolchain/movidius").mkdir(parents=True)
    road(tmp_path, script)
    assert calls(tmp_path / "fold") == [command]
    touch(tmp_path / "graph/Net.blob", 2000)
    road(tmp_path, script)
    assert calls(tmp_path / "fold") == []
    for later, name in enumerate((weights, "prototxt/Net/card.json", "prototxt/Net/deploy.prototxt"), 3000):
        touch(tmp_path / "fold" / name, later)
        road(tmp_path, script)
        assert calls(tmp_path / "fold") == [command]
        touch(tmp_path / "graph/Net.json", later + 0.5)
        road(tmp_path, script)
        assert calls(tmp_path / "fold") == []


def test_a_training_that_fails_ends_the_recipe_and_its_message_is_shown(tmp_path: Path) -> None:
    write_net(tmp_path)
    (tmp_path / "failing").write_text(
        '#!/bin/sh\necho "I1 solver" >&2\nprintf "error: no such net\\nand what to do\\n" >&2\nexit 1\n'
    )
    (tmp_path / "failing").chmod(0o755)
    script = 'moka="$PWD/failing"; net=Net; training solver 20; echo "went on"'
    done = shell(tmp_path, script)
    assert done.returncode == 1
    assert "went on" not in done.stdout
    assert done.stderr == "error: no such net\nand what to do\n"
    assert (tmp_path / "Net.log").read_text() == f"I1 solver\n{done.stderr}"


@pytest.mark.parametrize("name", ["plain.jpg", "a, b.jpg", 'quo"te.jpg'])
def test_the_compiled_net_is_asked_about_the_first_picture_of_the_table(tmp_path: Path, name: str) -> None:
    (tmp_path / "fold/data/DEF").mkdir(parents=True)
    with (tmp_path / "fold/data/DEF/test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("picture", "person", "smile"), (f"../faces/{name}", "", 1), ("other.jpg", "", 0)])
    road(tmp_path, f"PYTHON='{sys.executable}'; ask fold/data/DEF/test.csv fold")
    assert calls(tmp_path) == [f"infer --image_path {tmp_path}/faces/{name} --device auto --output answer.png --force"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [([], "5"), (["--quick"], "2"), (["--quick", "--folds", "4"], "4"), (["--folds", "10"], "10")],
)
def test_how_many_folds(tmp_path: Path, words: list[str], expected: str) -> None:
    assert road(tmp_path, 'echo "$folds"', *words).strip() == expected


def test_a_recipe_ends_when_the_net_lacks_a_task(tmp_path: Path) -> None:
    script = "net=Net; database_options=(--tasks smile,years --absent -1); need_tasks years smile; need_tasks gender"
    done = shell(tmp_path, script)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --net Net: learns smile,years, and this recipe measures gender. Give another net.\n"


def test_a_net_is_measured_on_a_table_whatever_was_measured_before(tmp_path: Path) -> None:
    (tmp_path / "moka").touch()
    script = "net=Net weights=it.caffemodel database_options=(--tasks years); measure there all.csv"
    touch(tmp_path / "all.csv", 1000)
    touch(tmp_path / "it.caffemodel", 1000)
    road(tmp_path, script)
    create = (
        "create_lmdb --table all.csv --tasks years --force there/data/lmdb/Net_test there/data/lmdb/Net_test_labels"
    )
    evaluate = (
        f"evaluate --net Net --weights {tmp_path}/it.caffemodel --looks mirror --table {tmp_path}/all.csv "
        f"--published {ROOT}/recipes/published/smile.json --out ."
    )
    assert (calls(tmp_path), calls(tmp_path / "there")) == ([create], [evaluate])
    touch(tmp_path / "there/data/lmdb/Net_test_labels", 2000)
    road(tmp_path, script)
    assert (calls(tmp_path), calls(tmp_path / "there")) == ([create], [evaluate])


def test_a_table_of_a_whole_set_has_both_parts_under_one_header(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for part in ("train", "test"):
        (tmp_path / f"set/{part}.csv").write_text(f"picture,person,years\n{part}.jpg,,3\n")
    road(tmp_path, "whole_table set --images faces")
    assert calls(tmp_path) == ["build_dataset --images faces --split 0.5 --balance none --out set --force"]
    assert (tmp_path / "set/all.csv").read_text() == "picture,person,years\ntrain.jpg,,3\ntest.jpg,,3\n"
    # Of another set, its own.
    (tmp_path / "set/test.csv").write_text("picture,person,years\nother.jpg,,3\n")
    road(tmp_path, "whole_table set --images others")
    assert (tmp_path / "set/all.csv").read_text() == "picture,person,years\ntrain.jpg,,3\nother.jpg,,3\n"


def test_a_folder_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/letter.txt").write_text("dear\n")
    done = subprocess.run(
        ["bash", ROOT / "recipes/utkface.sh", "--images", ".", "--out", "theirs"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "theirs: is not empty and was not made by this recipe" in done.stderr
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["letter.txt"]


def test_a_folder_made_of_other_pictures_is_left_alone(tmp_path: Path) -> None:
    """Its databases and nets would pass for those of these pictures."""
    mine, division = tmp_path / "mine.tar", tmp_path / "parts.csv"
    mine.write_bytes(b"12")
    division.write_bytes(b"123")
    made = tmp_path / "coral_out"
    made.mkdir()
    (made / "val.csv").touch()
    words = ["bash", ROOT / "recipes/coral.sh", "--images", "mine.tar", "--division", "parts.csv"]
    for mark, expected in (
        (
            "mine.tar (2 bytes)\nothers.csv (3 bytes)\n",
            "was made of mine.tar (2 bytes) others.csv (3 bytes). These are: ",
        ),
        (
            "",
            "was made of pictures that an older Moka did not note. These are: mine.tar (2 bytes) parts.csv (3 bytes).",
        ),
    ):
        (made / ".made-by-coral").write_text(mark)
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"error: coral_out: {expected}" in done.stderr
        assert sorted(path.name for path in made.iterdir()) == [".made-by-coral", "val.csv"]
