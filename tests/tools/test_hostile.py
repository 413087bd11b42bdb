"""The hostile cases: a spread sample of them ends as it should, and the judge sees what is wrong."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tools.hostile.__main__ import run_cases
from tools.hostile.cases import Case, Ends
from tools.hostile.judge import faults, tree_of
from tools.hostile.server import Ended
from tools.hostile.tables import all_cases


def sample() -> list[Case]:
    """Return two cases of each command, of kinds that differ. The others are run by hand (python -m tools.hostile)."""
    by_command = defaultdict(list)
    for case in all_cases():
        by_command[re.split("[ /]", case.id)[0]].append(case)
    found = {}
    for number, cases in enumerate(by_command.values()):
        for place in (7 * number, 7 * number + len(cases) // 2):
            case = cases[place % len(cases)]
            found[case.id] = case
    return list(found.values())


def test_each_case_has_a_name_of_its_own() -> None:
    names = [case.id for case in all_cases()]
    assert len(names) == len(set(names)) > 1000


@pytest.mark.slow
def test_a_sample_ends_as_it_should(tmp_path: Path) -> None:
    outcomes = run_cases(sample(), tmp_path, jobs=1)
    assert len(outcomes) > 30
    assert {outcome.case.id: outcome.faults for outcome in outcomes if outcome.faults} == {}


GOOD = Ended(1, "", "error: x: is a folder. Give a file.\n", 0.1, 10, "", False)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"code": 0}, "exit code 0"),
        ({"code": -11}, "exit code -11"),
        ({"err": ""}, "0 messages"),
        ({"err": "error: a\nerror: b\n"}, "2 messages"),
        ({"err": "Traceback (most recent call last)\nerror: a"}, "a traceback"),
        ({"err": "error: ValueError: x. This is a fault in Moka."}, "a fault in Moka"),
        ({"megabytes": 5000}, "5000 MB"),
        ({"killed": "more than 20 s"}, "more than 20 s"),
        ({"left_running": True}, "left a process running"),
    ],
)
def test_the_judge_sees_what_is_wrong(changes: dict[str, Any], fault: str) -> None:
    ended = replace(GOOD, **changes)
    found = faults(Case("x", ("x",)), ended, {}, {})
    assert (fault in found) if fault else found == []


def test_the_judge_sees_what_changed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").symlink_to("a")
    before = tree_of(tmp_path)
    assert faults(Case("x", ("x",)), GOOD, before, tree_of(tmp_path)) == []
    (tmp_path / "a").write_text("2")
    (tmp_path / "b").unlink()
    (tmp_path / "c").write_text("")
    assert faults(Case("x", ("x",)), GOOD, before, tree_of(tmp_path)) == ["changed: a", "changed: b", "new: c"]
    done = replace(GOOD, code=0, err="")
    assert faults(Case("x", ("x",), Ends.DONE), done, before, tree_of(tmp_path)) == ["changed: a", "changed: b"]
