"""The figures of a run: counts, rates, percentiles."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from common.places import ROOT
from inference.frame import Unreadable
from inference.outputs.summary import STEP, Summary, Times, peak_memory, processor
from kits.outputs import about_of, frame_of, people


class Clock:
    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        return self.now


def full() -> Summary:
    """Three pictures in 0.5 s, one of them without a face; two files left out, 34 frames dropped."""
    clock = Clock()
    summary = Summary(clock)
    for number, faces in enumerate((2, 0, 1)):
        clock.now += (0.3, 0.1, 0.1)[number]
        frame = frame_of(milliseconds=10.0 * (number + 1))
        summary.add(frame, people(frame, *[(50.0, 60.0, 90.0, 100.0)] * faces), drawing=1.0)
    summary.left_out(Unreadable("bad.jpg", "empty"))
    summary.left_out(Unreadable("worse.jpg", "empty"))
    summary.dropped = 34
    return summary


def test_json() -> None:
    content = json.loads(full().as_json(about_of()))
    assert (content["pictures"], content["pictures_with_faces"], content["faces"]) == (3, 2, 3)
    assert (content["left_out"], content["dropped"], content["seconds"]) == (2, 34, 0.5)
    assert (content["pictures_per_second"], content["faces_per_second"]) == (6.0, 6.0)
    assert content["first_picture_ms"] == pytest.approx(300)
    assert content["milliseconds"]["read"] == pytest.approx({"p50": 20, "p90": 30, "p99": 30, "mean": 20}, rel=1e-3)
    assert content["milliseconds"]["draw"] == pytest.approx({"p50": 1, "p90": 1, "p99": 1, "mean": 1}, rel=1e-3)
    assert content["milliseconds"]["together"]["p50"] == pytest.approx(20 + 3 + 0.5 + 4.25 + 1, rel=1e-3)
    assert content["device"] == {"name": "CPU", "runtime": "OpenVINO 2026.4", "precision": "f32", "why": "asked for"}
    assert content["networks"] == ["FaceRes", "Marks"]
    assert (content["load_ms"], content["warm_up_ms"]) == (312.4, 9.5)
    assert content["processor"] == processor() != ""
    assert content["cores"] >= 1


def test_text() -> None:
    lines = full().as_text(about_of()).splitlines()
    assert lines[:5] == [
        "done      3 pictures, 3 faces in 2 of them; 2 left out; 34 frames dropped",
        "rate      6.0 pictures and 6.0 faces a second, 0.50 s in all",
        "device    CPU, OpenVINO 2026.4, f32: asked for",
        "nets      FaceRes, Marks",
        "start     load 312 ms, warm-up 9.5 ms, first picture 300.0 ms",
    ]
    assert lines[5].startswith("memory    ") and lines[5].endswith(" MiB at most")
    assert lines[6].startswith("on        ")
    assert lines[7] == "                 p50       p90       p99      mean   ms a picture"
    assert [line.split()[0] for line in lines[8:]] == [
        "reading",
        "detecting",
        "preparing",
        "computing",
        "drawing",
        "together",
    ]
    assert lines[9].split()[1:] == ["3.00"] * 4


def test_without_a_picture() -> None:
    summary = Summary(Clock())
    assert "0 pictures" in summary.as_text(about_of())
    content = json.loads(summary.as_json(about_of()))
    assert (content["pictures_per_second"], content["first_picture_ms"]) == (0, None)
    assert content["milliseconds"]["read"] == {"p50": 0, "p90": 0, "p99": 0, "mean": 0}


@pytest.mark.parametrize("count", [1, 2, 10, 999, 5000])
def test_percentiles_are_those_of_numpy(count: int) -> None:
    values = np.random.default_rng(count).lognormal(1, 2, count)
    times = Times()
    for value in values:
        times.add(float(value))
    for percent in (50, 90, 99, 100):
        expected = np.percentile(values, percent, method="inverted_cdf")
        assert times.percentile(percent) == pytest.approx(expected, rel=STEP - 1)


def test_memory_is_bounded() -> None:
    times = Times()
    for value in np.random.default_rng(1).lognormal(2, 5, 60000):
        times.add(float(value))
    times.add(0.0)
    assert len(times._counts) < math.log(1e15) / math.log(STEP)
    assert 1e-6 < times.percentile(0.001) < 0.01


def test_memory_of_this_process() -> None:
    assert 10 << 20 < peak_memory() < 64 << 30


def test_memory_of_the_program_that_started_this_one_does_not_count() -> None:
    """On Linux, getrusage counts it: the child is a copy of its parent until it runs its own program."""
    held = bytearray(512 << 20)
    held[:: 1 << 12] = bytes([1]) * (len(held) >> 12)
    script = "from inference.outputs.summary import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert peak_memory() > len(held)
    assert int(done.stdout) < len(held) / 2
