"""The room's command line as a whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common.places import ROOT
from kits.training_commands import command
from training.__main__ import ROOM


@pytest.mark.parametrize("words", [["--help"], *([verb, "--help"] for verb in ROOM.verbs)])
def test_help_comes_without_the_heavy_libraries(tmp_path: Path, words: list[str]) -> None:
    code = (
        "import sys, runpy\n"
        f"sys.argv[1:] = {words!r}\n"
        "try:\n    runpy.run_module('training', run_name='__main__')\n"
        "except SystemExit as end:\n    print('code', end.code)\n"
        "print('heavy', sorted({'torch', 'openvino', 'matplotlib', 'tensorboard'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert "usage: python -m training" in done.stdout
    assert done.stdout.endswith("code 0\nheavy []\n")


def test_help_names_every_verb_and_caffe_s_options(tmp_path: Path) -> None:
    page = command("--help", folder=tmp_path).out
    for verb in ROOM.verbs:
        assert re.search(rf"(?m)^  {verb}\b", page)
    page = command("train", "--help", folder=tmp_path).out
    for option in ("--solver", "--snapshot", "--weights"):
        assert option in page


def test_wrong_use(tmp_path: Path) -> None:
    for words, message in (
        ([], "usage: python -m training VERB"),
        (["trian"], 'no verb "trian". Known: '),
        (["train", "--sovler", "x"], "See python -m training train --help."),
    ):
        done = command(*words, folder=tmp_path)
        assert done.code == 2
        assert message in done.err


def test_a_verb_that_has_moved_says_where(tmp_path: Path) -> None:
    done = command("evaluate", "--net", "AgeNet", folder=tmp_path)
    assert (done.code, done.err) == (2, "error: python -m training evaluate: has moved. Use ./moka evaluate.\n")
