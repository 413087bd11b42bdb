"""How channels go through each type of layer: who keeps them, joins them, ties them, reads them or makes new ones.

A type that is not in `FLOWS` has to see all channels, so those that it reads stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import EltwiseParameter, LayerParameter, LRNParameter
from caffe_io.graph import NetGraph, Node, Version

from ..errors import CompressError
from .channels import Channels, Kept, Numbers
from .model import Model

Found = Numbers | None
"""The channels along axis 1 of a blob; None if they are not followed, such as those of a picture."""
Flow = Callable[[Channels, Node, Sequence[Found]], Found]
"""From a layer and the channels of its bottoms to those of each top."""


class Stays(Exception):
    """All channels that a layer reads and makes have to stay; the text is the reason, after the layer's name."""


def follow(model: Model, tops: dict[str, int]) -> Channels:
    """Return the channels of all prototxts and phases of `model`; `tops` as in `Channels`."""
    channels = Channels(model, tops)
    for graph in model.graphs():
        _follow_graph(channels, graph)
    channels.close()
    return channels


def _follow_graph(channels: Channels, graph: NetGraph) -> None:
    found: dict[Version, Found] = {}
    for node in graph.nodes:
        layer = node.layer
        bottoms = [found.get(bottom) for bottom in node.bottoms]
        try:
            if channels.model.shares_weights(layer.name):
                raise Stays("shares its weights with another layer (param { name }).")
            flow = FLOWS.get(layer.type)
            if flow is None:
                raise Stays(f"is of type {layer.type}, which has to see all channels.")
            top = flow(channels, node, bottoms)
        except Stays as stays:
            reason = f'layer "{layer.name}" {stays}'
            channels.refuse(layer.name, reason)
            for numbers in bottoms:
                channels.freeze(numbers, reason)
            top = None
        if layer.type != "Slice":
            found.update(dict.fromkeys(node.tops, top))
        elif top is not None:
            found.update(zip(node.tops, np.split(top, _points(layer, len(top), len(node.tops))), strict=True))
    for version in graph.outputs():
        channels.freeze(found.get(version), f'"{version.name}" is an output of the net.')


def _weights(channels: Channels, layer: LayerParameter) -> list[Array]:
    blobs = channels.model.weights.get(layer.name)
    if not blobs:
        raise Stays(f"has no weights in {channels.model.source}.")
    return blobs


def _only(bottoms: Sequence[Found]) -> Found:
    if len(bottoms) != 1:
        raise Stays(f"has {len(bottoms)} bottoms.")
    return bottoms[0]


