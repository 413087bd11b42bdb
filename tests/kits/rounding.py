"""How far FP16 may move what a net answers, derived from the net and its pictures; and nets with weights for such a test.

The chip stores what each stage gives in FP16, which rounds a number x by at most |x| / 2^11. To first order, an answer moves
by the sum over all stored numbers of gradient times rounding. Roundings are independent, and go up as often as down. So by
Hoeffding's inequality, that sum exceeds SIGMAS times the root of the sum of (gradient * x / 2^11)^2 with a probability of at
most 2 exp(-SIGMAS^2 / 2), which is 3e-8. The chip fuses layers, so it stores less often than a number for each blob of the net.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from training.nets.net import Net

UNIT = 2.0**-11
"""The most by which FP16 rounds a number, as a share of it."""
SIGMAS = 6.0

Floats = NDArray[np.float32]


class Rounding:
    """A run of `net` on `data`, a batch of pictures as its Input layer takes them. `blobs` are those of the net."""

    def __init__(self, net: Net, data: torch.Tensor) -> None:
        self._stored: list[torch.Tensor] = [data.clone().requires_grad_()]

        def keep(index: int) -> None:
            self._stored += [net.blobs[top] for top in net.layers[index].param.top if net.blobs[top].requires_grad]

        net.forward({"data": self._stored[0]}, after=keep)
        self.blobs = net.blobs

    def bound(self, answer: torch.Tensor) -> Floats:
        """Return how far FP16 may move each picture's `answer`, a number that was computed from `blobs`."""
        gradients = torch.autograd.grad(answer.sum(), self._stored, retain_graph=True, allow_unused=True)
        total = torch.zeros(len(answer))
        for values, gradient in zip(self._stored, gradients, strict=True):
            if gradient is not None:
                total += (gradient * values.detach()).square().flatten(1).sum(1)
        return (SIGMAS * UNIT * total.sqrt()).numpy()


def make_weights(net: Net, data: torch.Tensor) -> None:
    """Give `net` random weights with which numbers keep a spread of 1 on their way, and the best class depends on the picture.

    `data` is a batch of pictures as the net takes them.
    """
    random = torch.Generator().manual_seed(5)
    scores = {layer.param.bottom[0] for layer in net.layers if layer.param.type == "Softmax"}

    def settle(index: int) -> None:
        """Change the weights of a layer that has just run for the first time, and its top as they would."""
        layer = net.layers[index]
        if layer.param.type == "BatchNorm":
            top = net.blobs[layer.param.top[0]]
            mean, variance = top.mean((0, 2, 3)), top.var((0, 2, 3), unbiased=False)
            for blob, values in zip(layer.blobs, (mean, variance, torch.ones(1)), strict=True):
                blob.copy_(values)
            net.blobs[layer.param.top[0]] = (top - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        elif layer.param.type in ("Convolution", "InnerProduct"):
            top = net.blobs[layer.param.top[0]]
            factor = 1 / top.std()
            if layer.param.top[0] in scores:
                layer.blobs[1].sub_(top.mean(0))
                top = top - top.mean(0)
                factor = 2 / top.std()
            for blob in layer.blobs:
                blob.mul_(factor)
            net.blobs[layer.param.top[0]] = top * factor

    with torch.no_grad():
        for layer in net.layers:
            for index, blob in enumerate(layer.blobs):
                if layer.param.type == "BatchNorm":
                    # It passes its bottom on until `settle` has seen that.
                    blob.fill_(index > 0)
                elif layer.param.type == "Scale" and index == 0:
                    blob.uniform_(0.5, 1.5, generator=random)
                elif layer.param.type == "PReLU":
                    blob.fill_(0.25)
                else:
                    blob.normal_(0, 1 if index == 0 else 0.1, generator=random)
        net.forward({"data": data}, after=settle)
