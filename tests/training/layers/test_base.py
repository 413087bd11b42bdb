"""What all layers have in common, and the table of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from caffe_io.caffe_pb2 import TEST, TRAIN
from kits.training_layers import layer_of, param_of
from training.errors import LayerError, TrainingError
from training.layers import LAYERS, Context, make_layer


def test_every_type_of_the_projects_nets_is_there() -> None:
    used = {"Data", "Input", "Convolution", "ReLU", "Pooling", "LRN", "InnerProduct", "Dropout", "Softmax"}
    assert used | {"SoftmaxWithLoss", "Accuracy"} <= set(LAYERS)


def test_an_unknown_type_names_the_nearest_and_all() -> None:
    with pytest.raises(LayerError, match='layer "it": unknown layer type "Convolutoin"') as caught:
        make_layer(param_of('type: "Convolutoin"'), Context(TRAIN))
    assert 'Did you mean "Convolution"?' in str(caught.value)
    known = str(caught.value).split("Known: ")[1].split(". Did")[0].split(", ")
    assert known == sorted(LAYERS, key=str.lower)
    assert isinstance(caught.value, TrainingError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('type: "ReLU" top: "y"', r"has no bottom; expected 1\."),
        ('type: "ReLU" bottom: "a" bottom: "b" top: "y"', r"has 2 bottoms \(a, b\); expected 1\."),
        ('type: "Pooling" bottom: "a" top: "x" top: "y" top: "z"', r"has 3 tops \(x, y, z\); expected 1 or 2\."),
        ('type: "Convolution" top: "y"', r"has no bottom; expected 1 or more\."),
    ],
)
def test_counts_of_blobs(text: str, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        make_layer(param_of(text), Context(TRAIN))


def test_only_training_asks_for_gradients() -> None:
    text = 'type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 2 }'
    for phase, expected in ((TRAIN, True), (TEST, False)):
        layer, _ = layer_of(text, (1, 3), phase=phase)
        assert [blob.requires_grad for blob in layer.blobs] == [expected, expected]


def test_first_values_come_from_the_fillers_and_the_seed() -> None:
    text = (
        'type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 2 '
        'weight_filler { type: "gaussian" std: 1 } bias_filler { type: "constant" value: 3 } }'
    )
    (one, _), (same, _), (other, _) = (layer_of(text, (1, 3), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.blobs[0], same.blobs[0])
    assert not torch.equal(one.blobs[0], other.blobs[0])
    np.testing.assert_array_equal(one.blobs[1].detach(), [3, 3])


def test_input_gives_shapes_and_no_values() -> None:
    text = 'type: "Input" top: "a" top: "b" input_param {{ {} }}'
    _, shapes = layer_of(text.format("shape { dim: 2 dim: 3 }"))
    assert shapes == [(2, 3), (2, 3)]
    layer, shapes = layer_of(text.format("shape { dim: 2 dim: 3 } shape { dim: 1 }"))
    assert shapes == [(2, 3), (1,)]
    with pytest.raises(LayerError, match="Feed its tops"):
        layer.forward([])
    with pytest.raises(LayerError, match="2 tops and 3 shapes"):
        layer_of(text.format("shape { dim: 1 } shape { dim: 1 } shape { dim: 1 }"))
