"""The room's command line: its help, and wrong use of it."""

from __future__ import annotations

import re
from pathlib import Path

from kits.commands import run_process
from kits.training_commands import command
from training.__main__ import ROOM


def test_the_room_s_names_are_loaded_when_they_are_used(tmp_path: Path) -> None:
    code = (
        "import sys, training\n"
        "assert 'torch' not in sys.modules\n"
        "names = [getattr(training, name).__name__ for name in training.__all__]\n"
        "assert names == training.__all__, names\n"
        "assert training.Net is sys.modules['training.nets.net'].Net\n"
        "assert not hasattr(training, 'Ent')"
    )
    done = run_process("-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr


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
    assert (done.code, done.err) == (
        2,
        "error: python -m training: evaluate has moved. Use `./moka evaluate` or `python -m evaluation evaluate`.\n",
    )


def test_threads_sleep_after_a_short_spin_unless_the_user_chose(tmp_path: Path) -> None:
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    for chosen, found in (({}, "1000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "active"}, "None")):
        # Those of the tests' own process are not the user's.
        code = (
            f"import os; [os.environ.pop(name, None) for name in {names}]; os.environ.update({chosen})\n"
            "import training; print(os.environ.get('GOMP_SPINCOUNT'))"
        )
        done = run_process("-c", code, folder=tmp_path)
        assert done.stdout.strip() == found, done.stderr
