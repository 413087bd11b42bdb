"""The table of layers in docs/layers.md."""

from __future__ import annotations

import json

import pytest

from caffe_io.layer_types import LAYER_TYPES
from kits import oracle as oracle_kit
from tools.layer_table import BEGIN, END, as_table, problems, put_between_marks


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


def test_the_table_goes_between_its_marks() -> None:
    first = put_between_marks("a\n<!-- layers -->\nb", "| 1 |")
    assert first == f"a\n{BEGIN}\n| 1 |\n{END}\nb"
    assert put_between_marks(first, "| 2 |") == f"a\n{BEGIN}\n| 2 |\n{END}\nb"
    with pytest.raises(SystemExit, match="has 0 places"):
        put_between_marks("a", "| 1 |")


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
