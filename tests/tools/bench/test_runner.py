"""The table of the runner's figures, from made-up programs: nothing is timed here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import MokaError
from inference import FaceAnalyzer
from kits.inference import write_graph
from tools.bench import runner


def program(path: Path, text: str) -> Path:
    """A program that prints a text."""
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    path.chmod(0o755)
    return path


def test_the_photographs_show_three_people_each(tmp_path: Path) -> None:
    folder = runner.photographs(tmp_path / "photos", 4)
    pictures = [cv2.imread(str(path)) for path in sorted(folder.iterdir())]
    assert [picture.shape for picture in pictures] == [(720, 1280, 3)] * 4
    # After three drawings they begin again.
    assert np.array_equal(pictures[0], pictures[3]) and not np.array_equal(pictures[0], pictures[1])


def test_both_loops_write_the_same_answers(tmp_path: Path) -> None:
    """Otherwise their times could not be compared."""
    photos = runner.photographs(tmp_path / "photos", 3)
    with FaceAnalyzer(write_graph(tmp_path / "graph"), "CPU") as analyzer:
        runner.one_by_one(analyzer, photos, tmp_path / "plain")
        runner.overlapped(analyzer, photos, tmp_path / "ours")
    plain, ours = (sorted((tmp_path / name).iterdir()) for name in ("plain", "ours"))
    assert [path.name for path in plain] == [path.name for path in ours] == ["000.jpg", "001.jpg", "002.jpg"]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(plain, ours, strict=True))


def test_the_median_of_openvinos_own_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    program(tmp_path / "benchmark_app", "[ INFO ] Latency:\n[ INFO ]    Median:        9.43 ms\n[ INFO ]    Max: 12 ms")
    assert runner.benchmark_app(tmp_path / "net.xml") == 9.43
    program(tmp_path / "benchmark_app", "[ ERROR ] no such file")
    with pytest.raises(MokaError, match=r"gave no median\. It said: \[ ERROR \] no such file"):
        runner.benchmark_app(tmp_path / "net.xml")


def test_the_memory_of_a_start_is_that_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(program(tmp_path / "python", json.dumps({"peak_memory_mib": 321.5}))))
    seconds, memory = runner.first_answer(tmp_path, tmp_path / "a.jpg")
    assert seconds > 0 and memory == 321.5
    program(tmp_path / "python", "no figures")
    with pytest.raises(MokaError, match="said nothing about its memory"):
        runner.first_answer(tmp_path, tmp_path / "a.jpg")
    (tmp_path / "python").write_text("#!/bin/sh\necho 'error: no card' >&2; exit 1\n")
    with pytest.raises(MokaError, match="error: no card"):
        runner.first_answer(tmp_path, tmp_path / "a.jpg")


def test_goals_that_are_reached_and_missed() -> None:
    loops = {("One", "Two"): (10.0, 16.0), ("Three", "Four"): (10.0, 15.9)}
    lines = runner.table(runner.Figures(loops, alone=9, app=8.2, opencv=13.4, start=1.6, memory=340)).splitlines()
    assert lines[0] == "| what | here | beside it | ratio | goal | reached |"
    assert (
        lines[2] == "| read, find, One and Two, draw, write | 16.0 pictures/s | 10.0, step by step | 1.60 | 1.6 | yes |"
    )
    assert [line.split(" | ")[-2:] for line in lines[2:]] == [
        ["1.6", "yes |"],
        ["1.6", "no |"],
        ["0.909", "yes |"],
        ["1.5", "no |"],
        ["under 1.5 s", "no |"],
        ["under 350 MiB", "yes |"],
    ]


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole of it on a tiny network, but without OpenVINO's benchmark, and with fewer pictures."""
    monkeypatch.setattr(runner, "graph_of", lambda folder, nets: write_graph(folder / "graph"))
    monkeypatch.setattr(runner, "net_alone", lambda graph, device: 2.0 if device == "CPU" else 5.0)
    monkeypatch.setattr(runner, "benchmark_app", lambda xml: 2.1)
    monkeypatch.setattr(runner, "first_answer", lambda graph, picture: (1.0, 300.0))
    monkeypatch.setattr("os.getloadavg", lambda: (9.66, 9.0, 9.0))
    runner.main(["--pictures", "2", "--rounds", "1"])
    text = capsys.readouterr().out
    assert text.startswith("The load average is 9.7: other programs run")
    assert text.count(" pictures/s | ") == 2
    assert "| AgeNet alone | 2.00 ms | 2.10 ms, benchmark_app | 1.05 | " in text
    assert "| AgeNet alone | 2.00 ms | 5.00 ms, OpenCV DNN | 2.50 | 1.5 | yes |" in text
