"""Conversion of whole nets: names, in-place tops, the mean, outputs, and nets that are refused."""

from __future__ import annotations

import numpy as np
import openvino
import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import LayerParameter, NetParameter
from caffe_io.errors import NetError
from kits.ncs import net_of, pixels, run_model, run_net, subtract, values
from ncs.converter import convert
from ncs.errors import ConversionError
from ncs.inputs.preprocessing import Preprocessing
from ncs.inputs.shapes import input_shapes

CHAIN = (
    'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 4 } }'
    'layer { name: "relu" type: "ReLU" bottom: "fc" top: "fc" }'
)
WEIGHTS = {"fc": [values(4, 216) / 100, values(4)]}


def test_in_place_tops_replace_their_bottom() -> None:
    picture = pixels()
    got = run_net(CHAIN, picture, WEIGHTS)
    expected = np.maximum(0, (picture.reshape(1, -1) - np.float32(128)) @ WEIGHTS["fc"][0].T + WEIGHTS["fc"][1])
    assert list(got) == ["fc"]
    np.testing.assert_allclose(got["fc"], expected, rtol=1e-4, atol=1e-4)


def test_outputs_are_the_blobs_that_no_layer_consumes() -> None:
    layers = (
        CHAIN
        + 'layer { name: "age" type: "Softmax" bottom: "fc" top: "prob_age" }'
        + 'layer { name: "gender" type: "Sigmoid" bottom: "fc" top: "prob_gender" }'
    )
    got = run_net(layers, pixels(), WEIGHTS)
    assert set(got) == {"prob_age", "prob_gender"}


def test_two_names_for_one_blob_are_two_outputs() -> None:
    got = run_net(CHAIN + 'layer { name: "s" type: "Split" bottom: "fc" top: "a" top: "b" }', pixels(), WEIGHTS)
    assert set(got) == {"a", "b"}
    np.testing.assert_array_equal(got["a"], got["b"])


def test_names_are_unique_and_the_same_each_time() -> None:
    # A layer name used twice.
    net = net_of(CHAIN + 'layer { name: "fc" type: "Sigmoid" bottom: "fc" top: "fc" }')
    runs = [[op.get_friendly_name() for op in convert(net, WEIGHTS).get_ordered_ops()] for _ in range(2)]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == len(runs[0])
    assert "fc" in runs[0]


def test_an_output_node_has_its_blobs_name() -> None:
    model = convert(net_of(CHAIN), WEIGHTS)
    source = model.outputs[0].get_node().input_value(0).get_node()
    assert (source.get_type_name(), source.get_friendly_name()) == ("Relu", "fc")


def test_input_takes_bytes_of_as_many_pictures_as_the_net_says() -> None:
    model = convert(net_of(CHAIN, (10, 3, 9, 8)), WEIGHTS)
    assert model.input().get_element_type().get_type_name() == "u8"
    assert list(model.input().get_shape()) == [10, 3, 9, 8]
    assert model.input().get_any_name() == "data"


def test_mean_image_is_subtracted_pixel_by_pixel() -> None:
    picture, mean = pixels(), values(3, 9, 8) * 20 + 120
    net = net_of('layer { name: "p" type: "Power" bottom: "data" top: "p" power_param { scale: 1 } }')
    net.layer[1].power_param.scale = 2
    got = run_model(convert(net, {}, subtract(mean)), picture)["p"]
    np.testing.assert_allclose(got[0], (picture[0] - mean) * 2, rtol=1e-5, atol=1e-4)


def test_no_mean() -> None:
    got = run_model(convert(net_of('layer { name: "r" type: "ReLU" bottom: "data" top: "r" }'), {}), pixels())["r"]
    np.testing.assert_array_equal(got, pixels())


