"""Whole nets of forks, judged: Caffe 1.0 runs the layers that it has, and numpy those of forks between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TRAIN, LayerParameter, NetParameter
from caffe_io.layer_types import layer_type
from kits.forks import ForkNet, Weights
from kits.ncs import Floats
from kits.oracle_layers import Judge, net_text
from training.nets.net import Net

PICTURES = 4  # of which BatchNorm and BN take their statistics
Formula = Callable[[LayerParameter, Sequence[Floats], Sequence[Floats]], Floats]


def fork_net(text: str, outputs: Sequence[str], seed: int = 0) -> ForkNet:
    """Make a net of the zoo into one that takes bytes, with random weights and statistics that fit them."""
    net = text_format.Parse(text, NetParameter())
    first = net.layer[0]
    dims = list(first.input_param.shape[0].dim)
    random = np.random.default_rng(seed)
    weights = random_weights(net, seed)
    first.name, first.top[0] = "bytes", "bytes"
    power = LayerParameter(name="spread", type="Power", bottom=["bytes"], top=["data"])
    power.power_param.scale, power.power_param.shift = 0.015625, -2
    layers = [first, power, *net.layer[1:]]
    return ForkNet(
        layers=[f"layer {{ {text_format.MessageToString(layer, as_one_line=True)} }}" for layer in layers],
        feed={"bytes": random.integers(0, 256, dims, dtype=np.uint8)},
        weights=weights,
        tops=list(outputs),
    )


def random_weights(net: NetParameter, seed: int) -> dict[str, list[Floats]]:
    """Fill the weights of a net of the zoo, and take the statistics of random pictures as the stored ones."""
    dims = list(net.layer[0].input_param.shape[0].dim)
    pictures = np.random.default_rng(seed).standard_normal((PICTURES, *dims[1:])).astype(np.float32)
    room = NetParameter()
    room.CopyFrom(net)
    room.layer[0].input_param.shape[0].dim[0] = len(pictures)
    # Detections need one picture, and no statistics.
    kept = [layer for layer in room.layer if not layer.type.startswith("Yolo")]
    del room.layer[:]
    room.layer.extend(kept)
    trained = Net(room, TRAIN, seed=seed)
    trained.forward({"data": torch.from_numpy(pictures)})
    weights = {}
    for layer in trained.layers:
        if layer.blobs:
            blobs = [blob.detach().numpy().copy() for blob in layer.blobs]
            if layer.param.type == "BN" and len(blobs) == 4:
                blobs[2:] = [blob / (1 - layer.param.bn_param.momentum) for blob in blobs[2:]]
            weights[layer.name] = blobs
    return weights


def judged(judge: Judge, net: ForkNet) -> dict[str, Floats]:
    """What Caffe and the formulas below make of all blobs; a blob that is written in place is what it is at the end."""
    numbers: dict[str, Floats] = {name: values.astype(np.float32) for name, values in net.feed.items()}
    waiting: list[LayerParameter] = []
    for layer in net.param.layer[1:]:
        if not layer_type(layer.type).fork:
            waiting.append(layer)
            continue
        _run_caffe(judge, waiting, net.weights, numbers)
        waiting.clear()
        if not layer.type.startswith("Yolo"):
            bottoms = [numbers[bottom] for bottom in layer.bottom]
            numbers[layer.top[0]] = FORMULAS[layer.type](layer, bottoms, net.weights.get(layer.name, ()))
    _run_caffe(judge, waiting, net.weights, numbers)
    return numbers


def _run_caffe(judge: Judge, layers: Sequence[LayerParameter], weights: Weights, numbers: dict[str, Floats]) -> None:
    if not layers:
        return
    made: set[str] = set()
    needed: dict[str, Floats] = {}
    for layer in layers:
        needed.update({bottom: numbers[bottom] for bottom in layer.bottom if bottom not in made})
        made.update(layer.top)
    text = "\n".join(f"layer {{ {text_format.MessageToString(layer, as_one_line=True)} }}" for layer in layers)
    given = {(layer.name, i): blob for layer in layers for i, blob in enumerate(weights.get(layer.name, ()))}
    inputs = {name: values.shape for name, values in needed.items()}
    result = judge.run(net_text(text, inputs, False), needed, given, phase="TEST", backward=False)
    numbers.update({blob: values for blob, values in result.data.items() if blob in made})


def _axpy(layer: LayerParameter, bottoms: Sequence[Floats], blobs: Sequence[Floats]) -> Floats:
    a, x, y = bottoms
    return a.reshape(*x.shape[:2], 1, 1) * x + y


def _bn(layer: LayerParameter, bottoms: Sequence[Floats], blobs: Sequence[Floats]) -> Floats:
    columns = [blob.reshape(1, -1, 1, 1) for blob in blobs]
    x = bottoms[0]
    if len(columns) == 4:
        x = (x - columns[2]) / np.sqrt(columns[3] + np.float32(layer.bn_param.eps))
    return columns[0] * x + columns[1]


def _hard_sigmoid(layer: LayerParameter, bottoms: Sequence[Floats], blobs: Sequence[Floats]) -> Floats:
    p = layer.hardsigmoid_param
    return np.clip(bottoms[0] * np.float32(p.alpha) + np.float32(p.beta), 0, 1)


def _hard_swish(layer: LayerParameter, bottoms: Sequence[Floats], blobs: Sequence[Floats]) -> Floats:
    return bottoms[0] * np.clip(bottoms[0] + 3, 0, 6) / 6


def _interp(layer: LayerParameter, bottoms: Sequence[Floats], blobs: Sequence[Floats]) -> Floats:
    p = layer.interp_param
    old = bottoms[0].shape[2:]
    new = [(n - 1) * p.zoom_factor + 1 for n in old] if p.HasField("zoom_factor") else [p.height, p.width]
    rows, columns = (tents(a, b) for a, b in zip(old, new, strict=True))
    return np.einsum("ih,nchw,jw->ncij", rows, bottoms[0], columns).astype(np.float32)


def tents(old: int, new: int) -> Floats:
    """Return the share that each of `old` pixels in a row has in each of `new`: the first and the last lie on each other."""
    places = np.arange(new) * ((old - 1) / (new - 1) if new > 1 else 0)
    return np.clip(1 - np.abs(places[:, None] - np.arange(old)), 0, 1).astype(np.float32)


def _reorg(layer: LayerParameter, bottoms: Sequence[Floats], blobs: Sequence[Floats]) -> Floats:
    """Darknet's indices, for all numbers at once."""
    x, s = bottoms[0], layer.reorg_param.stride
    _, c, h, w = x.shape
    k, j, i = np.indices((c, h, w))
    few = c // (s * s)
    outer = i * s + k // few % s + w * s * (j * s + k // few // s + h * s * (k % few))
    return x.ravel()[outer.ravel()].reshape(1, c * s * s, h // s, w // s)


def _shuffle(layer: LayerParameter, bottoms: Sequence[Floats], blobs: Sequence[Floats]) -> Floats:
    groups = np.split(bottoms[0], layer.shuffle_channel_param.group, 1)
    return np.stack(groups, 2).reshape(bottoms[0].shape)


def _upsample(layer: LayerParameter, bottoms: Sequence[Floats], blobs: Sequence[Floats]) -> Floats:
    p = layer.upsample_param
    if len(bottoms) == 1:
        return np.kron(bottoms[0], np.ones((1, 1, p.scale, p.scale), np.float32))
    x, mask = bottoms
    flat = np.zeros((x.shape[0] * x.shape[1], p.upsample_h * p.upsample_w), np.float32)
    np.put_along_axis(flat, mask.reshape(len(flat), -1).astype(int), x.reshape(len(flat), -1), 1)
    return flat.reshape(*x.shape[:2], p.upsample_h, p.upsample_w)


FORMULAS: dict[str, Formula] = {
    "Permute": lambda layer, bottoms, blobs: bottoms[0].transpose(*layer.permute_param.order),
    "Axpy": _axpy,
    "BN": _bn,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "Interp": _interp,
    "Reorg": _reorg,
    "ShuffleChannel": _shuffle,
    "Upsample": _upsample,
}
"""Type -> its formula, written without a look at our layers: from the layer, its bottoms and its blobs to its top."""
