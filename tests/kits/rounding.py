"""How far FP16 may move what a net answers, derived from the net and a picture, and nets with weights made for a test.

The chip stores what each stage gives in FP16, which rounds a number x by at most |x| / 2^11. To first order, a number that
depends on all of them moves by the sum of gradient times rounding. Roundings are independent and as often up as down, so by
Hoeffding's inequality the sum exceeds SIGMAS times the root of the sum of (gradient * x / 2^11)^2 with a probability below
2 exp(-SIGMAS^2 / 2): 3e-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import TEST, NetParameter
from training.nets.net import Net

UNIT = 2.0**-11
"""The most by which FP16 rounds, as a share of the number."""
SIGMAS = 6.0

Floats = NDArray[np.float32]


def make_weights(net: Net, data: torch.Tensor) -> None:
    """Give `net` random weights with which what flows through it keeps a spread of 1, and its scores differ by picture.

    `data` is a batch of pictures as the net takes them.
    """
    random = torch.Generator().manual_seed(5)
    softmax = {layer.param.bottom[0] for layer in net.layers if layer.param.type == "Softmax"}
    for layer in net.layers:
        for index, blob in enumerate(layer.blobs):
            with torch.no_grad():
                if layer.param.type == "BatchNorm":
                    blob.fill_(0.0 if index == 0 else 1.0)
                elif layer.param.type == "Scale":
                    blob.uniform_(0.5, 1.5, generator=random) if index == 0 else blob.normal_(0, 0.2, generator=random)
                elif layer.param.type == "PReLU":
                    blob.fill_(0.25)
                else:
                    blob.normal_(0, 1 if index == 0 else 0.1, generator=random)

    def settle(index: int) -> None:
        """Change the weights of a layer that has just run, and its top accordingly."""
        layer = net.layers[index]
        name = layer.param.top[0]
        if layer.param.type == "BatchNorm":
            top = net.blobs[name]
            mean, variance = top.mean((0, 2, 3)), top.var((0, 2, 3), unbiased=False)
            layer.blobs[0].copy_(mean)
            layer.blobs[1].copy_(variance)
            net.blobs[name] = (top - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        elif layer.param.type in ("Convolution", "InnerProduct"):
            top = net.blobs[name]
            spread = top.std()
            if name in softmax:
                spread = (top - top.mean(0)).std() / 2
                layer.blobs[1].sub_(top.mean(0))
                top = top - top.mean(0)
            for blob in layer.blobs:
                blob.div_(spread)
            net.blobs[name] = top / spread

    with torch.no_grad():
        net.forward({"data": data}, after=settle)


def margins(net: Net, data: torch.Tensor, scores: str) -> tuple[Floats, Floats]:
    """Return, for each picture, by how much the best score exceeds the next, and how far FP16 may move that difference."""
    tops: list[torch.Tensor] = []

    def keep(index: int) -> None:
        for name in net.layers[index].param.top:
            if net.blobs[name].requires_grad:
                net.blobs[name].retain_grad()
                tops.append(net.blobs[name])

    fed = data.clone().requires_grad_()
    net.forward({"data": fed}, after=keep)
    best = net.blobs[scores].flatten(1).topk(2, 1).values
    margin = best[:, 0] - best[:, 1]
    margin.sum().backward()
    total = torch.zeros(len(data))
    for top in (fed, *tops):
        if top.grad is not None:
            total += (top.grad * top.detach()).square().flatten(1).sum(1)
    return margin.detach().numpy(), (SIGMAS * UNIT * total.sqrt()).numpy()
