"""What torchvision's ResNets call their parts, and what prototxt/ResNet18 calls them. {} stands for a number.

A convolution of torchvision has its BatchNorm beside it, under another name. Here those are the layers NAME, NAME_bn (BatchNorm)
and NAME_scale (Scale). To import another family of nets, add its rows to `NAMES`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

CONVOLUTION: Mapping[str, Sequence[str]] = {"": ("weight",)}
NORM: Mapping[str, Sequence[str]] = {"_bn": ("running_mean", "running_var"), "_scale": ("weight", "bias")}


class Row(NamedTuple):
    """A part of the torch net, the layer here, and endings of that layer's name -> the values that are its blobs, in order."""

    torch: str
    layer: str
    blobs: Mapping[str, Sequence[str]]


NAMES = (
    Row("conv1", "conv1", CONVOLUTION),
    Row("bn1", "conv1", NORM),
    Row("layer{}.{}.conv{}", "layer{}_{}_conv{}", CONVOLUTION),
    Row("layer{}.{}.bn{}", "layer{}_{}_conv{}", NORM),
    Row("layer{}.{}.downsample.0", "layer{}_{}_downsample", CONVOLUTION),
    Row("layer{}.{}.downsample.1", "layer{}_{}_downsample", NORM),
)
PICTURE = "conv1"
"""The layer that takes the picture."""
# Red, green, blue, of pictures from 0 to 1.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
COUNTER = "num_batches_tracked"
"""A value that each BatchNorm of Torch has besides, and that Caffe has no use for."""


def sources(layer: str) -> list[str]:
    """Return the names of the values that are the blobs of a layer, or [] for a layer that is not in the table."""
    for row in NAMES:
        for ending, values in row.blobs.items():
            numbers = _numbers(row.layer + ending, layer)
            if numbers is not None:
                return [f"{row.torch.format(*numbers)}.{value}" for value in values]
    return []


def is_known(value: str) -> bool:
    """Whether the name of a torch value is one of a part in the table."""
    part = value.rpartition(".")[0]
    return any(_numbers(row.torch, part) is not None for row in NAMES)


def _numbers(form: str, name: str) -> list[str] | None:
    """Return the numbers that stand in `name` for the {} of `form`, or None if it has another form."""
    match = re.fullmatch(r"([0-9]+)".join(map(re.escape, form.split("{}"))), name)
    return None if match is None else list(match.groups())
