"""The times of blobs on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from kits.inference import colour_blob
from tools.bench import blobs


def test_a_line_for_each_blob(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ColourNet.blob"
    path.write_bytes(colour_blob())
    blobs.main([str(path)])
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["net", "ms", "cores", "MiB"]
    name, *numbers = line.split()
    assert name == "ColourNet"
    assert all(float(number) > 0 for number in numbers)
