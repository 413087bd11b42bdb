"""ResNet18: torchvision's resnet18 up to the mean over the map, and a hidden layer of its own for each task.

It is the net of adamzjk/Age-Gender-Pred on GitHub: a crop of 224 out of 256, and for each task 512 hidden units. The layers are
called as in torchvision, with _ for the dots. `./moka import_torch` brings torchvision's weights, trained on ImageNet, into them.

Torch's max pooling begins one pixel outside the map, and leaves out what does not fit at its end. Caffe adds a window there.
The layer `pool1_cut` cuts its row and column off, so all numbers are torchvision's. Crop takes its size from a second blob:
`size`, which costs next to nothing, is a small map of that size.

torchvision divides each channel by a deviation of its own: 0.229, 0.224 and 0.225 of red, green and blue. Caffe has one scale:
that of 0.225. import_torch puts the rest into the first convolution, and turns its channels from RGB into BGR.

What differs from Age-Gender-Pred, and why:

- Ages are a distribution over the years 0 to 100 that adds up to 1. There it had 60 bins, of which the last meant 60 or more,
  with 1 at the peak, a binary cross-entropy in each, and a weight for each. docs/several_tasks.md shows that form, too.
- The loss of gender counts 0.5. It had 0.01 there, beside a mean over the bins; the loss of the years is here a sum over them.
- The solver is Nesterov's, from 0.01 down in a cosine, and a batch has 32 pictures. There it was Adam with 1,024 of them.
- What comes from torchvision is frozen for the first thirtieth of the training. There it was frozen for one or two of 32 epochs.
- BatchNorm keeps 0.9 of its sums in each iteration, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

from caffe_io.caffe_pb2 import PoolingParameter

from .layers import Layers

_FEATURES = 512
_HIDDEN = 512
# ImageNet's mean colour, BGR, and the deviation of one channel.
MEAN = (103.53, 116.28, 123.675)
SCALE = 1 / (255 * 0.225)
# Of each stage: its channels. Each has two blocks.
_STAGES = (64, 128, 256, 512)
BATCH = 32
SOLVER: dict[str, Any] = {"type": "Nesterov", "base_lr": 0.01}
TRAINING: dict[str, Any] = {
    "schedule": {"warm_up": 0.05, "policy": "cosine"},
    "freeze": [{"layers": ["conv1*", "layer*"], "until": 0.03}],
}


def body(layers: Layers, stages: Sequence[int] = _STAGES) -> str:
    """Add everything up to the mean over the map."""
    before = stages[0]
    blob = _max_pooling(layers, layers.convolution("conv1", "data", before, 7, 2))
    for stage, channels in enumerate(stages, start=1):
        for number in (0, 1):
            stride = 2 if channels != before else 1
            blob = _block(layers, f"layer{stage}_{number}", blob, channels, stride)
            before = channels
    return layers.global_average("features", blob)


def head(layers: Layers, task: str, features: str, outputs: int) -> str:
    """Add the hidden layer of a task, and its scores."""
    hidden = layers.relu(layers.inner_product(f"{task}_fc", features, _HIDDEN, std=sqrt(2 / _FEATURES)))
    return layers.inner_product(f"{task}_scores", hidden, outputs, std=0.01)


def _max_pooling(layers: Layers, bottom: str) -> str:
    """Add 3x3 with stride 2, whose windows lie as in Torch: 112x112 become 57x57, and then 56x56."""
    pool = layers.add("pool1", "Pooling", [bottom]).pooling_param
    pool.pool, pool.kernel_size, pool.stride, pool.pad = PoolingParameter.MAX, 3, 2, 1
    size = layers.add("size", "Pooling", ["data"]).pooling_param
    size.pool, size.kernel_size, size.stride = PoolingParameter.MAX, 4, 4
    layers.add("pool1_cut", "Crop", ["pool1", "size"]).crop_param.axis = 2
    return "pool1_cut"


def _block(layers: Layers, name: str, bottom: str, channels: int, stride: int) -> str:
    """Add two convolutions, and beside them the bottom itself or, where the size changes, a 1x1 convolution of it."""
    first = layers.convolution(f"{name}_conv1", bottom, channels, 3, stride)
    second = layers.convolution(f"{name}_conv2", first, channels, 3, relu=False)
    if stride > 1:
        bottom = layers.convolution(f"{name}_downsample", bottom, channels, 1, stride, relu=False)
    return layers.relu(layers.sum(name, second, bottom))
