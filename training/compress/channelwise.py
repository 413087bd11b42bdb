"""Layers that compute each channel by itself: they keep the channels, and have weights for each."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_io.caffe_pb2 import LRNParameter
from caffe_io.graph import Node

from .channels import Channels
from .steps import Found, Stays, only, weights_of


def keep(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Return the channels of the only bottom."""
    return only(bottoms)


def each_channel(channels: Channels, node: Node, numbers: Found, count: int) -> Found:
    """Note that the first `count` blobs have one number for each channel."""
    for index, blob in enumerate(weights_of(channels, node.layer)[:count]):
        if numbers is not None and blob.shape != numbers.shape:
            raise Stays("does not have one weight for each channel.")
        channels.use(node.layer.name, index, 0, numbers)
    return numbers


def batch_norm(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Keep the channels; mean and variance go along."""
    if len(weights_of(channels, node.layer)) != 3:
        raise Stays("is a fork's BatchNorm.")
    return each_channel(channels, node, only(bottoms), 2)


def scale(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Keep the channels; gamma and beta go along. After BatchNorm, gamma says which channels matter."""
    p = node.layer.scale_param
    numbers = only(bottoms)
    if p.axis != 1 or p.num_axes != 1:
        raise Stays("scales along other axes than that of the channels.")
    producer = node.bottoms[0].producer
    if numbers is not None and producer is not None and producer.node.layer.type == "BatchNorm":
        channels.gammas[node.layer.name] = numbers
    return each_channel(channels, node, numbers, 2)


def bias(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Keep the channels; their biases go along."""
    p = node.layer.bias_param
    if p.axis != 1 or p.num_axes != 1:
        raise Stays("adds along other axes than that of the channels.")
    return each_channel(channels, node, only(bottoms), 1)


def prelu(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Keep the channels; their slopes go along."""
    shared = node.layer.prelu_param.channel_shared
    return only(bottoms) if shared else each_channel(channels, node, only(bottoms), 1)


def lrn(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Keep the channels if each is normalised by itself."""
    if node.layer.lrn_param.norm_region == LRNParameter.ACROSS_CHANNELS:
        raise Stays("normalises each channel by its neighbours (LRN across channels).")
    return only(bottoms)


def mvn(channels: Channels, node: Node, bottoms: Sequence[Found]) -> Found:
    """Keep the channels if each is normalised by itself."""
    if node.layer.mvn_param.across_channels:
        raise Stays("normalises across channels.")
    return only(bottoms)
