from __future__ import annotations

import tracemalloc
from typing import cast

import pytest
from google.protobuf.descriptor import Descriptor

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.text.fields import StrangeField, strange_fields, unclosed_line

ROOT = cast(Descriptor, NetParameter.DESCRIPTOR)


def found(text: str) -> list[StrangeField]:
    return strange_fields(text, ROOT)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("frob: 3", "3"),
        ("frob:-3", "-3"),
        ("frob: - 3", "-3"),
        ("frob: 1e-3f", "1e-3f"),
        ("frob: 'a' \"b}\" # c\n'd'", "'a'\"b}\"'d'"),
        ("frob: A_NAME", "A_NAME"),
        ("frob: [1, 2]", None),
        ("frob: [ { a: 1 }, { b: [2] } ]", None),
        ('frob { a { b: "}" } c < d: 1 > }', None),
        ("frob: { }", None),
        ("frob <>", None),
    ],
)
@pytest.mark.parametrize("after", ["", ";", ","])
def test_the_extent_of_a_field(text: str, value: str | None, after: str) -> None:
    net_text = f'name: "n" {text}{after} layer {{ name: "a" }}'
    (field,) = found(net_text)
    assert (field.name, field.value) == ("frob", value)
    assert net_text[field.start : field.end] == text + after


def test_places_and_layers() -> None:
    text = 'layer {\n  frob: 1\n  name: "a"\n  type: "ReLU"\n  relu_param { engine: X } }\nlayers { bad {} type: RELU }'
    fields = found(text)
    assert [(f.name, f.line, f.column) for f in fields] == [("frob", 2, 3), ("engine", 5, 16), ("bad", 6, 10)]
    assert [str(f.layer) for f in fields] == ['layer "a" (ReLU)', 'layer "a" (ReLU)', 'layer "" (RELU)']
    assert [f.known and f.known.name for f in fields] == [None, "engine", None]
    assert [f.message.name for f in fields] == ["LayerParameter", "ReLUParameter", "V1LayerParameter"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# frob: 3",
        'name: "frob: 3"',
        "layer { pooling_param { pool: 1 } }",
        "layer { pooling_param { pool: AVE } include { phase: TEST } } state { phase: TRAIN }",
        'input_shape { dim: [1, 2] } input: ["a", "b"]',
    ],
)
def test_known_fields_are_skipped(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text", ["@", "frob 3", "frob:", "frob: }", "frob: [ {", 'name: "x', "{", "[a.b]: 3", "frob: ]"]
)
def test_text_that_is_not_prototxt_is_left_to_the_parser(text: str) -> None:
    assert found(text) == []


def test_deep_nesting() -> None:
    depth = 200_000
    (field,) = found("frob " + "{a " * depth + "}" * depth)
    assert field.end == 5 + 4 * depth
    assert found("frob " + "{" * depth) == []


def test_a_field_of_an_outer_block_means_a_missing_brace() -> None:
    fields = found("layer {\n convolution_param {\n pad: 1\n}\nlayer {\n frob: 1 }")
    assert [(f.name, f.line, f.unclosed) for f in fields] == [("layer", 5, 1)]


@pytest.mark.parametrize(
    ("text", "line"),
    [("", None), ("a { b < > }", None), ("a {\n b {\n }\n", 1), ("}\na {\n'}'\n# }", 2), ("a {\nb <\n}", 1)],
)
def test_the_line_of_an_unclosed_brace(text: str, line: int | None) -> None:
    assert unclosed_line(text) == line


def test_a_long_string_takes_little_memory() -> None:
    """A pattern that may go back one character at a time keeps 160 bytes for each."""
    tracemalloc.start()
    try:
        assert unclosed_line(f'name: "{"x" * 500_000}\\"" layer {{') == 1
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
