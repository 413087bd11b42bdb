"""Verb `types`."""

from __future__ import annotations

import json

import pytest

from caffe_io.layer_types import LAYER_TYPES
from ncs.__main__ import ROOM
from ncs.layers import LAYERS


def test_types_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    ROOM.main(["types", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert {"AbsVal", "Deconvolution", "Input", "Tile"} <= set(found["converted"])
    assert "SoftmaxWithLoss" in found["left_out"]
    assert "runs no Python" in found["refused"]["Python"]
    names = [*found["converted"], *found["left_out"], *found["refused"]]
    assert len(names) == len(set(names))


def test_types_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    ROOM.main(["types"])
    text = capsys.readouterr().out
    assert text.startswith("converted:\n  AbsVal, ArgMax,")
    assert "  Python: a device runs no Python" in text


def test_every_row_that_is_converted_has_a_function() -> None:
    """Input has none, because ncs/converter.py makes it."""
    converted = {name for name, row in LAYER_TYPES.items() if row.converted}
    assert set(LAYERS) == converted - {"Input"}
