"""Shared weights, propagate_down and loss_weight, against Caffe."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from caffe_io.prototxt import read_solver
from caffe_io.weights import read_weights
from kits.commands import inside
from kits.oracle import caffe
from kits.oracle_layers import Array, CaffeRefuses, Judge, compare, net_text, our_net, run_ours
from training.errors import LayerError
from training.solvers.solver import Solver

pytestmark = pytest.mark.oracle

LOSS = 'layer { name: "l" type: "EuclideanLoss" bottom: "a" bottom: "b" top: "l" }'
LOSS_Y = LOSS.replace('"b"', '"y"')


def fc(name: str, bottom: str, outputs: int, more: str = "", top: str = "") -> str:
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{top or name}" {more} '
        f'inner_product_param {{ num_output: {outputs} weight_filler {{ type: "xavier" }} }} }}'
    )


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_shared_weights(judge: Judge) -> None:
    """Each layer lists the weights; the gradient is the sum of both."""
    shared = 'param { name: "w" } param { name: "b" }'
    layers = fc("a", "x", 3, shared) + fc("b", "y", 3, shared) + LOSS
    ours = compare(judge, layers, {"x": normal(0, 4, 5), "y": normal(1, 4, 5)}, note="InnerProduct")
    for index in (0, 1):
        np.testing.assert_array_equal(ours.weights["a", index], ours.weights["b", index])
        np.testing.assert_array_equal(ours.weight_diffs["a", index], ours.weight_diffs["b", index])
    # The weight is shared, and each layer has a bias of its own.
    layers = fc("a", "x", 3, 'param { name: "w" }') + fc("b", "y", 3, 'param { name: "w" }') + LOSS
    compare(judge, layers, {"x": normal(0, 4, 5), "y": normal(1, 4, 5)}, note="InnerProduct")


# The gradient is read from a view of the weights.
@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_weights_shared_in_another_shape(judge: Judge) -> None:
    layers = (
        'layer { name: "a" type: "Convolution" bottom: "x" top: "a" param { name: "w" } '
        "convolution_param { num_output: 3 kernel_size: 2 bias_term: false } }"
        'layer { name: "b" type: "InnerProduct" bottom: "y" top: "b" param { name: "w" share_mode: PERMISSIVE } '
        "inner_product_param { num_output: 8 bias_term: false } }"
    )
    data, weights = {"x": normal(0, 2, 4, 3, 3), "y": normal(1, 2, 6)}, {("b", 0): normal(2, 8, 6)}
    text = net_text(layers + loss_of("a", "b"), {name: values.shape for name, values in data.items()})
    theirs = judge.run(text, data, weights)
    want = theirs.weight_diffs["a", 0]
    assert want.shape == (3, 4, 2, 2)
    np.testing.assert_array_equal(want.ravel(), theirs.weight_diffs["b", 0].ravel())
    net = our_net(text)
    # A second pass gives the same result.
    for _ in range(2):
        ours = run_ours(net, data, weights, {})
        for name in ("a", "b"):
            np.testing.assert_allclose(ours.data[name], theirs.data[name], atol=1e-4 * np.abs(theirs.data[name]).max())
        np.testing.assert_allclose(ours.weight_diffs["a", 0], want, atol=1e-4 * np.abs(want).max())
        net.parameters[0].values.grad = None


DUMMY = (
    'layer { name: "in" type: "DummyData" top: "x" top: "y" dummy_data_param { shape { dim: 2 dim: 6 } '
    'shape { dim: 2 dim: 3 } data_filler { type: "constant" value: 0.5 } data_filler { type: "constant" value: -1 } } }'
)
SLICE = (
    'layer { name: "s" type: "Slice" bottom: "a" top: "p" top: "q" top: "r" '
    "loss_weight: 1 loss_weight: 0 loss_weight: 0.5 }"
)


def power(name: str, bottom: str, weight: float) -> str:
    return (
        f'layer {{ name: "{name}" type: "Power" bottom: "{bottom}" top: "{name}" power_param {{ power: 2 scale: 0.5 }} '
        f"loss_weight: {weight} }}"
    )


@pytest.mark.parametrize("layerwise", [False, True])
@pytest.mark.parametrize(
    "more",
    [
        # It counts 1.3 times.
        LOSS_Y.replace('top: "l"', 'top: "l" loss_weight: 0.3') + power("m", "l", 2),
        LOSS_Y + power("m", "l", 2),
        # The weight of r is lost.
        SLICE + power("pp", "p", 2),
        SLICE,
    ],
)
def test_losses_that_other_layers_consume(tmp_path: Path, more: str, layerwise: bool) -> None:
    """Compares the reported losses and outputs, and the learned weights, over three iterations."""
    layers = DUMMY + fc("a", "x", 3, "loss_weight: 0.7") + more
    (tmp_path / "net.prototxt").write_text(layers)
    (tmp_path / "solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.02 lr_policy: "fixed" max_iter: 3 display: 1 snapshot_prefix: "caffes" '
        "solver_mode: CPU random_seed: 3"
    )
    lines: list[str] = []
    with inside(tmp_path):
        solver = Solver(read_solver("solver.prototxt"), log=lines.append)
        solver.param.snapshot_prefix, solver.param.debug_info = "ours", layerwise
        start, _ = solver.snapshot()
        solver.solve()
    done = subprocess.run(
        [caffe("caffe"), "train", "--solver=solver.prototxt", f"--weights={start}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=280, env={**os.environ, "GLOG_logtostderr": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    expected, found = numbers(done.stderr), numbers("\n".join(lines))
    assert [name for name, _ in found] == [name for name, _ in expected]
    assert len(expected) > 10
    for (_, mine), (_, his) in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, his, rtol=1e-4)
    ours, theirs = (read_weights(tmp_path / f"{name}_iter_3.caffemodel") for name in ("ours", "caffes"))
    for mine, his in zip(ours["a"], theirs["a"], strict=True):
        np.testing.assert_allclose(mine, his, rtol=1e-4, atol=1e-6)


def numbers(log: str) -> list[tuple[str, list[float]]]:
    """Return the losses and outputs in a log: names, values, and loss weights."""
    found = re.findall(r"(loss) = ([-\d.e+]+)$|output #\d+: (\S+) = (\S+)(?: \(\* (\S+) = (\S+) loss\))?", log, re.M)
    return [(line[0] or line[2], [float(x) for i, x in enumerate(line) if x and i not in (0, 2)]) for line in found]


def test_accuracy_with_a_loss_weight(judge: Judge) -> None:
    """It adds to the loss. In backward Caffe aborts, and we say why."""
    layers = fc("a", "x", 3) + 'layer { name: "it" type: "Accuracy" bottom: "a" bottom: "y" top: "l" loss_weight: 2 }'
    data = {"x": normal(0, 4, 5), "y": np.float32([0, 1, 2, 0])}
    compare(judge, layers, data, note="Accuracy", backward=False, force=False)
    text = net_text(layers, {name: values.shape for name, values in data.items()}, False)
    with pytest.raises(CaffeRefuses, match="Not Implemented Yet"):
        judge.run(text, data)
    with pytest.raises(LayerError, match=r'layer "it".*has no gradient'):
        run_ours(our_net(text), data, {}, {}, force=False)


def loss_of(*blobs: str) -> str:
    """Return losses of half the sum of squares of some blobs."""
    settings = "power_param { power: 2 } loss_weight: 0.5"
    return "".join(f'layer {{ name: "{n}2" type: "Power" bottom: "{n}" top: "{n}2" {settings} }}' for n in blobs)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ('name: "w" lr_mult: 1', 'name: "w" lr_mult: 2', "lr_mult 2"),
        ('name: "w" decay_mult: 1', 'name: "w" decay_mult: 0', "decay_mult 0"),
        ('name: "w"', 'name: "w" } param { } param { ', "3 param for 2 weights"),
    ],
)
def test_multipliers_that_both_refuse(judge: Judge, first: str, second: str, said: str) -> None:
    layers = fc("a", "x", 3, f"param {{ {first} }}") + fc("b", "x", 3, f"param {{ {second} }}")
    refused(judge, layers, said)


@pytest.mark.parametrize(("outputs", "mode"), [(4, "STRICT"), (4, "PERMISSIVE")])
def test_shapes_that_both_refuse(judge: Judge, outputs: int, mode: str) -> None:
    layers = fc("a", "x", 3, 'param { name: "w" }') + fc("b", "x", outputs, f'param {{ name: "w" share_mode: {mode} }}')
    refused(judge, layers, r'shares the weights "w" of layer "a", which are 3x5, but needs 4x5')


def refused(judge: Judge, layers: str, said: str) -> None:
    text = net_text(layers, {"x": (2, 5)})
    with pytest.raises(CaffeRefuses):
        judge.run(text, backward=False)
    with pytest.raises(LayerError, match=said):
        our_net(text)


def test_shared_weights_after_training(tmp_path: Path) -> None:
    """Multipliers of the second layer count for both. The caffemodel has the weights in each layer, as in Caffe."""
    dummy = (
        'layer { name: "in" type: "DummyData" top: "x" top: "y" dummy_data_param { shape { dim: 2 dim: 3 } '
        'data_filler { type: "constant" value: 0.5 } data_filler { type: "constant" value: -1 } } }'
    )
    layers = dummy + fc("a", "x", 3, 'param { name: "w" } param { name: "b" lr_mult: 2 }')
    layers += fc("b", "y", 3, 'param { name: "w" lr_mult: 3 decay_mult: 0 } param { name: "b" decay_mult: 5 }')
    (tmp_path / "net.prototxt").write_text(layers + LOSS + fc("c", "a", 2) + loss_of("c"))
    (tmp_path / "solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.02 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.1 max_iter: 5 '
        'snapshot_prefix: "caffes" solver_mode: CPU'
    )
    with inside(tmp_path):
        solver = Solver(read_solver("solver.prototxt"))
        solver.param.snapshot_prefix = "ours"
        start, _ = solver.snapshot()
        solver.step(5)
        end, _ = solver.snapshot()
        solver.close()
    done = subprocess.run(
        [caffe("caffe"), "train", "--solver=solver.prototxt", f"--weights={start}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    begun, ours, theirs = (read_weights(tmp_path / name) for name in (start, end, "caffes_iter_5.caffemodel"))
    assert list(ours) == list(theirs) == ["a", "b", "c"]
    for name, blobs in theirs.items():
        for mine, his, first in zip(ours[name], blobs, begun[name], strict=True):
            assert np.abs(his - first).max() > 1e-3
            np.testing.assert_allclose(mine, his, atol=1e-5 * np.abs(his).max())


@pytest.mark.parametrize("first", ["true", "false"])
@pytest.mark.parametrize("second", ["true", "false"])
@pytest.mark.parametrize("force", [True, False])
def test_propagate_down(judge: Judge, first: str, second: str, force: bool) -> None:
    down = f"propagate_down: {first} propagate_down: {second}"
    layers = fc("a0", "x", 4) + fc("a", "a0", 3) + fc("b", "x", 3)
    layers += LOSS.replace('top: "l"', f'top: "l" {down}') + loss_of("a0")
    compare(judge, layers, {"x": normal(0, 2, 5)}, note="EuclideanLoss", force=force)


def test_propagate_down_cuts_a_whole_branch(judge: Judge) -> None:
    layers = fc("a0", "x", 4) + fc("a", "a0", 3, "propagate_down: false") + fc("b", "x", 3) + LOSS
    ours = compare(judge, layers, {"x": normal(0, 2, 5)}, note="EuclideanLoss", force=False)
    assert not ours.weight_diffs["a0", 0].any()
    assert ours.weight_diffs["a", 0].any()


def test_loss_weight_on_any_layer(judge: Judge) -> None:
    x = {"x": normal(0, 2, 6)}
    compare(judge, fc("a", "x", 3, "loss_weight: 0.3"), x)
    compare(judge, 'layer { name: "r" type: "ReLU" bottom: "x" top: "r" loss_weight: -2 }', x)
    three = 'layer { name: "s" type: "Slice" bottom: "x" top: "p" top: "q" top: "r" slice_param { axis: 1 } '
    compare(judge, three + "loss_weight: 1 loss_weight: 0 loss_weight: 0.5 }", x)
    # A blob with a loss_weight that another layer consumes.
    compare(judge, fc("a", "x", 3, "loss_weight: 2") + fc("b", "a", 2) + loss_of("b"), x, note="InnerProduct")
    # A loss layer whose top another layer consumes.
    loss = LOSS.replace('"a"', '"x"').replace('"b"', '"y"')
    more = 'layer { name: "m" type: "Power" bottom: "l" top: "m" power_param { scale: 3 shift: 1 } loss_weight: 2 }'
    compare(judge, loss + more, {**x, "y": normal(1, 2, 6)}, note="EuclideanLoss")
