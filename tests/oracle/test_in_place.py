"""Compares with Caffe the gradients of layers in place, of chains of them, and of the layers before them."""

from __future__ import annotations

import numpy as np
import pytest

from kits.oracle_layers import Judge, compare, net_text, our_net, run_ours

pytestmark = pytest.mark.oracle

SHAPE = (2, 3, 4, 4)
X = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
KINDS = {
    "BNLL": "",
    "Clip": "clip_param { min: -0.5 max: 0.5 }",
    "ELU": "",
    "Exp": "exp_param { base: 2 scale: 0.5 }",
    "Log": "log_param { base: 10 scale: 0.5 shift: 3 }",
    "Power": "power_param { power: 3 scale: 0.5 shift: 0.4 }",
    "ReLU": "relu_param { negative_slope: 0.1 }",
    "Sigmoid": "",
    "Softmax": "",
    "Swish": "swish_param { beta: 1.5 }",
    "TanH": "",
}
MORE = [
    ("ELU", "elu_param { alpha: -0.5 }"),
    ("Log", ""),
    ("Power", "power_param { power: 0 }"),
    ("Power", "power_param { scale: 3 shift: 1 }"),
    ("Power", "power_param { scale: 0 shift: 1 power: 3 }"),
    ("Power", "power_param { scale: 0.5 shift: 1 power: 2 }"),
    ("Power", "power_param { scale: 0.5 power: 2 }"),
    ("Power", "power_param { scale: 2 power: 3 }"),
    ("ReLU", ""),
    ("ReLU", "relu_param { negative_slope: -0.2 }"),
    ("MVN", "mvn_param { normalize_variance: false }"),
]


def layer(name: str, kind: str, settings: str, bottom: str = "x", top: str = "x") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top}" {settings} }}'


@pytest.mark.parametrize(("kind", "settings"), [*KINDS.items(), *MORE])
def test_alone(judge: Judge, kind: str, settings: str) -> None:
    compare(judge, layer("it", kind, settings), {"x": np.abs(X) + 0.1 if kind == "Log" else X})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Swish"])
@pytest.mark.parametrize("in_place", [True, False])
def test_with_others_in_place_after_it(judge: Judge, kind: str, in_place: bool) -> None:
    """Scale and ReLU overwrite the values that the first layer's backward pass reads: all of them, or only its top."""
    top = "x" if in_place else "y"
    text = (
        layer("it", kind, KINDS[kind], top=top) + layer("s", "Scale", "", top, top) + layer("r", "ReLU", "", top, top)
    )
    compare(judge, text, {"x": X}, note=kind, weights={("s", 0): np.float32([-1.5, 0.5, 2])})


def test_through_dropout(judge: Judge) -> None:
    """After Dropout in place, Caffe takes the slope of Sigmoid at twice its value, where it was kept."""
    text = net_text(layer("s", "Sigmoid", "") + layer("d", "Dropout", ""), {"x": SHAPE})
    diff = np.ones(SHAPE, np.float32)
    for result in (judge.run(text, {"x": X}, diffs={"x": diff}), run_ours(our_net(text), {"x": X}, {}, {"x": diff})):
        kept = result.data["x"] != 0
        assert 0.3 < kept.mean() < 0.7
        twice = 2 / (1 + np.exp(-X))
        np.testing.assert_allclose(result.diff["x"], np.where(kept, 2 * twice * (1 - twice), 0), rtol=1e-4, atol=1e-5)


def test_weights_of_earlier_layers_learn_the_same(judge: Judge) -> None:
    fc = 'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "f" inner_product_param { num_output: 4 } }'
    chain = layer("t", "TanH", "", "f", "f") + layer("c", "Clip", KINDS["Clip"], "f", "f")
    ours = compare(judge, fc + chain, {"x": X}, note="Clip")
    assert np.abs(ours.weight_diffs["fc", 0]).max() > 1e-2


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("MVN", ""), ("LRN", ""), ("Pooling", "pooling_param { kernel_size: 1 }"), ("Eltwise", 'bottom: "z"')],
)
def test_a_warning_where_caffe_spoils_the_result(
    judge: Judge, kind: str, settings: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = {"x": X, "z": X + 1} if kind == "Eltwise" else {"x": X}
    net = net_text(layer("it", kind, settings), {name: values.shape for name, values in data.items()})
    diff = {"x": np.ones(SHAPE, np.float32) + X}
    ours, theirs = run_ours(our_net(net), data, {}, diff), judge.run(net, data, diffs=diff)
    assert f'layer "it" ({kind}): in place' in caplog.text
    own = net_text(layer("it", kind, settings, top="y"), {name: values.shape for name, values in data.items()})
    without = judge.run(own, data, diffs={"y": diff["x"]})
    assert (
        max(np.abs(theirs.data["x"] - without.data["y"]).max(), np.abs(theirs.diff["x"] - without.diff["x"]).max())
        > 0.1
    )
    np.testing.assert_allclose(ours.data["x"], without.data["y"], atol=1e-4)
    np.testing.assert_allclose(ours.diff["x"], without.diff["x"], atol=1e-4)
