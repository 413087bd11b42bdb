"""Random nets of a few layers, grown layer by layer: one that no net could have is drawn again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from google.protobuf import text_format
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import TEST, NetParameter
from common.errors import MokaError
from training.nets.net import Net

from .draw import Draw, NoPlace
from .layers import LAYERS, OFTEN

LEAST, MOST = 2, 6
_TRIES = 60
# Numbers beyond it overflow FP16 soon, and numbers below it say little.
_LARGEST, _SMALLEST = 3000.0, 1e-3
_MOST_NUMBERS = 1 << 18


@dataclass(frozen=True)
class RandomNet:
    """A net and its weights. The same seed gives the same net."""

    seed: int
    net: NetParameter
    weights: dict[str, list[NDArray[np.float32]]]

    @property
    def kinds(self) -> list[str]:
        """The types of its layers, without those that prepare the inputs."""
        return [layer.type for layer in self.net.layer if layer.name.startswith("l")]


def random_net(seed: int) -> RandomNet:
    """Let a net grow from inputs of bytes, which a Power layer brings to about -3 to 3."""
    random = np.random.default_rng([7, seed])
    kinds = [*LAYERS, *OFTEN, *OFTEN]
    inputs = int(random.integers(1, 3))
    size = _size(random)
    channels = int(random.choice([1, 3, 3, 3]))
    text = [_input(number, (1, channels, *size)) for number in range(inputs)]
    grown = _built(text, seed)
    assert grown is not None
    for number in range(int(random.integers(LEAST, MOST + 1))):
        for _ in range(_TRIES):
            layer = _layer(random, kinds, grown, number)
            if layer and (larger := _built([*text, layer], seed)):
                text.append(layer)
                grown = larger
                break
    return RandomNet(seed, grown.param, grown.made)


def _size(random: np.random.Generator) -> tuple[int, int]:
    """Draw rows and columns: mostly few, sometimes as many of each, sometimes so many that layers are cut into tiles."""
    most = 160 if random.random() < 0.12 else 40
    rows, columns = (int(random.integers(2, most)) for _ in range(2))
    return (rows, rows) if random.random() < 0.3 else (rows, columns)


@dataclass
class _Grown:
    param: NetParameter
    shapes: dict[str, tuple[int, ...]]
    made: dict[str, list[NDArray[np.float32]]]


def _input(number: int, shape: tuple[int, ...]) -> str:
    dims = " ".join(f"dim: {dim}" for dim in shape)
    return (
        f'layer {{ name: "in{number}" type: "Input" top: "in{number}" input_param {{ shape {{ {dims} }} }} }} '
        f'layer {{ name: "x{number}" type: "Power" bottom: "in{number}" top: "x{number}" '
        "power_param { scale: 0.0234375 shift: -3 } }"
    )


def _layer(random: np.random.Generator, kinds: list[str], grown: _Grown, number: int) -> str | None:
    """Draw a layer; None if its type finds no place in the net."""
    kind = kinds[int(random.integers(len(kinds)))]
    shapes = {name: shape for name, shape in grown.shapes.items() if not name.startswith("in")}
    try:
        proposal = LAYERS[kind](Draw(random, shapes))
    except NoPlace:
        return None
    tops = [f"l{number}"] if proposal.tops == 1 else [f"l{number}_{top}" for top in range(proposal.tops)]
    blobs = " ".join([*(f'bottom: "{name}"' for name in proposal.bottoms), *(f'top: "{name}"' for name in tops)])
    return f'layer {{ name: "l{number}" type: "{kind}" {blobs} {proposal.settings} }}'


def _built(text: list[str], seed: int) -> _Grown | None:
    """Run the net; None if it cannot be, or if its numbers are too large or too small to compare."""
    param = text_format.Parse('name: "random" ' + " ".join(text), NetParameter())
    try:
        net = Net(param, TEST, seed=seed)
        weights = net.weights()
        _statistics(param, weights, seed)
        for made in net.layers:
            for blob, values in zip(made.blobs, weights.get(made.name, ()), strict=False):
                blob.data.copy_(torch.from_numpy(values))
        random = np.random.default_rng([8, seed])
        feed = {
            layer.top[0]: torch.from_numpy(random.integers(0, 256, net.shapes[layer.top[0]]).astype(np.float32))
            for layer in param.layer
            if layer.type == "Input"
        }
        net.forward(feed)
    except MokaError:
        return None
    for layer in param.layer[-1:]:
        for top in layer.top:
            values = net.blobs[top].detach().numpy()
            if values.size > _MOST_NUMBERS or not np.isfinite(values).all():
                return None
            if not _SMALLEST < np.abs(values).max(initial=0) < _LARGEST:
                return None
    shapes = {name: tuple(map(int, shape)) for name, shape in net.shapes.items()}
    return _Grown(param, shapes, {name: list(blobs) for name, blobs in weights.items()})


def _statistics(param: NetParameter, weights: dict[str, list[NDArray[np.float32]]], seed: int) -> None:
    """Give each BatchNorm and BN numbers as a training leaves them."""
    random = np.random.default_rng([9, seed])
    for layer in param.layer:
        if layer.type not in ("BatchNorm", "BN"):
            continue
        blobs = weights[layer.name]
        for number, blob in enumerate(blobs):
            mean = (layer.type == "BatchNorm" and number == 0) or (layer.type == "BN" and number in (1, 2))
            blobs[number] = (random.normal(0, 0.3, blob.shape) if mean else random.uniform(0.5, 2, blob.shape)).astype(
                np.float32
            )
        if layer.type == "BatchNorm":
            blobs[2] = np.ones_like(blobs[2])
