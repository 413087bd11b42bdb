"""Layers that arrange channels: they join, tie, cut and flatten them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from caffe_io.caffe_pb2 import EltwiseParameter, LayerParameter
from caffe_io.graph import Node

from ..errors import CompressError
from .channels import Channels, Kept
from .steps import Found, Stays, only


def eltwise(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Tie the channels of all bottoms."""
    if node.layer.eltwise_param.operation not in EltwiseParameter.EltwiseOp.values():
        raise Stays("has an operation that only a fork knows.")
    first = bottoms[0]
    for other in bottoms:
        if first is None or other is None or len(other) != len(first):
            raise Stays("joins channels with something that is not followed.")
        channels.link(first, other)
    return first


def concat(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Return the channels of all bottoms, one after the other."""
    p = node.layer.concat_param
    if (p.concat_dim if p.HasField("concat_dim") else p.axis) != 1:
        raise Stays("joins blobs along another axis than that of the channels.")
    known = [numbers for numbers in bottoms if numbers is not None]
    if len(known) != len(bottoms):
        raise Stays("joins channels with something that is not followed.")
    return np.concatenate(known)


def cut(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Return the channels of a Slice's bottom, which `points` divides among its tops."""
    p = node.layer.slice_param
    numbers = only(bottoms)
    if (p.slice_dim if p.HasField("slice_dim") else p.axis) != 1:
        raise Stays("cuts along another axis than that of the channels.")
    if numbers is None:
        raise Stays("cuts something that is not followed.")
    if not p.slice_point and len(numbers) % len(node.tops):
        raise Stays("cannot cut its channels into equal parts.")
    channels.resize(node.layer.name, _resize_slice, numbers)
    return numbers


def points(layer: LayerParameter, count: int, tops: int) -> list[int]:
    """Where a Slice of so many channels cuts."""
    points = list(layer.slice_param.slice_point)
    return points or [count // tops * number for number in range(1, tops)]


def _resize_slice(layer: LayerParameter, kept: Kept) -> None:
    stay = np.cumsum(kept)
    old = points(layer, len(kept), len(layer.top))
    new = [int(stay[point - 1]) for point in old]
    if any(first >= second for first, second in pairwise([0, *new, int(stay[-1])])):
        raise CompressError(f'layer "{layer.name}": one of its tops would have no channels left. Keep more of them.')
    layer.slice_param.slice_point[:] = new


def flatten(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Return each channel as often as it has pixels."""
    p = node.layer.flatten_param
    numbers = only(bottoms)
    if numbers is None:
        return None
    total = channels.tops.get(node.layer.top[0], 0)
    if p.axis != 1 or p.end_axis not in (-1, 3) or not total or total % len(numbers):
        raise Stays("flattens other axes than those from the channels on, or what the deploy net does not have.")
    return np.repeat(numbers, total // len(numbers))


def crop(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    axis = node.layer.crop_param.axis
    if axis not in (2, 3, -1, -2):
        raise Stays(f"cuts from axis {axis} on.")
    # Of its second bottom only height and width matter.
    return bottoms[0]


def no_channels(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Return nothing: PriorBox reads heights and widths alone, and Silence nothing at all."""
    return None
