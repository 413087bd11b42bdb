"""How long a net's blobs are needed: which may be let go, and when, and which may be overwritten."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..layers import Layer

# Their backward pass reads their bottoms and weights, never their top, and their top is a tensor of its own.
_TOP_NOT_READ = {
    "Convolution",
    "ConvolutionDepthwise",
    "Deconvolution",
    "DepthwiseConvolution",
    "InnerProduct",
    "Scale",
}


def last_uses(layers: Sequence[Layer], kept: Collection[str]) -> list[list[str]]:
    """For each layer the blobs that no layer behind it names; those that it makes itself, and `kept`, stay."""
    named: set[str] = set(kept)
    lists = []
    for layer in reversed(layers):
        named.update(layer.param.top)
        lists.append([name for name in dict.fromkeys(layer.param.bottom) if name not in named])
        named.update(layer.param.bottom)
    return lists[::-1]


def overwritable(layers: Sequence[Layer]) -> list[bool]:
    """For each layer whether it works in place on a blob whose maker's backward pass does not need it. (No other layer has
    read it: caffe_io.net_check sees to that, as Caffe does.)"""
    makers: dict[str, Layer] = {}
    answers = []
    for layer in layers:
        maker = makers.get(layer.param.bottom[0]) if layer.in_place else None
        answers.append(maker is not None and maker.param.type in _TOP_NOT_READ)
        makers.update(dict.fromkeys(layer.param.top, layer))
    return answers