def _keep(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    return _only(bottoms)


def _crop(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    axis = node.layer.crop_param.axis
    if axis not in (2, 3, -1, -2):
        raise Stays(f"cuts from axis {axis} on.")
    # Of its second bottom only height and width matter.
    return bottoms[0]


def _prior_boxes(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """It reads heights and widths alone."""
    return None


def _each_channel(channels: Channels, node: Node, numbers: Found, count: int) -> Found:
    """Note that the first `count` blobs have one number for each channel."""
    for index, blob in enumerate(_weights(channels, node.layer)[:count]):
        if numbers is not None and blob.shape != numbers.shape:
            raise Stays("does not have one weight for each channel.")
        channels.use(node.layer.name, index, 0, numbers)
    return numbers


def _batch_norm(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    if len(_weights(channels, node.layer)) != 3:
        raise Stays("is a fork's BatchNorm.")
    return _each_channel(channels, node, _only(bottoms), 2)


def _scale(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    p = node.layer.scale_param
    numbers = _only(bottoms)
    if p.axis != 1 or p.num_axes != 1:
        raise Stays("scales along other axes than that of the channels.")
    producer = node.bottoms[0].producer
    if numbers is not None and producer is not None and producer.node.layer.type == "BatchNorm":
        channels.gammas[node.layer.name] = numbers
    return _each_channel(channels, node, numbers, 2)


def _bias(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    p = node.layer.bias_param
    if p.axis != 1 or p.num_axes != 1:
        raise Stays("adds along other axes than that of the channels.")
    return _each_channel(channels, node, _only(bottoms), 1)


def _prelu(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    shared = node.layer.prelu_param.channel_shared
    return _only(bottoms) if shared else _each_channel(channels, node, _only(bottoms), 1)


def _lrn(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    if node.layer.lrn_param.norm_region == LRNParameter.ACROSS_CHANNELS:
        raise Stays("normalises each channel by its neighbours (LRN across channels).")
    return _only(bottoms)


def _mvn(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    if node.layer.mvn_param.across_channels:
        raise Stays("normalises across channels.")
    return _only(bottoms)


def _convolution(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    layer, p = node.layer, node.layer.convolution_param
    numbers = _only(bottoms)
    blobs = _weights(channels, layer)
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


def _inner_product(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    layer, p = node.layer, node.layer.inner_product_param
    numbers = _only(bottoms)
    blobs = _weights(channels, layer)
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


def _eltwise(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    if node.layer.eltwise_param.operation not in EltwiseParameter.EltwiseOp.values():
        raise Stays("has an operation that only a fork knows.")
    first = bottoms[0]
    for other in bottoms:
        if first is None or other is None or len(other) != len(first):
            raise Stays("joins channels with something that is not followed.")
        channels.link(first, other)
    return first


def _concat(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    p = node.layer.concat_param
    if (p.concat_dim if p.HasField("concat_dim") else p.axis) != 1:
        raise Stays("joins blobs along another axis than that of the channels.")
    known = [numbers for numbers in bottoms if numbers is not None]
    if len(known) != len(bottoms):
        raise Stays("joins channels with something that is not followed.")
    return np.concatenate(known)


def _slice(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    p = node.layer.slice_param
    numbers = _only(bottoms)
    if (p.slice_dim if p.HasField("slice_dim") else p.axis) != 1:
        raise Stays("cuts along another axis than that of the channels.")
    if numbers is None:
        raise Stays("cuts something that is not followed.")
    if not p.slice_point and len(numbers) % len(node.tops):
        raise Stays("cannot cut its channels into equal parts.")
    channels.resize(node.layer.name, _resize_slice, numbers)
    return numbers


def _points(layer: LayerParameter, count: int, tops: int) -> list[int]:
    """Where a Slice of so many channels cuts."""
    points = list(layer.slice_param.slice_point)
    return points or [count // tops * number for number in range(1, tops)]


def _resize_slice(layer: LayerParameter, kept: Kept) -> None:
    stay = np.cumsum(kept)
    points = _points(layer, len(kept), len(layer.top))
    new = [int(stay[point - 1]) for point in points]
    if any(first >= second for first, second in pairwise([0, *new, int(stay[-1])])):
        raise CompressError(f'layer "{layer.name}": one of its tops would have no channels left. Keep more of them.')
    layer.slice_param.slice_point[:] = new


def _flatten(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    p = node.layer.flatten_param
    numbers = _only(bottoms)
    if numbers is None:
        return None
    total = channels.tops.get(node.layer.top[0], 0)
    if p.axis != 1 or p.end_axis not in (-1, 3) or not total or total % len(numbers):
        raise Stays("flattens other axes than those from the channels on, or what the deploy net does not have.")
    return np.repeat(numbers, total // len(numbers))


_KEEPING = (
    *("AbsVal", "BNLL", "Clip", "Dropout", "ELU", "Exp", "Log", "Power", "ReLU", "ReLU6", "Sigmoid", "Swish", "TanH"),
    *("Threshold", "Pooling", "Split", "Silence"),
)
FLOWS: dict[str, Flow] = {
    **dict.fromkeys(_KEEPING, _keep),
    "BatchNorm": _batch_norm,
    "Bias": _bias,
    "Concat": _concat,
    "Convolution": _convolution,
    "ConvolutionDepthwise": _convolution,
    "Crop": _crop,
    "Deconvolution": _convolution,
    "DepthwiseConvolution": _convolution,
    "Eltwise": _eltwise,
    "Flatten": _flatten,
    "InnerProduct": _inner_product,
    "LRN": _lrn,
    "MVN": _mvn,
    "PReLU": _prelu,
    "PriorBox": _prior_boxes,
    "PriorBoxClustered": _prior_boxes,
    "Scale": _scale,
    "Slice": _slice,
}
