"""Layers that work on each number by itself, and those with a factor or a summand for each channel, against Caffe."""

from __future__ import annotations

import numpy as np
import pytest

from kits.oracle import saw
from kits.oracle_layers import Array, Judge, both_refuse, compare, net_text, our_net, run_ours

pytestmark = pytest.mark.oracle
SHAPES = [(2, 3, 4, 5), (7,)]


def numbers(shape: tuple[int, ...], seed: int, spread: float = 3) -> Array:
    """Random numbers; some are 0, where slopes break, or another whole number."""
    random = np.random.default_rng(seed)
    x = spread * random.standard_normal(shape)
    return np.where(random.random(shape) < 0.2, np.round(x), x).astype(np.float32)


def layer(kind: str, settings: str = "", top: str = "y") -> str:
    return f'layer {{ name: "it" type: "{kind}" bottom: "x" top: "{top}" {settings} }}'


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("AbsVal", ""),
        ("BNLL", ""),
        ("Clip", "clip_param { min: -1 max: 2 }"),
        ("Clip", "clip_param { min: 1 max: 1 }"),
        ("ELU", ""),
        ("ELU", "elu_param { alpha: 0.3 }"),
        ("Exp", ""),
        ("Exp", "exp_param { base: 2 scale: 0.5 shift: -1.5 }"),
        ("Exp", "exp_param { shift: 2 }"),
        ("Power", ""),
        ("Power", "power_param { power: 2 scale: 0.5 shift: -0.3 }"),
        ("Power", "power_param { power: 3 scale: -1 shift: 0.7 }"),
        ("Power", "power_param { scale: 2 shift: 3 }"),
        ("Power", "power_param { power: 0 scale: 2 }"),
        ("Power", "power_param { power: 2 scale: 0 shift: 3 }"),
        ("ReLU", ""),
        ("ReLU", "relu_param { negative_slope: 0.1 }"),
        ("ReLU", "relu_param { negative_slope: -0.5 }"),
        ("Sigmoid", ""),
        ("Swish", ""),
        ("Swish", "swish_param { beta: 0.7 }"),
        ("TanH", ""),
    ],
)
def test_values_and_gradient(judge: Judge, kind: str, settings: str) -> None:
    for seed, shape in enumerate(SHAPES):
        compare(judge, layer(kind, settings), {"x": numbers(shape, seed)}, seed=seed)


@pytest.mark.parametrize("kind", ["BNLL", "Sigmoid", "Swish", "TanH", "ELU"])
def test_numbers_far_from_0(judge: Judge, kind: str) -> None:
    compare(judge, layer(kind), {"x": np.float32([-200, -60, -30, -15, 0.5, 15, 30, 60, 200])})


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Log", ""),
        ("Log", "log_param { base: 10 scale: 2 shift: 0.5 }"),
        ("Power", "power_param { power: 0.5 shift: 0.25 }"),
        ("Power", "power_param { power: -1.3 scale: 2 }"),
    ],
)
def test_functions_of_positive_numbers(judge: Judge, kind: str, settings: str) -> None:
    for seed, shape in enumerate(SHAPES):
        compare(judge, layer(kind, settings), {"x": np.abs(numbers(shape, seed)) + 0.1}, seed=seed)


@pytest.mark.parametrize("kind", ["ELU", "Exp", "ReLU", "Sigmoid", "Swish", "TanH"])
def test_in_place(judge: Judge, kind: str) -> None:
    """Of these Caffe's gradient is right in place; of the others it is computed from overwritten numbers (test_in_place.py)."""
    settings = "relu_param { negative_slope: 0.2 }" if kind == "ReLU" else ""
    text = layer("Scale", "scale_param { bias_term: true }") + layer(kind, settings).replace('"x"', '"y"').replace(
        "it", "that"
    )
    compare(judge, text, {"x": numbers((2, 3, 2, 2), 1)})


@pytest.mark.parametrize("slope", [0, 0.1])
def test_relu6(judge: Judge, slope: float) -> None:
    """From forks. Caffe computes min(ReLU(x), 6) as 6 - ReLU(6 - ReLU(x))."""
    power = "power_param { scale: -1 shift: 6 }"
    caffes = f"""
layer {{ name: "a" type: "ReLU" bottom: "x" top: "a" relu_param {{ negative_slope: {slope} }} }}
layer {{ name: "b" type: "Power" bottom: "a" top: "b" {power} }}
layer {{ name: "c" type: "ReLU" bottom: "b" top: "c" }}
layer {{ name: "d" type: "Power" bottom: "c" top: "y" {power} }}"""
    for seed, shape in enumerate(SHAPES):
        settings = f"relu_param {{ negative_slope: {slope} }}" if slope else ""
        compare(judge, layer("ReLU6", settings), {"x": numbers(shape, seed, 6)}, caffes=caffes, seed=seed)


