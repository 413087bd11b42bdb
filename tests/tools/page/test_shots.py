"""The pictures of the page in docs/."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest

from common.errors import MokaError
from common.places import ROOT
from kits.faces import need_files
from kits.inference import write_graph
from tools.page import shots


@pytest.mark.slow
def test_a_picture_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_files("blazeface")
    if not shutil.which("chromium"):
        pytest.skip("there is no Chromium on this machine")
    monkeypatch.setattr(shots, "SHOTS", {"page_dark": shots.SHOTS["page_dark"]})
    graph = write_graph(tmp_path / "graph")
    shots.main(["--graph", str(graph), "--out", str(tmp_path)])
    picture = cv2.imread(str(tmp_path / "page_dark.png"))
    assert picture.shape == (760, 1180, 3)
    assert picture[5, 5].max() < 60


def test_those_of_the_documents_are_small() -> None:
    for name, (width, height, _, _) in shots.SHOTS.items():
        path = ROOT / f"docs/{name}.png"
        assert cv2.imread(str(path)).shape == (height, width, 3)
        assert path.stat().st_size < 120_000


def test_without_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shots.shutil, "which", lambda name: None)
    with pytest.raises(MokaError, match="no chromium"):
        shots.main([])
