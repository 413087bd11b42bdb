"""Verb cross_validate: folds and their steps, a kill in the middle, failures, and the figures over folds."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.places import ROOT
from evaluation.folds.plan import read_plan
from evaluation.folds.spread import run_folds
from kits.commands import run_command

SCRIPT = """
import json, os, pathlib, sys
fold, out = sys.argv[1:]
assert os.getcwd() == out
with open("../count", "a") as file:
    file.write(f"evaluate {fold}\\n")
share = [0.5, 0.6, 0.9][int(fold)]
tasks = {"gender": {"task": "gender", "accuracy": share, "pictures": 10, "classes": [], "intervals": {"accuracy": [0, 1]}}}
pathlib.Path("report.json").write_text(json.dumps({"engine": "torch", "tasks": tasks}))
print("measured", fold)
"""
STEPS = {
    "data": ["sh", "-c", "echo data {fold} >> ../count"],
    "evaluate": [sys.executable, "{here}/measure.py", "{fold}", "{out}"],
}


def write_plan(folder: Path, **changes: Any) -> Path:
    (folder / "measure.py").write_text(SCRIPT)
    path = folder / "folds.json"
    path.write_text(json.dumps({"folds": 3, "steps": STEPS, "reports": ["report.json"], **changes}))
    return path


def test_folds_share_the_cores_that_we_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not all that the machine has: a scheduler of jobs may allow fewer."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("common.process.cores.os.sched_getaffinity", lambda _: set(range(6)))
    monkeypatch.chdir(tmp_path)
    plan = read_plan(write_plan(tmp_path, steps={"threads": ["sh", "-c", "echo $OMP_NUM_THREADS"]}))
    assert not [ended.problem for ended in run_folds(plan, tmp_path / "out", jobs=2) if ended.problem]
    assert (tmp_path / "out/fold_0/steps/01_threads.log").read_text() == "3\n"


def count(folder: Path) -> list[str]:
    return sorted((folder / "out/count").read_text().splitlines())


def wait_for(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def validate(folder: Path, *words: object) -> Any:
    return run_command("evaluation", "cross_validate", "folds.json", "--out", "out", *words, folder=folder)


@pytest.mark.parametrize("jobs", [1, 2])
def test_mean_and_standard_deviation(tmp_path: Path, jobs: int) -> None:
    write_plan(tmp_path)
    done = validate(tmp_path, "--jobs", jobs)
    assert done.code == 0, done.err
    accuracy = json.loads((tmp_path / "out/folds.json").read_text())["tasks"]["gender"]["accuracy"]
    assert accuracy["mean"] == pytest.approx(2 / 3)
    # That of a sample: sqrt((0.1667^2 + 0.0667^2 + 0.2333^2) / 2).
    assert accuracy["standard_deviation"] == pytest.approx(0.208167, abs=1e-6)
    assert accuracy["values"] == {"0": 0.5, "1": 0.6, "2": 0.9}
    assert "accuracy                  0.6667      0.2082      0.5000      0.9000      3" in done.out
    assert (tmp_path / "out/folds.txt").read_text().strip() in done.out
    assert (tmp_path / "out/fold_1/steps/02_evaluate.log").read_text() == "measured 1\n"
    assert not (tmp_path / "out/.running").exists()


def test_a_step_that_is_done_is_not_run_again_unless_it_changes(tmp_path: Path) -> None:
    write_plan(tmp_path)
    validate(tmp_path)
    once = ["data 0", "data 1", "data 2", "evaluate 0", "evaluate 1", "evaluate 2"]
    assert count(tmp_path) == once
    again = validate(tmp_path)
    assert "fold 2: done (done before: data, evaluate)" in again.out
    assert count(tmp_path) == once
    write_plan(tmp_path, steps={**STEPS, "evaluate": [*STEPS["evaluate"][:2], "0", "{out}"]})
    validate(tmp_path)
    assert count(tmp_path) == sorted([*once, "evaluate 0", "evaluate 0", "evaluate 0"])
    # What comes after a changed step is run again as well.
    write_plan(tmp_path, steps={**STEPS, "data": ["true"]})
    validate(tmp_path)
    assert len(count(tmp_path)) == 12


def test_a_failure_names_the_step_and_the_other_folds_go_on(tmp_path: Path) -> None:
    write_plan(tmp_path, steps={"look": ["sh", "-c", "test {fold} != 1 || { echo no such face; exit 3; }"], **STEPS})
    done = validate(tmp_path)
    assert done.code == 1
    assert "fold 1: failed" in done.out and "fold 2: done" in done.out
    assert "fold 1, step look: ended with exit code 3" in done.err
    assert "no such face" in done.err and "01_look.log" in done.err
    assert "1 of 3 folds are not done" in done.err
    write_plan(tmp_path, steps={"look": ["no_such_program"]})
    assert "no_such_program does not start (No such file" in validate(tmp_path).err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folds": 1}, '"folds" is 1; expected the number of folds'),
        ({"folds": ["a", "a"]}, '"folds" names a fold twice'),
        ({"folds": ["../a", "b"]}, '"folds'),
        ({"steps": {}}, '"steps" is {}; expected an object of step'),
        ({"steps": {"a/b": ["true"]}}, '"steps" has the name "a/b"'),
        ({"steps": {"a": "true"}}, '"steps'),
        ({"steps": {"a": ["echo", "{fould}"]}}, '"steps.a" has the placeholder "fould"; expected one of fold, out'),
        ({"reports": ["/etc/*.json"]}, '"reports" has "/etc/.*inside the folder'),
        ({"report": []}, '"report" is no known key'),
    ],
)  # fmt: skip
def test_a_wrong_plan(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    write_plan(tmp_path, **changes)
    done = validate(tmp_path)
    assert done.code == 1
    assert re.search(words.replace("{", r"\{"), done.err), done.err
    assert not (tmp_path / "out").exists()


def test_reports_that_are_missing_damaged_or_doubled(tmp_path: Path) -> None:
    write_plan(tmp_path, reports=["other.json"])
    assert "fold_0: holds no report other.json" in validate(tmp_path).err
    write_plan(tmp_path, reports=["report.json", "re*.json", "copy.json"])
    assert validate(tmp_path).code == 0
    (tmp_path / "out/fold_0/copy.json").write_bytes((tmp_path / "out/fold_0/report.json").read_bytes())
    assert "reports on gender, and so does" in validate(tmp_path).err
    (tmp_path / "out/fold_0/copy.json").write_text("[1]")
    assert "copy.json: is no report of evaluate" in validate(tmp_path).err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.timeout(120)
def test_a_signal_ends_the_steps_and_the_next_run_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    script = "echo $$ > pid; test -e ../go || sleep 100; exit 0"
    write_plan(tmp_path, folds=2, steps={**STEPS, "wait": ["sh", "-c", script]})
    words = [sys.executable, ROOT / "moka", "cross_validate", "folds.json", "--out", "out", "--jobs", "2"]
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    pids = [tmp_path / f"out/fold_{fold}/pid" for fold in (0, 1)]
    wait_for(lambda: all(path.exists() and path.read_text().strip() for path in pids))
    numbers = [int(path.read_text()) for path in pids]
    process.send_signal(number)
    assert process.communicate(timeout=60)[1] == ("" if number == signal.SIGKILL else "stopped\n")
    if number == signal.SIGKILL:
        # Nobody could end the steps: they are not started a second time beside themselves.
        done = validate(tmp_path, "--jobs", 2)
        assert "fold 0, step wait: still runs, from a run that was killed" in done.err
        for pid in numbers:
            os.killpg(pid, signal.SIGKILL)
    else:
        assert process.returncode == 128 + number
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in numbers))
    (tmp_path / "out/go").touch()
    before = count(tmp_path)
    wait_for(lambda: validate(tmp_path, "--jobs", 2).code == 0)
    assert count(tmp_path) == before == ["data 0", "data 1", "evaluate 0", "evaluate 1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.timeout(120)
def test_a_signal_ends_the_only_step(tmp_path: Path, number: signal.Signals) -> None:
    """With one job, the step is waited for in the main thread, where the signal comes."""
    write_plan(tmp_path, steps={"wait": ["sh", "-c", "echo $$ > pid; sleep 100"]})
    words = [sys.executable, ROOT / "moka", "cross_validate", "folds.json", "--out", "out"]
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    pid = tmp_path / "out/fold_0/pid"
    wait_for(lambda: pid.exists() and bool(pid.read_text().strip()))
    process.send_signal(number)
    assert process.communicate(timeout=60)[1] == "stopped\n"
    # It has been killed; the system may need a moment to clear it away.
    wait_for(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())
    assert not (tmp_path / "out/fold_1").exists()


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.filterwarnings("ignore")
def test_folds_on_the_workers_of_a_scheduler(tmp_path: Path) -> None:
    from distributed import LocalCluster

    write_plan(tmp_path, steps={**STEPS, "who": ["sh", "-c", "echo $PPID > parent"]})
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        done = validate(tmp_path, "--scheduler", cluster.scheduler_address)
    assert done.code == 0, done.err
    assert count(tmp_path) == ["data 0", "data 1", "data 2", "evaluate 0", "evaluate 1", "evaluate 2"]
    assert int((tmp_path / "out/fold_0/parent").read_text()) != os.getpid()
