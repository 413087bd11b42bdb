"""Accuracy over minutes of training: what is read of logs and reports, and what is said where something is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from common.commands import run
from common.errors import MokaError
from recipes.progress import Point, main, points


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A run with two snapshots that were measured before."""
    models = tmp_path / "work/models/FaceRes"
    models.mkdir(parents=True)
    rows = ["iteration,seconds,learning_rate,phase,name,value"]
    for iteration, seconds, accuracy in ((10, 30, 0.5), (20, 90, 0.7)):
        rows.append(f"{iteration},{seconds}.0,,test,years_loss,3")
        (models / f"FaceRes_iter_{iteration}.caffemodel").touch()
        tasks = {"years": {"mae": 4}, "age by decade": {"accuracy": accuracy, "one_off_accuracy": 0.9}}
        report = models / f"FaceRes_iter_{iteration}_test_torch_mirror.json"
        report.write_text(json.dumps({"tasks": tasks}))
    (models / "FaceRes_log.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "work"


def test_the_points_of_a_run(home: Path) -> None:
    assert points(home, "FaceRes") == [Point(10, 0.5, 0.5, 0.9), Point(20, 1.5, 0.7, 0.9)]


def test_the_picture_and_the_table(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = home / "progress.svg"
    main(["--run", f"{home}:FaceRes", "--out", str(out)])
    assert capsys.readouterr().out.splitlines() == [
        "FaceRes  iteration 10  0.5 min  50.0 %  1-off 90.0 %",
        "FaceRes  iteration 20  1.5 min  70.0 %  1-off 90.0 %",
    ]
    assert out.read_text().startswith("<?xml")


def settle(home: Path) -> Path:
    """Add what a net settled to, in two snapshots, of which the last one counts."""
    models = home / "models/FaceRes"
    weights = models / "FaceRes_settled_iter_6.caffemodel"
    for path in (models / "FaceRes_settled_iter_3.caffemodel", weights):
        path.touch()
    tasks = {"age by decade": {"accuracy": 0.75, "one_off_accuracy": 0.95}}
    (models / f"{weights.stem}_test_torch_mirror.json").write_text(json.dumps({"tasks": tasks}))
    (models / "FaceRes_settled_log.csv").write_text(
        "iteration,seconds,learning_rate,phase,name,value\n0,1,0,train,x,1\n4,8,0,train,x,1\n"
    )
    return weights


def test_a_net_that_settled_is_the_last_point(home: Path) -> None:
    weights = settle(home)
    assert points(home, "FaceRes")[2:] == [Point(26, 1.7, 0.75, 0.95)]
    # It is of an earlier training.
    os.utime(weights, (1000, 1000))
    assert len(points(home, "FaceRes")) == 2


def test_a_report_that_is_older_than_its_weights_is_made_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = home / "models/FaceRes/FaceRes_iter_20_test_torch_mirror.json"
    os.utime(report, (1000, 1000))
    called = []

    def evaluate(command: list[str], cwd: Path, stdout: int) -> subprocess.CompletedProcess[bytes]:
        called.append((command[1:], cwd))
        report.write_text(json.dumps({"tasks": {"age": {"accuracy": 0.8, "one_off_accuracy": 0.9}}}))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", evaluate)
    assert [point.accuracy for point in points(home, "FaceRes")] == [0.5, 0.8]
    words = ["evaluate", "--net", "FaceRes", "--weights", "models/FaceRes/FaceRes_iter_20.caffemodel"]
    assert called == [([*words, "--looks", "mirror"], home)]


def test_two_runs_of_one_net(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(home, home.with_name("other"))
    main(["--run", f"{home}:FaceRes", "--run", f"{home.with_name('other')}:FaceRes", "--out", str(home / "x.svg")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["FaceRes in work"] * 2 + ["FaceRes in other"] * 2


def test_a_snapshot_that_the_log_does_not_know(home: Path) -> None:
    (home / "models/FaceRes/FaceRes_iter_30.caffemodel").touch()
    with pytest.raises(MokaError, match="has no row of iteration 30"):
        points(home, "FaceRes")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--run", "FaceRes", "--out", "x.svg"], "expected a folder and a net"),
        (["--run", ".:FaceRes", "--out", "x.gif"], "ends in .svg or .png"),
        (["--run", ".:FaceRes", "--out", "x.svg"], "holds no snapshot"),
    ],
)
def test_what_is_wrong(
    working_folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    with pytest.raises(SystemExit):
        run(main, words)
    assert message in capsys.readouterr().err
