"""Common mistakes in prototxt: the message says what to write."""

from __future__ import annotations

import pytest

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.errors import PrototxtError
from caffe_io.prototxt import parse_text
from caffe_io.text.mistakes import former_type


def error_of(text: str) -> str:
    with pytest.raises(PrototxtError) as caught:
        parse_text(text, NetParameter(), "n.prototxt")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (
            'layers { name: "data" type: "Data" top: "data" }',
            "1:29",
            '`layers` (V1, of 2014) has no type Data. Write `layer` and type: "Data", or keep `layers` and write type: DATA.',
        ),
        (
            "layers { type: SoftmaxWithLoss }",
            "1:10",
            'Write `layer` and type: "SoftmaxWithLoss", or keep `layers` and write type: SOFTMAX_LOSS.',
        ),
        ('layers { type: "BatchNorm" }', "1:16", 'has no type BatchNorm. Write `layer` and type: "BatchNorm".'),
        ('layers { type: "DATA" }', "1:16", "has its types without quotes. Write type: DATA."),
        (
            'layer {\n name: "c" type: CONVOLUTION }',
            "2:18",
            'CONVOLUTION is a type of `layers` (V1, of 2014). In `layer`, write type: "Convolution".',
        ),
        ("layer { type: SOFTMAX_LOSS }", "1:15", 'In `layer`, write type: "SoftmaxWithLoss".'),
        ("layer { type: ReLU }", "1:15", 'ReLU is a text, which needs quotes. Write "ReLU".'),
        ("layer { name: conv1 }", "1:15", 'conv1 is a text, which needs quotes. Write "conv1".'),
        (
            "layers { param { lr_mult: 1 } }",
            "1:16",
            "Write `layer` and the type in quotes; or, as V1 does, blobs_lr: 1",
        ),
        ('layer { param: "w" }', "1:16", 'Write param { name: "NAME" }.'),
        ('layer { include { phase: "TEST" } }', "1:26", "TEST is a word, not a text. Write it without the quotes."),
        ("layer { top: \u201cdata\u201d }", "1:14", "These quotes are typographic ones. Write straight quotes."),
        ('name: "n" // comment', "1:11", "A comment begins with #."),
        (
            'layer { type: "Convolution" blobs_lr: 1 blobs_lr: 2 }',
            "1:29",
            "`layer` has one block for each blob instead. Write param { lr_mult: 1 decay_mult: 1 } for each",
        ),
        ("layer { weight_decay: 0 }", "1:9", "Write param { lr_mult: 1 decay_mult: 1 } for each"),
        ("layer { blob_share_mode: STRICT }", "1:9", "Write param { share_mode: STRICT }"),
        ("layers { batch_norm_param { } }", "1:10", "Write `layer` and the type in quotes."),
    ],
)
def test_what_to_write(text: str, place: str, words: str) -> None:
    message = error_of(text)
    assert message.startswith(f"n.prototxt:{place}: ")
    assert words in message
    for misleading in ("nearest", "without it", "Enum type", "Expected string", "--weights"):
        assert misleading not in message


def test_other_mistakes_keep_the_parsers_words() -> None:
    message = error_of("layers { type: 77 }")
    assert message.startswith(
        'n.prototxt:1:16: Enum type "caffe.V1LayerParameter.LayerType" has no value with number 77.'
    )


def test_former_types() -> None:
    assert former_type("INNER_PRODUCT") == (
        'INNER_PRODUCT is a type of `layers` (V1, of 2014). In `layer`, write type: "InnerProduct".'
    )
    # These are the current names as well.
    assert [former_type(name) for name in ("LRN", "InnerProduct", "NONE", "x")] == [""] * 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!DOCTYPE html>\n<html>", "n.prototxt: is no prototxt. It is a web page (HTML)"),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:1",
            "n.prototxt: is no prototxt. It is a Git LFS pointer",
        ),
        ('{"name": "Tiny"}', "n.prototxt: is no prototxt. It is JSON."),
        ("import caffe\nprint(1)\n", "n.prototxt: is no prototxt. It is a Python program."),
    ],
)
def test_other_files(text: str, words: str) -> None:
    assert error_of(text).startswith(words)
