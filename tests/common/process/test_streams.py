"""Standard output that is full, closed by its reader, or unable to show what is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.places import ROOT

TYPES = ["moka", "types"]
HELP = ["moka", "train", "--help"]
LIST = ["moka", "--help"]


def run(folder: Path, words: list[str], shell: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f'"$0" "$@" {shell}; exit ${{PIPESTATUS[0]}}', sys.executable, str(ROOT / words[0]), *words[1:]],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        timeout=120,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("words", [TYPES, HELP, LIST], ids=" ".join)
def test_a_reader_that_leaves_is_no_error(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, words, "| true")
    assert (done.returncode, done.stdout, done.stderr) == (141, "", "")


@pytest.mark.parametrize("words", [TYPES, HELP, LIST], ids=" ".join)
def test_a_full_disk_is_one_message(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, words, ">/dev/full")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: standard output or input: No space left on device.\n"
    assert run(tmp_path, words, ">/dev/full 2>&1").returncode == 1


@pytest.mark.parametrize("words", [TYPES, HELP, LIST], ids=" ".join)
@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
    ],
    ids=str,
)
def test_any_encoding_will_do(tmp_path: Path, words: list[str], variables: dict[str, str]) -> None:
    done = run(tmp_path, words, "", **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
