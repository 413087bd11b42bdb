"""Functions of road.sh, in a shell in which the commands only say that they were called."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
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
    text = f'set -euo pipefail; RECIPE={recipe}; . "$ROAD"; moka="$PWD/moka" MOKA_ROOT="$PWD" PYTHON=python\n{script}'
    return subprocess.run(
        ["bash", "-c", text, ROOT / f"recipes/{recipe}.sh", *words],
        cwd=folder, env={**os.environ, "ROAD": str(ROOT / "recipes/road.sh")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def calls(folder: Path) -> list[str]:
    path = folder / "calls.txt"
    found = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def touch(path: Path, time: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time, time))


@pytest.mark.parametrize("recipe", ["smile", "fgnet"])
@pytest.mark.parametrize("odd", ["/plain/it.caffemodel", 'a "b" \\n c&d/@folds@/ü', "{here}/models"])
def test_the_plan_is_json_whatever_the_paths_are(tmp_path: Path, recipe: str, odd: str) -> None:
    script = f"checkout='/a \"&\\' iterations=7 weights='{odd}'; plan checkout folds iterations weights"
    plan = json.loads(road(tmp_path, script, "--folds", "3", recipe=recipe))
    assert plan["folds"] == 3
    words = [word for step in plan["steps"].values() for word in step]
    assert '/a "&\\/moka' in words
    assert "7" in plan["steps"]["train"]
    assert (odd in words) == (recipe == "fgnet")
    assert not [word for word in words if word.startswith("@")]


@pytest.mark.parametrize(
    ("words", "expected"), [([], "1000"), (["--quick"], "400"), (["--quick", "--iterations", "12"], "12")]
)
def test_how_long(tmp_path: Path, words: list[str], expected: str) -> None:
    assert road(tmp_path, "how_long 400 1000", *words).strip() == expected


def test_a_training_is_made_once_resumed_and_begun_again_for_another_length(tmp_path: Path) -> None:
    script = "training Net solver 20"
    road(tmp_path, script)
    start = "train --solver prototxt/Net/solver.prototxt --max_iter 20 "
    assert calls(tmp_path) == [f"{start}--force"]
    begun = (tmp_path / "models/Net/iterations").stat().st_mtime

    touch(tmp_path / "models/Net/Net_iter_8.solverstate", begun + 5)
    road(tmp_path, script)
    assert calls(tmp_path) == [f"{start}--snapshot models/Net/Net_iter_8.solverstate"]

    touch(tmp_path / "models/Net/Net_iter_20.caffemodel", begun + 9)
    road(tmp_path, script)
    assert calls(tmp_path) == []

    # A snapshot of the shorter training is nothing to go on from: its learning rate has already fallen.
    for path in (tmp_path / "models/Net").iterdir():
        os.utime(path, (begun - 100, begun - 100))
    road(tmp_path, "training Net solver 30")
    assert calls(tmp_path) == ["train --solver prototxt/Net/solver.prototxt --max_iter 30 --force"]
    road(tmp_path, script)
    assert calls(tmp_path) == [f"{start}--force"]


def test_a_net_is_compiled_again_when_it_was_trained_again(tmp_path: Path) -> None:
    weights = "models/Net/Net_iter_2.caffemodel"
    script = f"compile Net fold {weights}"
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
    touch(tmp_path / "fold" / weights, 3000)
    road(tmp_path, script)
    assert calls(tmp_path / "fold") == [command]


def test_a_training_that_fails_ends_the_recipe_and_its_message_is_shown(tmp_path: Path) -> None:
    (tmp_path / "failing").write_text(
        '#!/bin/sh\necho "I1 solver" >&2\nprintf "error: no such net\\nand what to do\\n" >&2\nexit 1\n'
    )
    (tmp_path / "failing").chmod(0o755)
    script = 'moka="$PWD/failing"; training Net solver 20; echo "went on"'
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
    road(tmp_path, f"PYTHON='{sys.executable}'; ask fold")
    assert calls(tmp_path) == [f"infer --image_path {tmp_path}/faces/{name} --device auto --output answer.png --force"]


def test_a_folder_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/letter.txt").write_text("dear\n")
    done = subprocess.run(
        ["bash", ROOT / "recipes/smile.sh", "--images", ".", "--out", "theirs"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "theirs: is not empty and was not made by this recipe" in done.stderr
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["letter.txt"]
