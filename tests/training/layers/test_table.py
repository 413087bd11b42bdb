"""The table of classes against the rows of layer types."""

from __future__ import annotations

import pytest

from caffe_io.layer_types import LAYER_TYPES
from kits.training_layers import layer_of
from training.errors import LayerError
from training.layers import LAYERS

REFUSED = sorted(name for name, row in LAYER_TYPES.items() if not row.trained)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refusal_names_the_type_and_says_what_to_do(kind: str) -> None:
    with pytest.raises(LayerError, match=rf'^layer "it" is of type {kind}: .*\.$'):
        layer_of(f'type: "{kind}" bottom: "x" top: "y"', (1, 3))


def test_every_row_that_is_trained_has_a_class() -> None:
    assert set(LAYERS) == LAYER_TYPES.keys() - set(REFUSED)


def test_an_unknown_type_names_the_nearest() -> None:
    with pytest.raises(LayerError, match=r'unknown layer type "Convolutoin"\. Known: .* Did you mean "Convolution"\?'):
        layer_of('type: "Convolutoin" bottom: "x" top: "y"', (1, 3))


def test_a_type_of_v1_names_its_current_name() -> None:
    with pytest.raises(LayerError, match=r'unknown layer type "SOFTMAX_LOSS"\. .*write type: "SoftmaxWithLoss"\.'):
        layer_of('type: "SOFTMAX_LOSS" bottom: "x" top: "y"', (1, 3))
