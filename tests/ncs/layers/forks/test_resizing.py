"""Interp and Upsample in the converter: what is refused. tests/oracle compares their numbers with judges."""

from __future__ import annotations

import pytest

from kits.ncs import net_of
from ncs.converter import convert
from ncs.errors import ConversionError

POOL = 'layer { name: "p" type: "Pooling" bottom: "data" top: "p" top: "m" pooling_param { kernel_size: 2 stride: 2 } }'
UP = 'layer { name: "u" type: "Upsample" bottom: "p" bottom: "m" top: "u" upsample_param { scale: 2 } }'
SHAPE = (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (POOL, r'the mask "m", is for Upsample alone; found no reader'),
        (POOL + UP + 'layer { name: "r" type: "ReLU" bottom: "m" top: "r" }', "for Upsample alone; found ReLU"),
        (POOL.replace("kernel_size: 2", "kernel_size: 3") + UP, "windows of 3x3 with stride 2x2 and pad 0x0"),
        (POOL.replace("kernel_size", "pool: AVE kernel_size") + UP, "only MAX has one"),
        (POOL + UP.replace("scale: 2", "scale: 3"), "would be 1x3x12x12, .* Write upsample_h: 8 and upsample_w: 8"),
        (
            POOL.replace('top: "m"', "") + 'layer { name: "q" type: "ReLU" bottom: "p" top: "m" }' + UP,
            r'its second bottom, "m", is not the second top of a MAX Pooling',
        ),
        ('layer { name: "i" type: "Interp" bottom: "data" top: "i" }', "says no size"),
    ],
)
def test_refused(layers: str, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        convert(net_of(layers, SHAPE), {})


def test_a_mask_is_no_output() -> None:
    with pytest.raises(ConversionError, match=r'the mask "m", is for Upsample alone; found an output'):
        convert(net_of(POOL + UP, SHAPE), {}, outputs=["m"])
