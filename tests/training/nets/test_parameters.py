"""Weights that layers share by name, and their multipliers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import layer_of
from training.errors import LayerError
from training.nets.parameters import LearnableParameters

FC = 'name: "{}" type: "InnerProduct" bottom: "x" top: "y" inner_product_param {{ num_output: {} }} {}'


def added(parameters: LearnableParameters, name: str, more: str, outputs: int = 2, inputs: int = 3):  # type: ignore[no-untyped-def]
    layer, _ = layer_of(FC.format(name, outputs, more), (1, inputs))
    parameters.add(layer)
    return layer


def test_the_first_layer_owns_a_weight_and_any_layer_sets_its_multipliers() -> None:
    parameters = LearnableParameters(training=True)
    first = added(parameters, "a", 'param { name: "w" decay_mult: 3 } param { name: "b" }')
    second = added(parameters, "b", 'param { name: "w" lr_mult: 5 } param { name: "b" lr_mult: 0 decay_mult: 1 }')
    third = added(parameters, "c", 'param { name: "w" lr_mult: 5 decay_mult: 3 }')
    assert all(one is other for one, other in zip(first.blobs, second.blobs, strict=True))
    assert third.blobs[0] is first.blobs[0]
    assert [(p.layer, p.index, p.lr_mult, p.decay_mult) for p in parameters.list] == [
        ("a", 0, 5, 3),
        ("a", 1, 0, 1),
        ("c", 1, 1, 1),
    ]
    assert [p.values.requires_grad for p in parameters.list] == [True, False, True]


def test_nothing_learns_in_the_test_phase() -> None:
    parameters = LearnableParameters(training=False)
    added(parameters, "a", 'param { name: "w" }')
    added(parameters, "b", 'param { name: "w" lr_mult: 2 }')
    assert not any(p.values.requires_grad for p in parameters.list)


def test_the_same_numbers_in_another_shape() -> None:
    parameters = LearnableParameters(training=True)
    first = added(parameters, "a", 'param { name: "w" }', outputs=2, inputs=6)
    second = added(parameters, "b", 'param { name: "w" share_mode: PERMISSIVE }', outputs=4, inputs=3)
    for step in range(2):
        first.blobs[0].grad = None
        x = torch.ones(1, 3)
        second.forward([x])[0].sum().backward()
        np.testing.assert_array_equal(first.blobs[0].grad, np.ones((2, 6)))
        with torch.no_grad():
            # As an update or a caffemodel does.
            first.blobs[0].fill_(step)
        assert second.forward([x])[0].tolist() == [[3 * step] * 4]
    with torch.no_grad():
        second.blobs[0].copy_(torch.arange(12.0).reshape(4, 3))
    assert first.blobs[0].tolist() == np.arange(12).reshape(2, 6).tolist()


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            "lr_mult: 1",
            "lr_mult: 2",
            r'"b" .*gives the weights "w" lr_mult 2, but layer "a", which shares them, gives 1',
        ),
        ("decay_mult: 0", "decay_mult: 1", 'gives the weights "w" decay_mult 1'),
        ("", "} param { } param {", "has 3 param for 2 weights"),
    ],
)
def test_contradictions_are_refused(first: str, second: str, message: str) -> None:
    parameters = LearnableParameters(training=True)
    added(parameters, "a", f'param {{ name: "w" {first} }}')
    with pytest.raises(LayerError, match=message):
        added(parameters, "b", f'param {{ name: "w" {second} }}')


@pytest.mark.parametrize("mode", ["STRICT", "PERMISSIVE"])
def test_shapes_that_do_not_fit(mode: str) -> None:
    parameters = LearnableParameters(training=True)
    added(parameters, "a", 'param { name: "w" }')
    with pytest.raises(LayerError, match=r'"w" of layer "a", which are 2x3, but needs 3x3'):
        added(parameters, "b", f'param {{ name: "w" share_mode: {mode} }}', outputs=3)