def test_layers_of_training_are_left_out() -> None:
    layers = CHAIN + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" top: "loss" include { phase: TRAIN } }'
    assert list(run_net(layers, pixels(), WEIGHTS)) == ["fc"]


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (
            'layer { name: "x" type: "Convolutoin" bottom: "data" top: "x" }',
            ['layer "x"', "unknown layer type", 'Did you mean "Convolution"?', "Known: AbsVal, ArgMax"],
        ),
        ('layer { name: "x" type: "Data" top: "x" }', ["a device is fed pictures", "Give --model the deploy net"]),
        ('layer { name: "x" type: "ReLU" bottom: "data" top: "x" top: "y" }', ["has 2 tops (x, y); expected 1."]),
        ('layer { name: "x" type: "ReLU" top: "x" }', ["has no bottom; expected 1."]),
        ('layer { name: "x" type: "Python" bottom: "data" top: "x" }', ["a device runs no Python"]),
        ('layer { name: "x" type: "Silence" bottom: "data" }', ["has no output"]),
        (
            'layer { name: "x" type: "Tile" bottom: "data" top: "x" tile_param { tiles: 2000000000 } }',
            ['its top "x" would be 1x6000000000x', "numbers; a blob holds at most 2147483647. Correct the sizes."],
        ),
        ("", ['no layer uses the input "data"']),
    ],
)
def test_nets_that_are_refused(layers: str, words: list[str]) -> None:
    with pytest.raises(ConversionError) as caught:
        convert(net_of(layers), WEIGHTS, net_file="my_deploy.prototxt")
    for word in ["my_deploy.prototxt", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (
            'layer { name: "x" type: "ReLU" bottom: "dat" top: "x" }',
            ['layer "x" (ReLU) reads "dat", which no earlier layer', 'Did you mean "data"?'],
        ),
        (
            CHAIN + 'layer { name: "x" type: "ReLU" bottom: "data" top: "fc" }',
            ['"fc", which layer "relu" (ReLU) already produces'],
        ),
        (CHAIN + 'layer { name: "x" type: "ReLU" bottom: "data" top: "data" }', ['in place on "data"', 'layer "fc"']),
        (
            'layer { name: "x" type: "Input" top: "data" input_param { shape { dim: 1 } } }',
            ['"data", which layer "data" (Input) already produces'],
        ),
    ],
)
def test_blobs_that_do_not_fit_together(layers: str, words: list[str]) -> None:
    with pytest.raises(NetError) as caught:
        convert(net_of(layers), WEIGHTS, net_file="my_deploy.prototxt")
    for word in ["my_deploy.prototxt", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ('type: "Dropout"', "by chance"),
        ('type: "BatchNorm"', "statistics of each batch"),
        ('type: "Pooling" pooling_param { pool: STOCHASTIC kernel_size: 2 }', "by chance"),
    ],
)
def test_a_layer_s_own_phase_overrides_the_net_s(layer: str, words: str) -> None:
    text, weights = (
        f'layer {{ name: "x" bottom: "data" top: "x" {layer} %s }}',
        {"x": [values(3), values(3), values(1)]},
    )
    weights["x"][1][...] = weights["x"][2][...] = 1
    with pytest.raises(ConversionError, match=f'layer "x".*phase: TRAIN.*{words}'):
        convert(net_of(text % "phase: TRAIN"), weights)
    convert(net_of(text % "phase: TEST"), weights)


def test_weights_of_another_net_name_both_files() -> None:
    with pytest.raises(ConversionError, match=r"net\.prototxt.*\"fc\".*other\.caffemodel"):
        convert(net_of(CHAIN), {"conv": [values(1)]}, net_file="net.prototxt", weights_file="other.caffemodel")


def two_inputs() -> NetParameter:
    net = net_of("", (10, 3, 9, 8))
    second = net.layer.add(name="more", type="Input", top=["left", "label"])
    second.input_param.shape.add(dim=[10, 3, 9, 8])
    second.input_param.shape.add(dim=[10])
    sum_ = text_format.Parse('type: "Eltwise" bottom: "data" bottom: "left" top: "sum"', LayerParameter(name="sum"))
    net.layer.append(sum_)
    return net


