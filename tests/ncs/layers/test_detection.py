"""Detectors' layers: what is refused, and a small detector. tests/oracle/test_ssd_layers.py compares the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import NetParameter
from kits.ncs import Floats, net_of, run_feed, values
from ncs.converter import convert
from ncs.errors import ConversionError
from ncs.inputs.batch import for_batch, for_one_picture

PRIORS = """
layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { num_output: 8 kernel_size: 3 stride: 3 } }
layer { name: "p" type: "PriorBox" bottom: "c" bottom: "data" top: "p" prior_box_param { min_size: 4 } }
layer { name: "perm" type: "Permute" bottom: "c" top: "perm" permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "cut" type: "Slice" bottom: "perm" top: "l" top: "s" slice_param { axis: 3 } }
layer { name: "prob" type: "Softmax" bottom: "s" top: "prob" softmax_param { axis: 3 } }
"""
PARAM = "num_classes: 4 keep_top_k: 5 confidence_threshold: 0.1"


def detector(param: str = PARAM, scores: str = "prob", batch: int = 1) -> NetParameter:
    output = f'layer {{ name: "d" type: "DetectionOutput" bottom: "l" bottom: "{scores}" bottom: "p" top: "d"'
    return net_of(f"{PRIORS} {output} detection_output_param {{ {param} }} }}", (batch, 3, 12, 9))


WEIGHTS = {"c": [values(8, 3, 3, 3) / 300, values(8)]}


def answer(net: NetParameter, pixels: np.ndarray) -> Floats:
    return run_feed(convert(net, WEIGHTS), {"data": pixels})["d"]


def test_rows_after_the_last_box_begin_with_minus_1() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 12, 9), dtype=np.uint8)
    top = answer(detector("num_classes: 4 keep_top_k: 50 confidence_threshold: 0.4"), pixels)
    assert top.shape == (1, 1, 50, 7)
    count = int(np.flatnonzero(top[0, 0, :, 0] == -1)[0])
    assert 0 < count < 50
    assert (top[0, 0, :count, 2] > 0.4).all()


def test_priors_are_one_constant() -> None:
    kinds = [node.get_type_name() for node in convert(detector(), WEIGHTS).get_ops()]
    assert "PriorBox" not in kinds
    assert kinds.count("DetectionOutput") == 1


def test_the_batch_may_be_changed() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 3, 12, 9), dtype=np.uint8)
    three = detector(batch=3)
    top = answer(three, pixels)
    assert top.shape == (1, 1, 15, 7)
    single = for_one_picture(three, WEIGHTS, "n", "w")
    assert single.batch == 1
    for number in range(3):
        own = top[0, 0][top[0, 0, :, 0] == number]
        alone = answer(single.net, pixels[number : number + 1])[0, 0]
        np.testing.assert_allclose(alone[alone[:, 0] == 0][:, 1:], own[:, 1:], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(answer(for_batch(detector(), 3, WEIGHTS, "n", "w").net, pixels), top)


@pytest.mark.parametrize(
    ("param", "words"),
    [
        ("keep_top_k: 5", "num_classes is missing"),
        (
            f"{PARAM} nms_param {{ eta: 0.9 }}",
            "eta is 0.9, but OpenVINO's operation has no threshold .* with --cut prob, this machine",
        ),
        (f"{PARAM} nms_param {{ top_k: 0 }}", "top_k is 0, which keeps no box"),
        ("num_classes: 4 keep_top_k: 0", "keep_top_k is 0, which keeps no box"),
        (
            "num_classes: 3 confidence_threshold: 0.1",
            "its locations are 1x48 and its scores 1x48; expected 48 and 36 for each picture, for 12 priors and 3 classes",
        ),
        (f"{PARAM} nms_param {{ nms_threshold: -1 }}", "nms_threshold is -1; expected 0 or more"),
        (f"{PARAM} background_label_id: 4", "background_label_id is 4, but there are 4 classes"),
    ],
)
def test_settings_that_are_refused(param: str, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        convert(detector(param), WEIGHTS)


def test_a_threshold_that_the_stick_lacks() -> None:
    with pytest.raises(ConversionError, match="has no confidence_threshold of 0 or more"):
        convert(detector("num_classes: 4 keep_top_k: 5", "s"), WEIGHTS)
    convert(detector("num_classes: 4 keep_top_k: 5"), WEIGHTS)
    convert(detector("num_classes: 4 keep_top_k: 5 confidence_threshold: 0", "s"), WEIGHTS)


def test_priors_that_are_an_input() -> None:
    text = """
        layer { name: "p" type: "Input" top: "p" input_param { shape { dim: 1 dim: 2 dim: 8 } } }
        layer { name: "s" type: "Input" top: "s" input_param { shape { dim: 1 dim: 4 } } }
        layer { name: "d" type: "DetectionOutput" bottom: "data" bottom: "s" bottom: "p" top: "d"
          detection_output_param { num_classes: 2 keep_top_k: 5 confidence_threshold: 0.1 CODE } }"""
    convert(net_of(text.replace("CODE", "code_type: CENTER_SIZE"), (1, 8)), {})
    for code in ("code_type: CORNER_SIZE", "variance_encoded_in_target: true"):
        with pytest.raises(ConversionError, match="its priors do not come from PriorBox layers"):
            convert(net_of(text.replace("CODE", code), (1, 8)), {})


def test_a_prior_box_that_is_refused() -> None:
    net = net_of(PRIORS.replace("min_size: 4", ""), (1, 3, 12, 9))
    with pytest.raises(ConversionError, match=r'layer "p" \(PriorBox\): prior_box_param: min_size is missing'):
        convert(net, WEIGHTS)


@pytest.mark.parametrize(
    ("param", "blobs", "words"),
    [
        ("", [], "has no norm_param, and its bottom is 1x3x9x8"),
        ("norm_param { channel_shared: false }", [values(4)], "blob 0 in caffemodel has shape 4, expected 3"),
        ("norm_param { }", [], "needs 1 or more blobs of weights"),
    ],
)
def test_a_normalize_that_is_refused(param: str, blobs: list[Floats], words: str) -> None:
    net = net_of(f'layer {{ name: "n" type: "Normalize" bottom: "data" top: "n" {param} }}')
    with pytest.raises(ConversionError, match=words):
        convert(net, {"n": blobs})


def test_a_normalize_of_forks_for_faces_has_no_weights() -> None:
    net = net_of('layer { name: "n" type: "Normalize" bottom: "data" top: "n" }', (1, 6))
    x = values(1, 6)
    np.testing.assert_allclose(run_feed(convert(net, {}), {"data": x})["n"], x / np.linalg.norm(x), rtol=1e-5)


def test_what_only_training_and_test_need_is_left_out() -> None:
    net = detector()
    truth = 'layer { name: "o" type: "Input" top: "o" input_param { shape { dim: 1 dim: 1 dim: 2 dim: 8 } } }'
    loss = 'layer { name: "m" type: "MultiBoxLoss" bottom: "l" bottom: "s" bottom: "p" bottom: "o" top: "m" }'
    judged = 'layer { name: "e" type: "DetectionEvaluate" bottom: "d" bottom: "o" top: "e" }'
    net.MergeFrom(text_format.Parse(f"{truth} {loss} {judged}", NetParameter()))
    model = convert(net, WEIGHTS)
    assert [source.get_any_name() for source in model.inputs] == ["data"]
    assert [output.get_any_name() for output in model.outputs] == ["d"]
