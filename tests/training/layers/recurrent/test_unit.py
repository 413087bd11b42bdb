"""What LSTMUnit refuses; tests/oracle/test_layers_recurrent.py compares its numbers with Caffe."""

from __future__ import annotations

import pytest

from kits.training_layers import layer_of
from training.errors import LayerError

TEXT = 'type: "LSTMUnit" bottom: "c" bottom: "x" bottom: "on" top: "d" top: "h"'


def test_shapes() -> None:
    assert layer_of(TEXT, (1, 2, 3), (1, 2, 12), (1, 2))[1] == [(1, 2, 3), (1, 2, 3)]
    for wrong in ([(2, 2, 3), (2, 2, 12), (2, 2)], [(1, 2, 3), (1, 2, 11), (1, 2)], [(1, 2, 3), (1, 2, 12), (1, 2, 1)]):
        with pytest.raises(LayerError, match="expected 1 x N x C, 1 x N x 4C and 1 x N"):
            layer_of(TEXT, *wrong)