def test_several_inputs_each_with_its_own_preprocessing() -> None:
    net = two_inputs()
    net.layer.add(name="label2", type="Power", bottom=["label"], top=["label2"]).power_param.scale = 2
    assert input_shapes(net) == {"data": (10, 3, 9, 8), "left": (10, 3, 9, 8), "label": (10,)}
    halves = {"label": Preprocessing(scale=np.array([0.5], np.float32))}
    model = convert(net, {}, {**subtract(np.full((3, 1, 1), 100, np.float32)), **halves})
    assert [source.get_element_type().get_type_name() for source in model.inputs] == ["u8", "u8", "f32"]
    shape = (10, 3, 9, 8)
    feed = {"data": pixels(shape), "left": pixels(shape, seed=2), "label": np.arange(10, dtype=np.float32)}
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    got = compiled(feed)
    np.testing.assert_array_equal(got["sum"], feed["data"].astype(np.float32) - 100 + feed["left"])
    np.testing.assert_array_equal(got["label2"], np.arange(10))


def test_losses_are_left_out_with_the_labels_that_only_they_use(caplog: pytest.LogCaptureFixture) -> None:
    net = two_inputs()
    layers = (
        'layer { name: "flat" type: "Flatten" bottom: "label" top: "flat" flatten_param { axis: 0 } }'
        'layer { name: "acc" type: "Accuracy" bottom: "sum" bottom: "flat" top: "acc" }'
        'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "sum" bottom: "flat" top: "loss" }'
        'layer { name: "end" type: "Silence" bottom: "loss" }'
    )
    net.MergeFrom(text_format.Parse(layers, NetParameter()))
    model = convert(net, {})
    assert [source.get_any_name() for source in model.inputs] == ["data", "left"]
    assert [output.get_any_name() for output in model.outputs] == ["sum"]
    assert '"acc" (Accuracy) left out' in caplog.text
    assert '"loss" (SoftmaxWithLoss) left out' in caplog.text


def test_inputs_that_are_refused() -> None:
    net = two_inputs()
    del net.layer[0]
    net.layer[0].input_param.shape[1].dim[0] = 0
    with pytest.raises(ConversionError, match=r'input "label" has the shape 0; expected .*--input_shape'):
        input_shapes(net)
    net.layer[0].input_param.shape.add(dim=[1])
    with pytest.raises(
        ConversionError, match=r'"more" has 2 tops and shapes 10x3x9x8, 0, 1; expected one shape for each top'
    ):
        input_shapes(net)
    del net.layer[0]
    with pytest.raises(ConversionError, match=r"has no Input layer.*deploy net"):
        input_shapes(net)


def test_shared_weights_come_from_their_owner() -> None:
    second = 'layer { name: "b" type: "InnerProduct" bottom: "data" top: "b" inner_product_param { num_output: 4 } %s }'
    names = 'param { name: "w" } param { name: "v" }'
    net = net_of(second.replace('"b"', '"a"') % names + second % names)
    got = run_model(convert(net, {"a": WEIGHTS["fc"]}), pixels())
    np.testing.assert_array_equal(got["a"], got["b"])


@pytest.mark.parametrize("between", ["", 'layer { name: "r" type: "ReLU" bottom: "fc" top: "r" }'])
def test_batch_norm_and_scale_are_folded_into_a_layer_without_other_consumers(between: str) -> None:
    layers = (
        'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 4 } }'
        f"{between}"
        'layer { name: "bn" type: "BatchNorm" bottom: "fc" top: "bn" }'
        'layer { name: "sc" type: "Scale" bottom: "bn" top: "sc" scale_param { bias_term: true } }'
    )
    x = pixels().reshape(1, -1).astype(np.float32)
    weights = {
        **WEIGHTS,
        "bn": [values(4), values(4, seed=3) ** 2, values(1) * 0 + 2],
        "sc": [values(4), values(4, seed=5)],
    }
    model = convert(net_of(layers), weights)
    assert ("Multiply" in {node.get_type_name() for node in model.get_ops()}) == bool(between)
    fc = x @ WEIGHTS["fc"][0].T + WEIGHTS["fc"][1]
    expected = (fc - weights["bn"][0] / 2) / np.sqrt(weights["bn"][1] / 2 + 1e-5) * weights["sc"][0] + weights["sc"][1]
    np.testing.assert_allclose(run_model(model, pixels())["sc"], expected, rtol=1e-4)
