"""Layers that are known and left out."""

from __future__ import annotations

import pytest
from training_layer_kit import layer_of

from training.errors import LayerError
from training.layers import LAYERS
from training.layers.refused import REFUSED


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_they_are_refused_by_name_and_told_what_to_do(kind: str) -> None:
    with pytest.raises(LayerError, match=rf'^layer "it" is of type {kind}: .*\.$'):
        layer_of(f'type: "{kind}" bottom: "x" top: "y"', (1, 3))


def test_none_is_there_as_well() -> None:
    assert not REFUSED.keys() & LAYERS.keys()


def test_an_unknown_type_names_the_nearest() -> None:
    with pytest.raises(LayerError, match=r'unknown layer type "Convolutoin"\. Did you mean "Convolution"\?'):
        layer_of('type: "Convolutoin" bottom: "x" top: "y"', (1, 3))
