"""The batch of a net: kept, set to 1 where nothing depends on it, or changed with the Reshape that names it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kits.ncs import Floats, net_of, pixels, run_feed, values
from ncs.converter import convert
from ncs.errors import ConversionError
from ncs.inputs.batch import for_batch, for_one_picture
from ncs.inputs.shapes import input_shapes

NAMES = ("net.prototxt", "w.caffemodel")
FC = 'layer { name: "fc" type: "InnerProduct" bottom: "%s" top: "fc" inner_product_param { num_output: 4 } }'
SOFTMAX = 'layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }'
RESHAPE = 'layer { name: "r" type: "Reshape" bottom: "data" top: "r" reshape_param { shape { dim: %s dim: -1 } } }'


def weights(inputs: int = 216) -> dict[str, list[Floats]]:
    return {"fc": [values(4, inputs) / 1000, values(4)]}


def rows(net: object, pictures: NDArray[np.uint8], weights: dict[str, list[Floats]], blob: str) -> Floats:
    """What a net makes of pictures, shown to it in batches of its own size."""
    model = convert(net, weights)  # type: ignore[arg-type]
    size = model.input().get_shape()[0]
    batches = pictures.reshape(-1, size, *pictures.shape[1:])
    return np.concatenate([run_feed(model, {"data": batch})[blob] for batch in batches])


def test_a_net_of_which_nothing_depends_on_the_batch_takes_one_picture() -> None:
    net = net_of(FC % "data" + SOFTMAX, (10, 3, 9, 8))
    found = for_one_picture(net, weights(), *NAMES)
    assert (found.batch, found.note) == (1, "the prototxt says 10, on which no layer depends; --batch 10 keeps it")
    pictures = pixels((10, 3, 9, 8))
    np.testing.assert_allclose(
        rows(found.net, pictures, weights(), "prob"), rows(net, pictures, weights(), "prob"), atol=1e-6
    )
    assert for_one_picture(net_of(FC % "data"), weights(), *NAMES).note == ""


def test_a_reshape_that_names_the_batch_keeps_it_or_is_adapted() -> None:
    net = net_of(RESHAPE % 10 + FC % "r" + SOFTMAX, (10, 3, 9, 8))
    kept = for_one_picture(net, weights(), *NAMES)
    assert (kept.batch, kept.net) == (10, net)
    assert 'its layer "r" (Reshape) names it. --batch 1 compiles' in kept.note
    pictures = pixels((10, 3, 9, 8))
    wanted = rows(net, pictures, weights(), "prob")
    assert wanted.shape == (10, 4)
    for batch in (1, 2, 5):
        changed = for_batch(net, batch, weights(), *NAMES)
        assert input_shapes(changed.net) == {"data": (batch, 3, 9, 8)}
        np.testing.assert_allclose(rows(changed.net, pictures, weights(), "prob"), wanted, atol=1e-6)


def test_a_batch_of_two_is_not_read_as_something_else() -> None:
    """With a batch of 1, Reshape { 2, -1 } would cut one picture in two, and say nothing."""
    layers = RESHAPE % 2 + 'layer { name: "prob" type: "Softmax" bottom: "r" top: "prob" }'
    net = net_of(layers, (2, 1, 2, 4))
    assert for_one_picture(net, {}, *NAMES).batch == 2
    pictures = pixels((2, 1, 2, 4))
    single = for_batch(net, 1, {}, *NAMES).net
    np.testing.assert_allclose(rows(single, pictures, {}, "prob"), rows(net, pictures, {}, "prob"), atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ('layer { name: "x" type: "Softmax" bottom: "data" top: "x" softmax_param { axis: 0 } }', "adds up over axis 0"),
        ('layer { name: "x" type: "Softmax" bottom: "data" top: "x" softmax_param { axis: -4 } }', "adds up over axis 0"),
        ('layer { name: "x" type: "Reduction" bottom: "data" top: "x" }', 'its top "x" is scalar'),
        ('layer { name: "x" type: "ArgMax" bottom: "data" top: "x" argmax_param { axis: 0 } }', 'its top "x" is 1x3x9x8'),
        ('layer { name: "x" type: "Slice" bottom: "data" top: "x" top: "y" slice_param { axis: 0 } }', "cannot cut axis 0"),
        ('layer { name: "x" type: "Permute" bottom: "data" top: "x" permute_param { order: 1 order: 0 } }', "is 3x2x9x8"),
        (
            'layer { name: "x" type: "Reshape" bottom: "data" top: "x" reshape_param { shape { dim: 3 dim: -1 } } }',
            'its top "x" is 3x144 with a batch of 2, and 3x72 with 1',
        ),
    ],
)  # fmt: skip
def test_layers_that_depend_on_the_batch(layers: str, words: str) -> None:
    net = net_of(layers, (2, 3, 9, 8))
    kept = for_one_picture(net, {}, *NAMES)
    assert kept.batch == 2
    assert words in kept.note
    with pytest.raises(
        ConversionError, match=r"net\.prototxt: is written for a batch of 2, and cannot take 1"
    ) as caught:
        for_batch(net, 1, {}, *NAMES)
    assert words in str(caught.value)
    assert "--batch 2" in str(caught.value)


def test_pieces_of_a_picture_do_not_depend_on_the_batch() -> None:
    """Boxes: each picture gives several rows, and each row is normalised by itself."""
    pieces = 'layer { name: "r" type: "Reshape" bottom: "data" top: "r" reshape_param { shape { dim: -1 dim: 8 } } }'
    layers = pieces + 'layer { name: "prob" type: "Softmax" bottom: "r" top: "prob" }'
    net, pictures = net_of(layers, (2, 3, 9, 8)), pixels((2, 3, 9, 8))
    single = for_one_picture(net, {}, *NAMES)
    assert single.batch == 1
    np.testing.assert_allclose(rows(single.net, pictures, {}, "prob"), rows(net, pictures, {}, "prob"), atol=1e-6)


def test_only_inputs_with_the_batch_follow_it() -> None:
    layers = (
        'layer { name: "i" type: "Input" top: "info" top: "rois"'
        " input_param { shape { dim: 4 dim: 3 } shape { dim: 7 dim: 5 } } }"
        'layer { name: "a" type: "ReLU" bottom: "data" top: "a" } layer { name: "b" type: "ReLU" bottom: "info" top: "b" }'
        'layer { name: "c" type: "ReLU" bottom: "rois" top: "c" }'
    )
    net = net_of(layers, (4, 3, 9, 8))
    expected = {"data": (1, 3, 9, 8), "info": (1, 3), "rois": (7, 5)}
    assert input_shapes(for_one_picture(net, {}, *NAMES).net) == expected
    assert input_shapes(for_batch(net, 1, {}, *NAMES).net) == expected
