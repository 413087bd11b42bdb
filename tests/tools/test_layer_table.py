"""docs/layers.md, and what `saw` notes for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caffe_io.layer_types import LAYER_TYPES
from kits import oracle as oracle_kit
from tools import layer_table
from tools.layer_table import as_table, problems


def test_rows_are_what_was_seen() -> None:
    table = as_table(
        {
            "ReLU": {"forward": {"test_a": True, "test_b": True}, "backward": {"test_a": True, "test_b": False}},
            "Crop": {"openvino": {"test_c": True}},
        }
    )
    assert table.splitlines() == [
        "| layer | forward | backward | converts to OpenVINO | compiles for Myriad X |",
        "|---|---|---|---|---|",
        "| Crop | – | – | yes (1) | – |",
        "| ReLU | yes (2) | no (1 of 2) | – | – |",
    ]


def test_wrong_results_are_listed() -> None:
    seen = {"Crop": {"openvino": {"test_c": True}, "myriad": {"test_d": True, "test_e": False}}}
    assert problems(seen)[0] == "wrong: test_e"


def test_types_that_convert_without_a_test_are_listed() -> None:
    seen = {name: {"openvino": {"test": True}, "myriad": {"test": True}} for name in LAYER_TYPES}
    assert problems(seen) == []
    del seen["ReLU"]
    del seen["Accuracy"]
    assert problems(seen) == ["no test: ReLU converts to OpenVINO", "no test: ReLU compiles for Myriad X"]


def test_the_page_is_written_from_an_earlier_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(layer_table, "PAGE", tmp_path / "layers.md")
    seen = {"ReLU": {"forward": {"test_a": True, "test_b": False}, "backward": {"test_b": False}}}
    (tmp_path / "seen.json").write_text(json.dumps(seen))
    (tmp_path / "layers.md").write_text("old")
    layer_table.main(["--seen", str(tmp_path / "seen.json")])
    assert (tmp_path / "layers.md").read_text() == f"{layer_table.HEAD}\n{as_table(seen)}\n"
    assert capsys.readouterr().err.startswith("wrong: test_b\nno test: ")


def test_the_page_in_docs_is_of_this_form() -> None:
    lines = layer_table.PAGE.read_text().splitlines()
    assert "\n".join(lines).startswith(f"{layer_table.HEAD}\n{as_table({})}\n| AbsVal |")
    assert len(lines) > 60


def test_saw_keeps_what_a_test_found(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(oracle_kit, "SEEN", tmp_path / "seen" / "layers.json")
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/x.py::test_one (call)")
    oracle_kit.saw("ReLU", "forward")
    oracle_kit.saw("ReLU", "backward", ok=False)
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/x.py::test_two (call)")
    oracle_kit.saw("ReLU", "forward")
    oracle_kit.saw("ReLU", "backward")
    one, two = "tests/x.py::test_one", "tests/x.py::test_two"
    assert json.loads(oracle_kit.SEEN.read_text()) == {
        "ReLU": {"forward": {one: True, two: True}, "backward": {one: False, two: True}}
    }
