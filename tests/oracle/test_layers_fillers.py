"""First values of weights: those that are no chance equal Caffe's, the others have Caffe's range, mean and spread."""

from __future__ import annotations

import numpy as np
import pytest

from kits.oracle_layers import Array, Judge, both_refuse, net_text, our_net

pytestmark = pytest.mark.oracle


def convolution(filler: str, outputs: int = 60, kernel: int = 5) -> str:
    return (
        'layer { name: "it" type: "Convolution" bottom: "x" top: "y" convolution_param { bias_term: false '
        f"num_output: {outputs} kernel_size: {kernel} weight_filler {{ {filler} }} }} }}"
    )


def weights(judge: Judge, layer: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Ours and Caffe's."""
    text = net_text(layer, {"x": shape})
    return our_net(text).layers[1].blobs[0].detach().numpy(), judge.run(text, backward=False).weights["it", 0]


@pytest.mark.parametrize("filler", ["", 'type: "constant" value: -0.3', 'type: "bilinear"'])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 7])
def test_no_chance(judge: Judge, filler: str, kernel: int) -> None:
    ours, theirs = weights(judge, convolution(filler, 3, kernel), (1, 2, 8, 8))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize(
    "filler",
    [
        'type: "uniform"',
        'type: "uniform" min: -2 max: 0.5',
        'type: "gaussian"',
        'type: "gaussian" mean: 3 std: 0.2',
        'type: "gaussian" sparse: 6',
        'type: "positive_unitball"',
        *(f'type: "{kind}" {norm}' for kind in ("xavier", "msra") for norm in (
            "", "variance_norm: FAN_IN", "variance_norm: FAN_OUT", "variance_norm: AVERAGE",
        )),
    ],
)  # fmt: skip
def test_chance(judge: Judge, filler: str) -> None:
    """60 x 12 x 5 x 5 weights: their mean and spread are known to about 1 in 100."""
    ours, theirs = weights(judge, convolution(filler), (1, 12, 6, 6))
    assert ours.shape == theirs.shape
    spread = theirs.std()
    assert abs(ours.mean() - theirs.mean()) < 0.04 * spread
    assert abs(ours.std() / spread - 1) < 0.04
    if "gaussian" in filler or "msra" in filler:
        assert abs((ours == 0).mean() - (theirs == 0).mean()) < 0.02
        kurtosis = [float((((w - w.mean()) / w.std()) ** 4).mean()) for w in (ours, theirs)]
        assert abs(kurtosis[0] / kurtosis[1] - 1) < 0.2
    else:
        np.testing.assert_allclose((ours.min(), ours.max()), (theirs.min(), theirs.max()), atol=0.05 * np.ptp(theirs))
    if "unitball" in filler:
        for w in (ours, theirs):
            np.testing.assert_allclose(w.sum((1, 2, 3)), 1, rtol=1e-4)


@pytest.mark.parametrize("norm", ["FAN_IN", "FAN_OUT", "AVERAGE"])
@pytest.mark.parametrize("kind", ["xavier", "msra"])
def test_of_a_matrix_and_of_a_vector(judge: Judge, kind: str, norm: str) -> None:
    filler = f'filler {{ type: "{kind}" variance_norm: {norm} }}'
    settings = f"inner_product_param {{ num_output: 300 weight_{filler} }}"
    product = f'layer {{ name: "it" type: "InnerProduct" bottom: "x" top: "y" {settings} }}'
    vector = f'layer {{ name: "it" type: "Scale" bottom: "x" top: "y" scale_param {{ {filler} }} }}'
    for layer, shape in ((product, (1, 40)), (vector, (1, 10000))):
        ours, theirs = weights(judge, layer, shape)
        assert abs(ours.std() / theirs.std() - 1) < 0.05


@pytest.mark.parametrize(
    "filler",
    [
        'type: "nothing"',
        'type: "constant" sparse: 1',
        'type: "xavier" sparse: 1',
        'type: "gaussian" sparse: -2',
        'type: "gaussian" sparse: 4',
        'type: "gaussian" std: 0',
        'type: "gaussian" std: -1',
        'type: "uniform" min: 2 max: 1',
    ],
)
def test_both_refuse(judge: Judge, filler: str) -> None:
    ours, _ = both_refuse(judge, convolution(filler, 3, 2), {"x": (1, 2, 4, 4)})
    assert 'layer "it"' in ours
    assert "filler" in ours


def test_both_refuse_kernels_that_are_not_square(judge: Judge) -> None:
    text = convolution('type: "bilinear"').replace("kernel_size: 5", "kernel_h: 2 kernel_w: 3")
    ours, _ = both_refuse(judge, text, {"x": (1, 2, 4, 4)})
    assert "square kernel" in ours