@pytest.mark.parametrize("threshold", [0, 0.5])
def test_threshold(judge: Judge, threshold: float) -> None:
    text = layer("Threshold", f"threshold_param {{ threshold: {threshold} }}")
    for seed, shape in enumerate(SHAPES):
        compare(judge, text, {"x": numbers(shape, seed)}, backward=False)


@pytest.mark.parametrize("shared", [False, True])
def test_prelu(judge: Judge, shared: bool) -> None:
    for seed, shape in enumerate([(2, 3, 4, 5), (3, 7), (2, 4, 3)]):
        text = layer("PReLU", f"prelu_param {{ channel_shared: {str(shared).lower()} }}")
        compare(judge, text, {"x": numbers(shape, seed)}, seed=seed)
    net = net_text(text, {"x": (2, 3)})
    assert our_net(net).layers[1].blobs[0].tolist() == judge.run(net).weights["it", 0].tolist()


@pytest.mark.parametrize(("kind", "term"), [("Bias", ""), ("Scale", ""), ("Scale", "bias_term: true")])
def test_bias_and_scale(judge: Judge, kind: str, term: str) -> None:
    shape = (2, 3, 4, 5)
    every = "axis: 0 num_axes: -1"
    for seed, axes in enumerate(
        ["", "axis: 0", "num_axes: 2", "axis: 2 num_axes: -1", "axis: -1", "num_axes: 0", every]
    ):
        text = layer(kind, f"{kind.lower()}_param {{ {axes} {term} }}")
        compare(judge, text, {"x": numbers(shape, seed)}, seed=seed)
    for seed, (axis, other) in enumerate([(1, (3,)), (0, (2, 3)), (2, (4, 5)), (-2, (4,)), (1, ()), (0, shape)]):
        text = layer(kind, f'bottom: "z" {kind.lower()}_param {{ axis: {axis} {term} }}')
        compare(judge, text, {"x": numbers(shape, seed), "z": numbers(other, seed + 10)}, seed=seed)


@pytest.mark.parametrize("kind", ["Bias", "Scale", "PReLU"])
def test_weights_in_place(judge: Judge, kind: str) -> None:
    compare(judge, layer(kind, "scale_param { bias_term: true }", top="x"), {"x": numbers((2, 3, 2, 2), 1)})


@pytest.mark.parametrize("ratio", [0.5, 0.2])
def test_dropout(judge: Judge, ratio: float) -> None:
    """Chance differs; what is kept, its scale, and the way back are the same."""
    text, x = layer("Dropout", f"dropout_param {{ dropout_ratio: {ratio} }}"), np.abs(numbers((100, 100), 1)) + 1
    compare(judge, text, {"x": x}, phase="TEST", backward=False)
    net, diffs = net_text(text, {"x": x.shape}), {"y": numbers(x.shape, 2)}
    for result in (judge.run(net, {"x": x}, diffs=diffs), run_ours(our_net(net), {"x": x}, {}, diffs)):
        kept = result.data["y"] != 0
        assert abs(kept.mean() - (1 - ratio)) < 5 * np.sqrt(ratio * (1 - ratio) / x.size)
        np.testing.assert_allclose(result.data["y"], x * kept / (1 - ratio), rtol=1e-5)
        np.testing.assert_allclose(result.diff["x"], diffs["y"] * kept / (1 - ratio), rtol=1e-5)
    saw("Dropout", "forward")
    saw("Dropout", "backward")


@pytest.mark.parametrize(
    ("kind", "settings", "shapes"),
    [
        ("AbsVal", 'top: "x"', {"x": (2, 3)}),
        ("Exp", "exp_param { base: 0 }", {"x": (2, 3)}),
        ("Exp", "exp_param { base: -2 }", {"x": (2, 3)}),
        ("Log", "log_param { base: 1 }", {"x": (2, 3)}),
        ("Log", "log_param { base: -3 }", {"x": (2, 3)}),
        ("PReLU", "", {"x": (3,)}),
        ("ReLU", 'bottom: "x"', {"x": (3,)}),
        ("ReLU", 'top: "z"', {"x": (3,)}),
        ("Scale", "scale_param { num_axes: 4 }", {"x": (2, 3)}),
        ("Scale", "scale_param { num_axes: -2 }", {"x": (2, 3)}),
        ("Bias", "bias_param { axis: 2 }", {"x": (2, 3)}),
        ("Bias", 'bottom: "z"', {"x": (2, 3), "z": (2,)}),
        ("Scale", 'bottom: "z" scale_param { axis: 0 }', {"x": (2, 3), "z": (2, 3, 1)}),
    ],
)
def test_both_refuse(judge: Judge, kind: str, settings: str, shapes: dict[str, tuple[int, ...]]) -> None:
    text = layer(kind, settings)
    if kind == "AbsVal":
        text = layer(kind, top="x")
    ours, _ = both_refuse(judge, text, shapes)
    assert kind in ours
