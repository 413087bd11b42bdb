"""The log's lines in Caffe's form, and the loss that they show."""

from __future__ import annotations

import datetime
import math
import os
import re

import pytest

from training.nets.net import OutputValue
from training.solvers.caffe_log import SmoothedLoss, log_line, output_lines


def test_output_lines() -> None:
    outputs = [OutputValue("accuracy", 0.5, 0.0), OutputValue("loss", 1.25, 2.0), OutputValue("tiny", 1.5e-7, 0.0)]
    assert output_lines("Test", outputs) == [
        "    Test net output #0: accuracy = 0.5",
        "    Test net output #1: loss = 1.25 (* 2 = 2.5 loss)",
        "    Test net output #2: tiny = 1.5e-07",
    ]


def test_a_line_begins_as_glog_s_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Caffe's extract_seconds.py takes month and day from the first word, hours to microseconds from the second."""
    log_line("Iteration 7, lr = 0.1")
    line = capsys.readouterr().err
    assert re.fullmatch(r"I\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ \S+:\d+\] Iteration 7, lr = 0\.1\n", line)
    first, second, process = line.split()[:3]
    now = datetime.datetime.now()
    written = datetime.datetime(now.year, int(first[1:3]), int(first[3:]), *(int(x) for x in re.split("[:.]", second)))
    assert abs((now - written).total_seconds()) < 5
    assert int(process) == os.getpid()


@pytest.mark.parametrize("count", [1, 3, 20])
def test_the_smoothed_loss_is_the_mean_of_the_last_ones(count: int) -> None:
    losses = [float(index**2 % 7) for index in range(12)]
    smoothed = SmoothedLoss(count)
    for index, loss in enumerate(losses):
        smoothed.add(loss)
        last = losses[max(0, index + 1 - count) : index + 1]
        assert smoothed.value == pytest.approx(sum(last) / len(last))


def test_once_nan_always_nan() -> None:
    smoothed = SmoothedLoss(2)
    for loss in (1.0, math.nan, 1.0, 1.0, 1.0):
        smoothed.add(loss)
    assert math.isnan(smoothed.value)
