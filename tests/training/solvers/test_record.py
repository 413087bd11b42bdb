"""The numbers of a Caffe log in CSV and TensorBoard."""

from __future__ import annotations

import csv
import math
import threading
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.errors import TrainingError
from training.solvers.record import Record, read_curves, read_rows

LINES = [
    "Iteration 0, Testing net (#0)",
    "    Test net output #0: accuracy = 0.25",
    "    Test net output #1: loss = 1.5 (* 1 = 1.5 loss)",
    "Iteration 0 (0 iter/s, 0.2s/10 iters), loss = 1.75",
    "    Train net output #0: loss = 1.75 (* 1 = 1.75 loss)",
    "Iteration 0, lr = 0.01",
    "Iteration 10 (12.5 iter/s, 0.8s/10 iters), loss = 1.2",
    "    Train net output #0: loss = 1.2 (* 1 = 1.2 loss)",
    "Iteration 10, lr = 1e-05",
    "Iteration 20, loss = 1.1",
    "Iteration 20, Testing net (#0)",
    "    Test net output #0: accuracy = 0.75",
    "    Test net output #1: loss = 0.9 (* 1 = 0.9 loss)",
]


def numbers(path: Path) -> list[tuple[str, ...]]:
    return [(r["iteration"], r["learning_rate"], r["phase"], r["name"], r["value"]) for r in read_rows(path)]


def write(prefix: Path, lines: list[str], start: int = 0) -> None:
    record = Record(str(prefix), start)
    for line in lines:
        record.parse(line)
    record.close()


def test_a_caffe_log_becomes_rows(tmp_path: Path) -> None:
    write(tmp_path / "models/net", LINES)
    assert numbers(tmp_path / "models/net_log.csv") == [
        ("0", "", "test", "accuracy", "0.25"),
        ("0", "", "test", "loss", "1.5"),
        # The log gives the rate after the loss; the row has that rate.
        ("0", "0.01", "train", "loss", "1.75"),
        ("10", "1e-05", "train", "loss", "1.2"),
        ("20", "1e-05", "test", "accuracy", "0.75"),
        ("20", "1e-05", "test", "loss", "0.9"),
    ]


def test_numbers_are_in_the_file_before_the_end(tmp_path: Path) -> None:
    record = Record(str(tmp_path / "net"))
    for line in LINES[:6]:
        record.parse(line)
    assert len(read_rows(record.path)) == 3
    record.close()


@pytest.mark.parametrize("value", ["nan", "-nan", "inf", "-inf", "3e-05", "-2.5"])
def test_numbers_of_a_training_that_diverged(tmp_path: Path, value: str) -> None:
    write(tmp_path / "net", ["Iteration 3, loss = 1", f"    Train net output #0: loss = {value} (* 1 = 1 loss)"])
    (row,) = read_rows(tmp_path / "net_log.csv")
    assert float(row["value"]) == float(value) or "nan" in value


def test_a_resumed_run_leaves_no_row_twice(tmp_path: Path) -> None:
    write(tmp_path / "net", LINES)
    write(tmp_path / "net", [line.replace("Iteration 0", "Iteration 10") for line in LINES[3:6]] + LINES[9:], start=10)
    rows = numbers(tmp_path / "net_log.csv")
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("0", "test", "accuracy"),
        ("0", "test", "loss"),
        ("0", "train", "loss"),
        ("10", "train", "loss"),
        ("20", "test", "accuracy"),
        ("20", "test", "loss"),
    ]
    # The newer one.
    assert rows[3][4] == "1.75"


def test_the_seconds_of_a_resumed_run_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 7))
    monkeypatch.setattr("training.solvers.record.time.monotonic", lambda: next(clock))
    write(tmp_path / "net", LINES)
    before = [float(row["seconds"]) for row in read_rows(tmp_path / "net_log.csv") if int(row["iteration"]) < 10]
    write(tmp_path / "net", LINES[9:], start=10)
    seconds = [float(row["seconds"]) for row in read_rows(tmp_path / "net_log.csv")]
    assert seconds[: len(before)] == before == [7.0, 14.0, 21.0]
    assert seconds[len(before) :] == [28.0, 35.0]


