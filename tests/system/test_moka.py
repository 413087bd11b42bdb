"""./moka, the one launcher of all verbs, started as a user starts it."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path

import pytest

from common.places import ROOT
from kits.commands import python_first

MOKA = ROOT / "moka"
VERBS = {
    "lmdb_build": [
        "build_dataset",
        "cut_faces",
        "convert_imageset",
        "create_lmdb",
        "soft_labels",
        "compute_image_mean",
        "unpack",
    ],
    "training": [
        "train",
        "test",
        "time",
        "upgrade",
        "draw",
        "extract_features",
        "import_torch",
        "compress",
        "device_query",
    ],
    "ncs": ["compile", "blob_server", "blob", "mean", "types"],
    "inference": ["infer", "devices", "serve", "bundle"],
    "evaluation": ["evaluate", "compare", "cross_validate", "report"],
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return python_first(tmp_path)


def moka(
    *words: str, folder: Path, environment: dict[str, str], program: str | Path = MOKA
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_help_is_a_table_of_contents(tmp_path: Path, environment: dict[str, str]) -> None:
    done = moka("--help", folder=tmp_path, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "usage: ./moka VERB ..."
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == [verb for verbs in VERBS.values() for verb in verbs]
    assert lines[-1] == "The options of a verb: ./moka VERB --help"


def test_the_table_names_every_verb_of_every_room() -> None:
    rooms = [path.parent.name for path in ROOT.glob("*/__main__.py")]
    assert set(rooms) == set(VERBS)
    for room in rooms:
        assert list(importlib.import_module(f"{room}.__main__").ROOM.verbs) == VERBS[room]


def test_no_verb_is_in_two_rooms() -> None:
    names = [verb for verbs in VERBS.values() for verb in verbs]
    assert len(names) == len(set(names))


def test_without_a_verb_the_table_goes_to_stderr(tmp_path: Path, environment: dict[str, str]) -> None:
    done = moka(folder=tmp_path, environment=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ./moka VERB ...")


def test_an_unknown_verb_has_a_hint(tmp_path: Path, environment: dict[str, str]) -> None:
    done = moka("trian", "--solver", "x", folder=tmp_path, environment=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith('error: ./moka: no verb "trian". Known: ')
    assert done.stderr.endswith('Did you mean "train"?\n')
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("verb", ["unpack", "types", "infer"])
def test_help_of_a_verb_says_how_it_was_called(tmp_path: Path, environment: dict[str, str], verb: str) -> None:
    done = moka(verb, "--help", folder=tmp_path, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("example: ")
    assert f"usage: ./moka {verb} " in done.stdout


def test_paths_are_relative_to_the_current_folder(tmp_path: Path, environment: dict[str, str]) -> None:
    done = moka("unpack", "none.tar", folder=tmp_path, environment=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: none.tar: ")
    assert [path.name for path in tmp_path.iterdir()] == ["path"]


@pytest.mark.parametrize("chain", [1, 2])
def test_it_works_through_links(tmp_path: Path, environment: dict[str, str], chain: int) -> None:
    here = tmp_path / "a folder"
    here.mkdir()
    target = MOKA
    for number in range(chain):
        link = tmp_path / f"link {number}"
        link.symlink_to(target)
        target = link
    done = moka("types", folder=here, environment=environment, program=target)
    assert done.returncode == 0, done.stderr
    assert "Convolution" in done.stdout
    assert list(here.iterdir()) == []


def test_it_works_from_path(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "path/moka").symlink_to(MOKA)
    done = moka("--help", folder=tmp_path, environment=environment, program=tmp_path / "path/moka")
    assert done.returncode == 0
    done = subprocess.run(
        ["bash", "-c", "moka --help"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ./moka VERB ...")


def test_modules_in_the_current_folder_are_not_taken_for_ours(tmp_path: Path, environment: dict[str, str]) -> None:
    for name in ("common", "training", "ncs"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong module')\n")
    done = moka("types", folder=tmp_path, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_error_is_one_line_and_debug_shows_where(tmp_path: Path, environment: dict[str, str]) -> None:
    done = moka("compute_image_mean", "none_lmdb", folder=tmp_path, environment=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("error: none_lmdb: ") and done.stderr.count("\n") == 1
    done = moka("compute_image_mean", "none_lmdb", "--debug", folder=tmp_path, environment=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback") and "\nerror: none_lmdb: " in done.stderr
