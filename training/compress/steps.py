"""What the flows of all layer types have in common: their form, and how one refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import LayerParameter
from caffe_io.graph import Node

from .channels import Channels, Numbers

Found = Numbers | None
"""The channels along axis 1 of a blob; None if they are not followed, such as those of a picture."""
Flow = Callable[[Channels, Node, Sequence[Found]], Found]
"""From a layer and the channels of its bottoms to those of each top."""


class Stays(Exception):
    """All channels that a layer reads and makes have to stay; the text is the reason, after the layer's name."""


def weights_of(channels: Channels, layer: LayerParameter) -> list[Array]:
    """Return a layer's blobs; they may not be missing."""
    blobs = channels.model.weights.get(layer.name)
    if not blobs:
        raise Stays(f"has no weights in {channels.model.source}.")
    return blobs


def only(bottoms: Sequence[Found]) -> Found:
    """Return the channels of the only bottom; there may not be several."""
    if len(bottoms) != 1:
        raise Stays(f"has {len(bottoms)} bottoms.")
    return bottoms[0]
