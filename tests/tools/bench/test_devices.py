"""The benchmark of devices on a tiny network: each way is there, and a missing caffemodel is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from kits.inference import write_graph
from tools.bench import devices as bench


def test_every_way_has_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "benchmark_app", lambda xml: [0.5])
    bench.main(["--graph", str(write_graph(tmp_path)), "--faces", "5", "--rounds", "1"])
    text = capsys.readouterr().out
    for row in ("one by one, latency", "stream of requests, throughput", "batches of 16", "benchmark_app", "OpenCV: "):
        assert row in text
    assert "ColourNet_iter_1.caffemodel: not found" in text


def test_the_rate_of_openvinos_own_benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "benchmark_app"
    program.write_text("#!/bin/sh\necho '[ INFO ] Throughput:   250.00 FPS'\n")
    program.chmod(0o755)
    monkeypatch.setattr(bench, "VENV_PYTHON", tmp_path / "python")
    assert bench.benchmark_app(tmp_path / "net.xml") == [4.0]
    program.unlink()
    assert bench.benchmark_app(tmp_path / "net.xml") == []
