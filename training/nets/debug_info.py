"""Writes Caffe's log lines of debug_info: the mean absolute values of all blobs, weights and gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .layerwise import Layerwise
from .net import Net


def forward_lines(net: Net, index: int) -> list[str]:
    """Return the lines after a layer's forward pass: the mean absolute value of each top and weight."""
    layer = net.layers[index]
    head = f"    [Forward] Layer {layer.name}"
    tops = [f"{head}, top blob {name} data: {_mean(net.blobs[name]):g}" for name in layer.param.top]
    names = [_weight_name(net, layer.name, i) for i in range(len(layer.blobs))]
    return tops + [
        f"{head}, param blob {name} data: {_mean(blob):g}" for name, blob in zip(names, layer.blobs, strict=True)
    ]


def backward_lines(passes: Layerwise, index: int) -> list[str]:
    """Return the lines after a layer's backward pass: the mean absolute gradient of each bottom and weight that has one."""
    layer, need = passes.net.layers[index], passes.net.needs[index]
    head = f"    [Backward] Layer {layer.name}"
    lines = [
        f"{head}, bottom blob {name} diff: {_mean(passes.diff[name]):g}"
        for name, needed in zip(layer.param.bottom, need.bottoms, strict=True)
        if needed
    ]
    return lines + [
        f"{head}, param blob {i} diff: {_mean(blob.grad):g}"
        for i, blob in enumerate(layer.blobs)
        if blob.requires_grad and blob.grad is not None
    ]


@torch.no_grad()
def net_line(net: Net) -> str:
    """Return the line after the whole backward pass: the norms of all weights and gradients."""
    values = [p.values for p in net.parameters]
    gradients = [torch.zeros_like(v) if v.grad is None else v.grad for v in values]
    l1 = [sum(float(t.abs().sum()) for t in tensors) for tensors in (values, gradients)]
    l2 = [sum(float(t.square().sum()) for t in tensors) ** 0.5 for tensors in (values, gradients)]
    return f"    [Backward] All net params (data, diff): L1 norm = ({l1[0]:g}, {l1[1]:g}); L2 norm = ({l2[0]:g}, {l2[1]:g})"


def forward_reporter(net: Net, report: Callable[[str], None]) -> Callable[[int], None]:
    """Return a function for `net.forward` to call after each layer, which reports the layer's lines."""

    def after(index: int) -> None:
        for line in forward_lines(net, index):
            report(line)

    return after


def debug_pass(passes: Layerwise, report: Callable[[str], None]) -> float:
    """Run a forward and a backward pass, report all their lines, and return the loss."""

    def after(index: int) -> None:
        for line in backward_lines(passes, index):
            report(line)

    loss = passes.forward(after=forward_reporter(passes.net, report))
    passes.backward(after=after)
    report(net_line(passes.net))
    return loss


def _weight_name(net: Net, layer: str, index: int) -> str:
    """Return the name that the layer's `param` gives a weight, or else its index."""
    specs = next(each.param.param for each in net.layers if each.name == layer)
    return specs[index].name if index < len(specs) and specs[index].name else str(index)


@torch.no_grad()
def _mean(values: Tensor) -> float:
    return float(values.float().abs().sum()) / max(1, values.numel())
