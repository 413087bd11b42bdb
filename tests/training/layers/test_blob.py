from __future__ import annotations

import pytest
import torch

from training.errors import TrainingError
from training.layers.blob import Blob


@pytest.mark.parametrize("shape", [(1 << 30, 1 << 30, 3, 3), (-1, 3)])
def test_a_shape_that_no_blob_has(shape: tuple[int, ...]) -> None:
    blob = Blob(lambda: (torch.zeros(1), torch.zeros(1)), lambda shape: None)
    with pytest.raises(TrainingError, match=r"reshape to .*: expected sizes of 0 or more, and at most 2147483647"):
        blob.reshape(*shape)
