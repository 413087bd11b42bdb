"""The load on the page, small: that it counts, and that it fails where it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference import UsageError
from kits.faces import need_files
from kits.inference import write_graph
from tools.page import load


@pytest.mark.slow
def test_a_small_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need_files("blazeface")
    graph = write_graph(tmp_path / "graph")
    code = load.main(["--graph", str(graph), "--clients", "2", "--seconds", "1", "--slow", "0"])
    rows = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert list(rows) == ["machine", "clients", "pictures", "errors", "latency", "memory", "oversized", "slow"]
    assert (rows["errors"], rows["oversized"]) == ("none", "67108864 bytes: 413")
    assert code == 0


def test_a_failed_request_is_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    options = load._options(["--clients", "2"])
    fine = load.Load([0.1, 0.2], load.Counter())
    assert load._report(options, fine, [100.0] * 10, {"slow": "all let go"}) == 0
    assert load._report(options, load.Load([0.1], load.Counter({"status 500": 1})), [100.0] * 10, {}) == 1
    assert load._report(options, fine, [100.0] * 8 + [150.0] * 8, {}) == 1
    assert load._report(options, fine, [100.0] * 10, {"oversized": "NOT REFUSED: 200"}) == 1
    assert "1 x status 500" in capsys.readouterr().out


def test_a_load_of_nobody() -> None:
    with pytest.raises(UsageError, match="at least 1 client"):
        load._options(["--clients", "0"])
