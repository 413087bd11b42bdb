"""The recipes as scripts: their help, and what they say when they are used wrongly. test_roads.py walks them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from common.places import ROOT

SCRIPTS = sorted(path for path in (ROOT / "recipes").glob("*.sh") if path.name not in ("options.sh", "road.sh"))


def run(script: Path, *words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", script, *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_help_names_the_options(script: Path, tmp_path: Path) -> None:
    done = run(script, "--help", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("--images", "--quick", "--iterations N", "--out DIR", "docs/recipes.md", script.name):
        assert word in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--images is missing"),
        (["--images"], "--images needs a value"),
        (["--images", "nowhere.tar"], "--images nowhere.tar: not found"),
        (["--images", ".", "--iterations", "0"], "--iterations 0: expected a whole number"),
        (["--fast"], "unknown option --fast"),
        # Words of the help.
        (["UTKFace.tar.gz"], "UTKFace.tar.gz"),
        (["train"], "train"),
        ([""], "no option"),
    ],
)
def test_wrong_use(script: Path, tmp_path: Path, words: list[str], message: str) -> None:
    done = run(script, *words, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("smile", ["--folds", "1"], "--folds 1: expected a number from 2"),
        ("smile", ["--weights", "."], "unknown option --weights"),
        ("smile", ["--images", "."], "--images is given 2 times. Expected one archive or folder"),
        ("smile", ["--images_utkface", ".", "--net", "Net"], "--net Net: no such net. Known: BKNet FaceRes"),
        ("coral", [], "--division is missing"),
        ("coral", ["--division", "nowhere.csv"], "--division nowhere.csv: not found"),
        ("coral", ["--division", ".", "--measure", "nowhere.csv"], "--measure nowhere.csv: not found"),
        ("adience", ["--folds", "6"], "--folds 6: Adience has five folds"),
        ("adience", ["--dataset", "imdb"], "--dataset imdb: expected adience or utkface"),
        ("utkface", ["--folds", "2"], "unknown option --folds"),
        ("fgnet", [], "--images_utkface is missing"),
        ("fgnet", ["--images_utkface", "nowhere.tar"], "--images_utkface nowhere.tar: not found"),
        ("fgnet", ["--weights", "nowhere.caffemodel"], "--weights nowhere.caffemodel: not found"),
    ],
)
def test_wrong_use_of_one_recipe(tmp_path: Path, name: str, words: list[str], message: str) -> None:
    done = run(ROOT / f"recipes/{name}.sh", "--images", ".", *words, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())
