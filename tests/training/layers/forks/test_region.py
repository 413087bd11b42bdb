"""What RegionYolo and NormL2 refuse. tests/oracle compares their numbers with Model Optimizer and a formula."""

from __future__ import annotations

import pytest

from kits.training_layers import layer_of
from training.errors import LayerError

REGION = 'type: "RegionYolo" bottom: "x" top: "y" region_yolo_param {{ classes: 3 {} }}'


@pytest.mark.parametrize(
    ("setting", "shape", "words"),
    [
        (
            "num: 2",
            (1, 17, 2, 2),
            r"its bottom is 1x17x2x2; expected Nx16xHxW, 4 \+ 1 \+ 3 numbers .* of 2 boxes \(num\)",
        ),
        ("num: 0", (1, 16, 2, 2), "of 0 boxes"),
        ("num: 9 do_softmax: false mask: 1", (1, 16, 2, 2), r"expected Nx8xHxW, .* of 1 boxes \(mask\)"),
        ("num: 2", (1, 16), "its bottom is 1x16"),
        ("coords: 1", (1, 5, 2, 2), "1 + 1 + 3".replace("+", r"\+")),
    ],
)
def test_region_yolo_refuses(setting: str, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(LayerError, match=words):
        layer_of(REGION.format(setting), shape)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4, 1), (2, 3, 2)])
def test_norm_l2_refuses_maps(shape: tuple[int, ...]) -> None:
    with pytest.raises(LayerError, match="expected NxC"):
        layer_of('type: "NormL2" bottom: "x" top: "y"', shape)
