"""The walk over a net: names, in-place tops, the mean, and nets that cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from ncs.converter import convert, input_shape
from ncs.errors import ConversionError
from tests.ncs_kit import net_of, pixels, run_model, run_net, values

CHAIN = (
    'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 4 } }'
    'layer { name: "relu" type: "ReLU" bottom: "fc" top: "fc" }'
)
WEIGHTS = {"fc": [values(4, 216) / 100, values(4)]}


def test_in_place_tops_replace_their_bottom() -> None:
    picture = pixels()
    got = run_net(CHAIN, picture, WEIGHTS)
    wanted = np.maximum(0, (picture.reshape(1, -1) - np.float32(128)) @ WEIGHTS["fc"][0].T + WEIGHTS["fc"][1])
    assert list(got) == ["fc"]
    np.testing.assert_allclose(got["fc"], wanted, rtol=1e-4, atol=1e-4)


def test_outputs_are_the_blobs_that_no_layer_takes() -> None:
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
    net = net_of(CHAIN + 'layer { name: "fc" type: "Sigmoid" bottom: "fc" top: "fc" }')  # a layer name used twice
    runs = [[op.get_friendly_name() for op in convert(net, WEIGHTS).get_ordered_ops()] for _ in range(2)]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == len(runs[0])
    assert "fc" in runs[0]


def test_output_node_bears_its_blobs_name() -> None:
    model = convert(net_of(CHAIN), WEIGHTS)
    source = model.outputs[0].get_node().input_value(0).get_node()
    assert (source.get_type_name(), source.get_friendly_name()) == ("Relu", "fc")


def test_input_takes_bytes_of_one_picture() -> None:
    model = convert(net_of(CHAIN, (10, 3, 9, 8)), WEIGHTS)
    assert model.input().get_element_type().get_type_name() == "u8"
    assert list(model.input().get_shape()) == [1, 3, 9, 8]
    assert model.input().get_any_name() == "data"


def test_mean_image_is_subtracted_pixel_by_pixel() -> None:
    picture, mean = pixels(), values(3, 9, 8) * 20 + 120
    net = net_of('layer { name: "p" type: "Power" bottom: "data" top: "p" power_param { scale: 1 } }')
    net.layer[1].power_param.scale = 2
    got = run_model(convert(net, {}, mean), picture)["p"]
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
            ['layer "x"', "unknown layer type", 'Did you mean "Convolution"?', "Known: BatchNorm, Concat"],
        ),
        ('layer { name: "x" type: "Data" top: "x" }', ["unknown layer type", "Data", "Known:"]),
        ('layer { name: "x" type: "ReLU" bottom: "dat" top: "x" }', ['no layer before it makes "dat"', '"data"?']),
        (CHAIN + 'layer { name: "x" type: "ReLU" bottom: "data" top: "fc" }', ['"fc" is made by an earlier layer']),
        ('layer { name: "x" type: "ReLU" bottom: "data" top: "x" top: "y" }', ["has 2 tops, wanted 1"]),
        ('layer { name: "x" type: "ReLU" top: "x" }', ["at least one bottom"]),
        ("", ['no layer uses the input "data"']),
    ],
)
def test_nets_that_cannot_be(layers: str, words: list[str]) -> None:
    with pytest.raises(ConversionError) as caught:
        convert(net_of(layers), WEIGHTS, net_file="my_deploy.prototxt")
    for word in ["my_deploy.prototxt", *words]:
        assert word in str(caught.value)


def test_weights_of_another_net_name_both_files() -> None:
    with pytest.raises(ConversionError, match=r"net\.prototxt.*\"fc\".*other\.caffemodel"):
        convert(net_of(CHAIN), {"conv": [values(1)]}, net_file="net.prototxt", weights_file="other.caffemodel")


@pytest.mark.parametrize("inputs", [0, 2])
def test_one_input_is_wanted(inputs: int) -> None:
    net = net_of(CHAIN)
    first = net.layer[0]
    del net.layer[0]
    net.layer.extend([first] * inputs)
    with pytest.raises(ConversionError, match=f"has {inputs} Input layers.*deploy net"):
        input_shape(net)
