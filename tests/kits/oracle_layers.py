"""Compare a layer or a small net with Caffe: its tops, and the gradients of its bottoms and weights."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import NetParameter, Phase
from common.places import ROOT
from kits.oracle import Worker, caffe, saw
from training.nets.net import Net

Array = NDArray[np.float32]
SCRIPT = ROOT / "tests/oracle/pycaffe_layer_worker.py"


class CaffeRefuses(Exception):
    """Caffe aborted with this message."""


@dataclass
class Result:
    """Blobs and their gradients by blob name; weights and their gradients by (layer name, index)."""

    data: dict[str, Array]
    diff: dict[str, Array]
    weights: dict[tuple[str, int], Array]
    weight_diffs: dict[tuple[str, int], Array]


class Judge:
    """Caffe 1.0 in a process of its own."""

    def __init__(self) -> None:
        self._worker = Worker(caffe("python"), SCRIPT)
        self._folder = tempfile.TemporaryDirectory()

    def run(
        self,
        net: str,
        data: Mapping[str, Array] | None = None,
        weights: Mapping[tuple[str, int], Array] | None = None,
        diffs: Mapping[str, Array] | None = None,
        phase: str = "TRAIN",
        backward: bool = True,
        forwards: int = 1,
        rounds: int = 1,
        memory: tuple[Array, Array] | None = None,
    ) -> Result:
        """Run the prototxt text `net` with Caffe. Raises CaffeRefuses.

        `memory` holds the pictures and labels for its MemoryData layer.
        """
        given = Path(self._folder.name, "given.npz")
        arrays = {f"data:{name}": values for name, values in (data or {}).items()}
        arrays |= {f"diff:{name}": values for name, values in (diffs or {}).items()}
        arrays |= {f"weight:{layer}:{index}": values for (layer, index), values in (weights or {}).items()}
        arrays |= dict(zip(("memory:data", "memory:labels"), memory or (), strict=False))
        np.savez(given, **arrays)  # type: ignore[arg-type]
        request = {"net": net, "phase": phase, "backward": backward, "forwards": forwards, "rounds": rounds}
        found = self._ask({**request, "given": str(given)})
        return Result(*(found.get(kind, {}) for kind in ("data", "diff", "weight", "weight_diff")))

    def train(
        self, folder: Path, solver: str, weights: str, iterations: int
    ) -> tuple[dict[str, Array], dict[Any, Array]]:
        """Train `iterations` with a solver in `folder`, starting from a caffemodel. Raises CaffeRefuses.

        Returns the losses by blob, one for each iteration, and the weights.
        """
        request = {"folder": str(folder), "solver": solver, "weights": weights, "iterations": iterations}
        found = self._ask(request)
        return found["loss"], found["weight"]

    def _ask(self, request: Mapping[str, Any]) -> dict[str, dict[Any, Array]]:
        """Send a request; return the arrays of the answer by kind, and then by name, or by (name, index)."""
        answers = Path(self._folder.name, "answers.npz")
        reply = self._worker.ask(**request, answers=answers)
        if "refused" in reply:
            raise CaffeRefuses(reply["refused"])
        found: dict[str, dict[Any, Array]] = {}
        with np.load(answers) as arrays:
            for key, values in arrays.items():
                kind, name, *index = key.split(":")
                found.setdefault(kind, {})[(name, int(index[0])) if index else name] = values
        return found

    def close(self) -> None:
        """End the process and remove its files."""
        self._worker.close()
        self._folder.cleanup()


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """Caffe 1.0 for the tests of one module. Skips them, and says why, if the tool chain lacks it."""
    judge = Judge()
    yield judge
    judge.close()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Run PyTorch on one thread: small nets are slower on several, and sums are rounded the same way everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def net_text(layers: str, shapes: Mapping[str, Sequence[int]], force: bool = True) -> str:
    """Write a prototxt with an Input layer for each of `shapes` before `layers`; `force` adds force_backward."""
    inputs = [
        f'layer {{ name: "{name}_in" type: "Input" top: "{name}" input_param {{ shape {{ '
        + " ".join(f"dim: {n}" for n in shape)
        + " } } }"
        for name, shape in shapes.items()
    ]
    return "\n".join([f"force_backward: {str(force).lower()}", *inputs, layers])


def our_net(net: str, phase: str = "TRAIN") -> Net:
    """Make our net of a prototxt text. Raises LayerError for a net that we refuse."""
    return Net(text_format.Parse(net, NetParameter()), Phase.Value(phase))


def run_ours(
    net: Net,
    data: Mapping[str, Array],
    weights: Mapping[tuple[str, int], Array],
    diffs: Mapping[str, Array],
    backward: bool = True,
    forwards: int = 1,
    force: bool = True,
    still: Sequence[str] = (),
    rounds: int = 1,
) -> Result:
    """Do the same as Judge.run with our net; `force` computes gradients for the inputs, too, except those in `still`."""
    layers = {layer.name: layer for layer in net.layers}
    for (name, index), values in weights.items():
        with torch.no_grad():
            layers[name].blobs[index].copy_(torch.from_numpy(values))
    for _ in range(rounds):
        for _ in range(forwards):
            feed = {
                name: torch.from_numpy(values.copy()).requires_grad_(backward and force and name not in still)
                for name, values in data.items()
            }
            objective = net.forward(feed)
        if backward:
            for name, values in diffs.items():
                objective = objective + (net.blobs[name] * torch.from_numpy(values)).sum()
            if objective.requires_grad:
                objective.backward()  # type: ignore[no-untyped-call]
    blobs = {(name, i): blob for name, layer in layers.items() for i, blob in enumerate(layer.blobs)}
    return Result(
        # A training in bf16 has blobs that numpy has no numbers for.
        {name: blob.detach().float().numpy() for name, blob in net.blobs.items()},
        {name: _gradient(blob) for name, blob in feed.items() if blob.requires_grad},
        {key: blob.detach().numpy().copy() for key, blob in blobs.items()},
        {key: _gradient(blob) for key, blob in blobs.items() if blob.requires_grad},
    )


def compare(
    judge: Judge,
    layers: str,
    data: Mapping[str, Array],
    *,
    caffes: str | None = None,
    note: str | None = None,
    weights: Mapping[tuple[str, int], Array] | None = None,
    phase: str = "TRAIN",
    backward: bool = True,
    still: Sequence[str] = (),
    force: bool = True,
    forwards: int = 1,
    rounds: int = 1,
    tolerance: float = 1e-4,
    seed: int = 0,
) -> Result:
    """Run `layers` (prototxt text) on the inputs `data` with both and compare the results; return ours.

    Compares the tops, and with `backward` the gradients of inputs and weights, for random gradients of the tops that are
    not losses. Arrays agree if they differ by at most `tolerance` times the largest number in Caffe's.

    caffes: what Caffe runs instead, if it lacks a layer; it has the same names of layers and blobs.
    note: the layer type to record for docs/layers.md (default: the last layer's).
    weights: those that are not given are random.
    still: inputs without a gradient (labels).
    force: False if no input has a gradient, for layers that have none, where Caffe aborts if it is asked for.
    forwards: the number of forward passes before the comparison.
    rounds: the number of forward and backward passes whose gradients of weights add up.
    """
    shapes = {name: values.shape for name, values in data.items()}
    text = net_text(layers, shapes, force)
    kind = note or text_format.Parse(text, NetParameter()).layer[-1].type
    steps = ["forward", "backward"] if backward else ["forward"]
    try:
        random = np.random.default_rng(seed)
        net = our_net(text, phase)
        all_weights = {
            (layer.name, index): random.standard_normal(tuple(blob.shape)).astype(np.float32)
            for layer in net.layers
            for index, blob in enumerate(layer.blobs)
        } | dict(weights or {})
        diffs = {
            name: random.standard_normal(net.shapes[name]).astype(np.float32)
            for name in _ends(net)
            if name not in net.objective.weights
        }
        theirs = judge.run(
            net_text(caffes or layers, shapes, force),
            data, all_weights, diffs if backward else {}, phase, backward, forwards, rounds,
        )  # fmt: skip
        ours = run_ours(net, data, all_weights, diffs, backward, forwards, force, still, rounds)
        _agree(ours.data, {name: theirs.data[name] for name in ours.data}, tolerance, "blob")
        for name, shape in net.shapes.items():
            assert kind == "Filter" or shape == ours.data[name].shape, (
                f"{name}: setup said {shape}, forward made {ours.data[name].shape}"
            )
        assert ours.weights.keys() == theirs.weights.keys()
        _agree(ours.weights, theirs.weights, tolerance, "weight")
        if backward:
            moving = {name: values for name, values in ours.diff.items() if name not in still}
            _agree(moving, {name: theirs.diff[name] for name in moving}, tolerance, "gradient of")
            expected = {key: values for key, values in theirs.weight_diffs.items() if key in ours.weight_diffs}
            for key in theirs.weight_diffs.keys() - expected.keys():
                assert not theirs.weight_diffs[key].any(), f"weight {key} got no gradient"
            _agree(ours.weight_diffs, expected, tolerance, "gradient of weight")
    except BaseException:
        for step in steps:
            saw(kind, step, ok=False)
        raise
    for step in steps:
        saw(kind, step)
    return ours


def both_refuse(
    judge: Judge, layers: str, shapes: Mapping[str, Sequence[int]], phase: str = "TRAIN"
) -> tuple[str, str]:
    """Check that both refuse the net; return our message and Caffe's."""
    from training.errors import LayerError

    text = net_text(layers, shapes)
    with pytest.raises(CaffeRefuses) as theirs:
        judge.run(text, phase=phase, backward=False)
    with pytest.raises(LayerError) as ours:
        our_net(text, phase)
    return str(ours.value), str(theirs.value)


def _gradient(blob: torch.Tensor) -> Array:
    return np.zeros(tuple(blob.shape), np.float32) if blob.grad is None else blob.grad.numpy()


def _ends(net: Net) -> list[str]:
    """List the blobs that no later layer consumes; a layer in place consumes a blob and produces it again."""
    open_blobs: dict[str, None] = {}
    for layer in net.layers:
        for name in layer.param.bottom:
            open_blobs.pop(name, None)
        open_blobs |= dict.fromkeys(layer.param.top)
    return list(open_blobs)


def _agree(ours: Mapping[Any, Array], theirs: Mapping[Any, Array], tolerance: float, what: str) -> None:
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        mine = ours[name]
        assert mine.shape == expected.shape, f"{what} {name}: shape {mine.shape}, Caffe's {expected.shape}"
        if expected.size == 0:
            continue
        np.testing.assert_array_equal(np.isfinite(mine), np.isfinite(expected), f"{what} {name}")
        finite = np.isfinite(expected)
        if not finite.any():
            continue
        largest = float(np.abs(expected[finite]).max())
        worst = float(np.abs(mine[finite].astype(np.float64) - expected[finite]).max())
        assert worst <= tolerance * max(largest, 1e-30), (
            f"{what} {name}: off by {worst:g} where Caffe's reach {largest:g}"
        )