def test_a_new_run_begins_a_new_file(tmp_path: Path) -> None:
    write(tmp_path / "net", LINES)
    write(tmp_path / "net", LINES[:3])
    assert len(numbers(tmp_path / "net_log.csv")) == 2


def test_tensorboard_has_the_same_numbers(tmp_path: Path) -> None:
    write(tmp_path / "net", LINES)
    events = EventAccumulator(str(tmp_path / "net_tensorboard")).Reload()
    assert sorted(events.Tags()["scalars"]) == ["test/accuracy", "test/loss", "train/loss"]
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(0, 1.75), (10, pytest.approx(1.2))]


@pytest.mark.parametrize(("start", "steps"), [(0, [0]), (10, [0, 10])])
def test_tensorboard_drops_what_is_computed_again(tmp_path: Path, start: int, steps: list[int]) -> None:
    write(tmp_path / "net", LINES[3:9])
    write(tmp_path / "net", [line.replace("Iteration 0", f"Iteration {start}") for line in LINES[3:6]], start=start)
    events = EventAccumulator(str(tmp_path / "net_tensorboard")).Reload()
    assert [e.step for e in events.Scalars("train/loss")] == steps


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "net_log.csv").symlink_to("/dev/full")
    before = threading.active_count()
    with pytest.raises(TrainingError, match=r"net_log\.csv: cannot be written \(No space left on device\)"):
        Record(str(tmp_path / "net"))
    assert threading.active_count() == before, "TensorBoard's thread has ended"


def test_a_folder_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"net_log\.csv: cannot be written"):
        Record(str(tmp_path / "file/net"))


def test_rows_of_a_missing_file(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "none.csv") == []
    write(tmp_path / "net", [])
    with (tmp_path / "net_log.csv").open() as file:
        assert next(csv.reader(file)) == ["iteration", "seconds", "learning_rate", "phase", "name", "value"]


@pytest.mark.parametrize(
    ("first", "later", "drawn"),
    [
        (45.0, [5.0, 4.0], [5.0, 4.0]),
        (6.0, [5.0, 4.0], [6.0, 5.0, 4.0]),
        (45.0, [], [45.0]),
        (45.0, [math.nan, 4.0], [math.nan, 4.0]),
        (45.0, [math.nan], [45.0, math.nan]),
    ],
)
def test_curves_without_the_test_of_an_untrained_net(
    tmp_path: Path, first: float, later: list[float], drawn: list[float]
) -> None:
    lines = []
    for i, value in enumerate([first, *later]):
        lines += [f"Iteration {10 * i}, Testing net (#0)", f"    Test net output #0: loss = {value}"]
        lines += [
            f"Iteration {10 * i}, loss",
            f"    Train net output #0: loss = {value}",
            f"Iteration {10 * i}, lr = 0.1",
        ]
    write(tmp_path / "net", lines)
    curves = read_curves(tmp_path / "net_log.csv")
    np.testing.assert_equal([value for _, value in curves["test", "loss"]], drawn)
    # What was trained on is always drawn.
    np.testing.assert_equal([value for _, value in curves["train", "loss"]], [first, *later])
    assert read_curves(tmp_path / "none.csv") == {}


def test_an_accuracy_that_falls_is_drawn_whole(tmp_path: Path) -> None:
    lines = []
    for i, value in enumerate((0.9, 0.1, 0.1)):
        lines += [f"Iteration {i}, Testing net (#0)", f"    Test net output #0: accuracy = {value}"]
    write(tmp_path / "net", lines)
    assert [value for _, value in read_curves(tmp_path / "net_log.csv")["test", "accuracy"]] == [0.9, 0.1, 0.1]


def test_a_kill_loses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a kill in the middle of a row, nor one while a resumed run writes the older rows again."""
    write(tmp_path / "net", LINES)
    path = tmp_path / "net_log.csv"
    complete = len(read_rows(path))
    with path.open("a") as file:
        file.write("20,1.25,0.1")
    assert len(read_rows(path)) == complete
    before = path.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(csv.DictWriter, "writerows", killed)
    with pytest.raises(KeyboardInterrupt):
        Record(str(tmp_path / "net"), 20)
    assert path.read_bytes() == before
