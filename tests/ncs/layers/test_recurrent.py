"""What is said of recurrent layers; tests/oracle/test_layers_ncs.py compares their numbers with Caffe."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import NetParameter
from kits.ncs import values
from ncs.converter import convert
from ncs.errors import ConversionError

WEIGHTS = {"it": [values(8, 4), values(8), values(8, 2)]}


def net(kind: str, shapes: list[str], settings: str = "num_output: 2") -> NetParameter:
    text = ""
    for number, shape in enumerate(shapes):
        dims = " ".join(f"dim: {size}" for size in shape.split())
        text += f'layer {{ name: "b{number}" type: "Input" top: "b{number}" input_param {{ shape {{ {dims} }} }} }}'
    bottoms = " ".join(f'bottom: "b{number}"' for number in range(len(shapes)))
    tops = 'top: "y" top: "h"' if kind == "LSTMUnit" else 'top: "y"'
    text += f'layer {{ name: "it" type: "{kind}" {bottoms} {tops} recurrent_param {{ {settings} }} }}'
    return text_format.Parse(text, NetParameter())


def test_a_state_that_begins_with_0_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert list(convert(net("LSTM", ["3 1 4", "3 1"]), WEIGHTS).outputs[0].shape) == [3, 1, 2]
    assert 'layer "it" (LSTM): the compiled net begins each time with a state of 0' in caplog.text
    assert "expose_hidden: true" in caplog.text


@pytest.mark.parametrize(
    ("kind", "shapes", "message"),
    [
        ("LSTM", ["3 1", "3 1"], "expected x of T x N x ..."),
        ("LSTM", ["3 1 4", "1 3"], "cont of T x N"),
        ("LSTM", ["3 1 5", "3 1"], "blob 0 in caffemodel has shape 8x4, expected 8x5"),
        ("LSTMUnit", ["1 2 3", "1 2 11", "1 2"], "expected 1 x N x C, 1 x N x 4C and 1 x N"),
    ],
)
def test_refused(kind: str, shapes: list[str], message: str) -> None:
    with pytest.raises(ConversionError, match=message):
        convert(net(kind, shapes), WEIGHTS)
