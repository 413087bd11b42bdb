"""BN in the converter: what is refused, and that it is folded into the convolution before it."""

from __future__ import annotations

import numpy as np
import pytest

from kits.ncs import Floats, net_of, pixels, run_net, values
from ncs.converter import convert
from ncs.errors import ConversionError

BN = 'layer { name: "bn" type: "BN" bottom: "data" top: "bn" bn_param { %s } }'


@pytest.mark.parametrize(
    ("setting", "count", "words"),
    [
        ("bn_mode: LEARN", 2, "bn_mode is LEARN, .* write bn_mode: INFERENCE"),
        ("scale_filler { value: 1 }", 2, "bn_mode is LEARN"),
        ("bn_mode: INFERENCE", 4, "takes 2 blobs of weights, but caffemodel has 4"),
        ("frozen: true", 2, "needs 3 or more blobs of weights"),
    ],
)
def test_refused(setting: str, count: int, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        convert(net_of(BN % setting), {"bn": [values(1, 3, 1, 1)] * count})


def test_it_is_folded_into_a_convolution() -> None:
    conv = 'layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { num_output: 3 kernel_size: 3 } }'
    blobs: list[Floats] = [
        values(1, 3, 1, 1),
        values(1, 3, 1, 1),
        values(1, 3, 1, 1),
        np.ones((1, 3, 1, 1), np.float32),
    ]
    weights = {"c": [values(3, 3, 3, 3), values(3)], "bn": blobs}
    layers = conv + (BN % "frozen: true").replace('"data"', '"c"')
    kinds = [node.get_type_name() for node in convert(net_of(layers), weights).get_ordered_ops()]
    assert kinds.count("Multiply") == 0
    assert kinds.count("Add") == 1
    alone = run_net(conv, pixels(), {"c": weights["c"]})["c"]
    expected = (alone - blobs[2]) / np.sqrt(1 + 1e-5) * blobs[0] + blobs[1]
    np.testing.assert_allclose(run_net(layers, pixels(), weights)["bn"], expected, rtol=1e-3, atol=1e-3)
