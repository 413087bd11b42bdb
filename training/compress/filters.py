"""Layers with filters: they read channels and make new ones. A depthwise convolution keeps them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from caffe_io.caffe_pb2 import LayerParameter
from caffe_io.graph import Node

from .channels import Channels, Kept, Numbers
from .steps import Found, Stays, only, weights_of


def convolution(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Read the channels and make new ones; a depthwise convolution keeps them.

    The filters of a Deconvolution have their axes exchanged.
    """
    layer, p = node.layer, node.layer.convolution_param
    numbers = only(bottoms)
    blobs = weights_of(channels, layer)
    if p.axis != 1:
        raise Stays(f"has its channels at axis {p.axis}.")
    inputs, outputs = (0, 1) if layer.type == "Deconvolution" else (1, 0)
    depthwise = "Depthwise" in layer.type
    if depthwise or p.group > 1:
        # Each filter is a channel's own. It has no say in which channels go.
        if blobs[0].shape[1] != 1 or p.num_output != len(blobs[0]) or not (depthwise or p.group == p.num_output):
            raise Stays(f"has {p.group} groups of several channels.")
        if numbers is None or len(numbers) != p.num_output:
            raise Stays("has as many groups as channels, and these are not followed.")
        channels.resize(layer.name, _resize_depthwise, numbers)
        for index in range(len(blobs)):
            channels.use(layer.name, index, 0, numbers)
        return numbers
    if numbers is not None and blobs[0].shape[inputs] != len(numbers):
        raise Stays(f"reads {blobs[0].shape[inputs]} channels; the net gives it {len(numbers)}.")
    channels.use(layer.name, 0, inputs, numbers)
    return _make(channels, layer, p.num_output, outputs, _resize_convolution)


def inner_product(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Read the channels, each in as many columns as it has pixels, and make new ones."""
    layer, p = node.layer, node.layer.inner_product_param
    numbers = only(bottoms)
    blobs = weights_of(channels, layer)
    if p.axis != 1:
        raise Stays(f"reads the axes from {p.axis} on.")
    inputs, outputs = (0, 1) if p.transpose else (1, 0)
    columns = blobs[0].shape[inputs]
    if numbers is not None:
        if columns % len(numbers):
            raise Stays(f"reads {columns} numbers, which are not the same for each of {len(numbers)} channels.")
        # The numbers of a channel lie side by side.
        numbers = np.repeat(numbers, columns // len(numbers))
    channels.use(layer.name, 0, inputs, numbers)
    return _make(channels, layer, p.num_output, outputs, _resize_inner_product)


def _make(
    channels: Channels,
    layer: LayerParameter,
    count: int,
    axis: int,
    resize: Callable[[LayerParameter, Kept], None],
) -> Numbers:
    """Return the new channels of a layer whose filters lie along `axis`."""
    blobs = channels.model.weights[layer.name]
    if count != blobs[0].shape[axis]:
        raise Stays(f"has num_output {count}, but {blobs[0].shape[axis]} filters in {channels.model.source}.")
    made = channels.make(layer.name, count, axis)
    channels.use(layer.name, 0, axis, made)
    if len(blobs) > 1:
        channels.use(layer.name, 1, 0, made)
    channels.resize(layer.name, resize, made)
    return made


def _resize_convolution(layer: LayerParameter, kept: Kept) -> None:
    layer.convolution_param.num_output = int(kept.sum())


def _resize_depthwise(layer: LayerParameter, kept: Kept) -> None:
    if layer.convolution_param.group > 1:
        layer.convolution_param.group = int(kept.sum())
    layer.convolution_param.num_output = int(kept.sum())


def _resize_inner_product(layer: LayerParameter, kept: Kept) -> None:
    layer.inner_product_param.num_output = int(kept.sum())
