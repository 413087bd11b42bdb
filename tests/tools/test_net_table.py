"""The tables of docs/networks.md: their form from made-up figures, and one net measured."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from caffe_io.caffe_pb2 import TEST
from caffe_io.prototxt import read_net
from common.errors import MokaError, UsageError
from common.places import ROOT
from tools.net_table import __main__ as net_table
from tools.net_table import measure as measuring
from tools.net_table.measure import Measured, figures_text, prepare
from tools.net_table.page import PAGE, accuracy_table, between, size_table
from training.nets.net import Net

TIMES = {"FP32": {1: 2.0, 2: 1234.0}, "FP16": {1: 2.1, 2: 1.3}}
FOUND = Measured("Net", (1, 3, 48, 48), 19_107_424, 574_847, 2.31, 1.16, 31, {"FP32": 2.3, "FP16": 1.1}, TIMES)


def test_a_row_of_sizes() -> None:
    assert list(size_table([FOUND, replace(FOUND, blob=None, stages=None)]))[2:] == [
        "| Net | 3x48x48 | 19.1 | 574,847 | 2.3 | – | 1.2 | 31 | 2 / 1234 | 2.1 / 1.3 | – |",
        "| Net | 3x48x48 | 19.1 | 574,847 | 2.3 | – | – | – | 2 / 1234 | 2.1 / 1.3 | – |",
    ]


def test_rows_of_figures() -> None:
    tasks = {
        "years": {"mae": 4.531, "pictures": 687},
        "age by decade": {"accuracy": 0.7205, "one_off_accuracy": 0.93, "pictures": 687},
        "gender": {"accuracy": 0.838, "pictures": 680},
    }
    text = "age classes 72.0%, 1-off 93.0%, MAE 4.53, gender 83.8% (687 pictures)"
    assert figures_text(tasks) == text
    found = replace(FOUND, figures={"FP32": text, "FP16": "another"})
    assert list(accuracy_table([found]))[2:] == [
        f"| Net | 3x48x48 | FP32 | {text} | 2.3 |",
        "| Net | 3x48x48 | FP16 | another | 1.1 |",
    ]


def test_only_what_is_between_the_comments_changes() -> None:
    page = "a\n<!-- sizes: written -->\nold\n<!-- end of sizes -->\nb\n"
    assert between(page, "sizes", r"new \1") == "a\n<!-- sizes: written -->\n\nnew \\1\n\n<!-- end of sizes -->\nb\n"
    with pytest.raises(MokaError, match="lacks the comments of accuracy"):
        between(page, "accuracy", "new")


def test_the_page_has_both_tables() -> None:
    page = PAGE.read_text()
    for mark, table in (("sizes", size_table([])), ("accuracy", accuracy_table([]))):
        part = page[page.index(f"<!-- {mark}") : page.index(f"<!-- end of {mark}")]
        assert "\n".join(table) in part and len(part.splitlines()) > 6


def test_the_page_is_written_when_all_nets_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "networks.md"
    old = "".join(f"<!-- {mark}: written -->\nold {mark}\n<!-- end of {mark} -->\n" for mark in ("sizes", "accuracy"))
    page.write_text(old)
    monkeypatch.setattr(net_table, "PAGE", page)
    monkeypatch.setattr(net_table, "prepare", lambda name, folder: folder)
    monkeypatch.setattr(net_table, "measure", lambda name, *_: replace(FOUND, name=name))
    net_table.main(["AgeNet"])
    assert page.read_text() == old
    net_table.main([])
    assert "| ResNet18 | 3x48x48 | " in page.read_text()
    # Without --trained, the figures of an earlier run stay.
    assert "old sizes" not in page.read_text() and "old accuracy" in page.read_text()


def test_a_recipe_s_net_is_measured_with_its_settled_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []
    monkeypatch.setattr(
        net_table, "measure", lambda name, _, weights, *__, **___: measured.append(weights.name) or FOUND
    )
    (tmp_path / "models/FaceRes").mkdir(parents=True)
    for seconds, name in enumerate(("FaceRes_iter_4000", "FaceRes_settled_iter_60")):
        path = tmp_path / f"models/FaceRes/{name}.caffemodel"
        path.touch()
        os.utime(path, (seconds, seconds))
    net_table.main(["AgeNet", "--trained", str(tmp_path)])
    assert "FaceRes_settled_iter_60.caffemodel" in measured and "FaceRes_iter_4000.caffemodel" not in measured


def test_unknown_nets_are_refused() -> None:
    with pytest.raises(UsageError, match='Did you mean "AgeNet"'):
        net_table.main(["AgeNett"])


def test_drawn_weights_give_finite_answers(tmp_path: Path) -> None:
    """BatchNorm's own statistics begin at 0, with which a net overflows."""
    net = Net(read_net(ROOT / "prototxt/FaceRes/deploy.prototxt"), TEST)
    net.load_all(prepare("FaceRes", tmp_path))
    net.forward({"data": torch.randn(1, 3, 64, 64)})
    assert np.isfinite(net.blobs["years_scores"].detach().numpy()).all()


def test_a_net_is_compiled_and_timed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(measuring, "SECONDS", 0.01)
    net_table.main(["FaceRes"])
    cells = [cell.strip() for cell in capsys.readouterr().out.split("|")[1:-1]]
    assert cells[:5] == ["FaceRes", "3x64x64", "34.0", "574,847", "2.3"]
    assert " / " in cells[8] and " / " in cells[9]


def test_a_command_that_fails_is_shown(tmp_path: Path) -> None:
    with pytest.raises(MokaError, match=r"moka compile --net None in .*: error: "):
        measuring.moka(tmp_path, "compile", "--net", "None")
