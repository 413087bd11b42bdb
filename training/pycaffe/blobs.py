"""Layers in the form in which pycaffe shows them, and weights in Caffe's memory layout."""

from __future__ import annotations

import torch

from .. import layers
from ..layers.blob import Blob, weight_blob
from ..nets.net import Net


class LayerView:
    """A layer's `type` and `blobs`."""

    def __init__(self, layer: layers.Layer) -> None:
        self.type = layer.param.type
        self.blobs: list[Blob] = [weight_blob(layer.blobs, index) for index in range(len(layer.blobs))]


def make_contiguous(net: Net) -> None:
    """Bring the weights of `net` into C order, in which pycaffe's scripts reshape and flatten them.

    The rooms keep the weights of convolutions in channels-last memory, because PyTorch computes faster with it.
    """
    for layer in net.layers:
        for blob in layer.blobs:
            # A view belongs to another layer's weight, which is contiguous already.
            if blob._base is None and blob.stride() != torch.empty(blob.shape, device="meta").stride():
                blob.data = torch.empty(blob.shape).copy_(blob.detach())
                blob.grad = None
