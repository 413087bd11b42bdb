"""WideResNet-16-8, -16-4 and -10-2: wide residual nets of Zagoruyko and Komodakis (2016), by depth and width.

They are the nets of yu4u/age-gender-estimation on GitHub, in its version for pictures of 64x64: a convolution of 16 channels,
three stages of (depth - 4) / 6 blocks with 16, 32 and 64 times the width, and BatchNorm and ReLU before each convolution. What
differs, and why:

- The features are the mean over the map, as in the paper. There a mean of 8x8 moved over the map of 16x16 by a pixel at a time,
  which keeps its size, so that the heads of WideResNet-16-8 had 13.5 of its 24.5 million weights. This one has 11 million.
- Ages are learnt as distributions over the years 0 to 100. There each year was a class of its own. The answer is the expected
  age, as there. 0 is male here and female there.
- Pictures have 0 as their mean. There they were 0 to 255, and the first BatchNorm had to see to it.
- The heads have a bias, and begin smaller.
- The pictures are 72x72, of which training sees a random 64x64 and its mirror image, with a part erased in every second picture.
  There, augmentation was an option: it moved pictures by up to a tenth, mirrored, erased, and mixed pairs, which is left out.
- BatchNorm keeps 0.9 of its sums in each iteration, not 0.99, since a training here is short.

As there, the learning rate is a fifth in each quarter of the training of what it was in the quarter before.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from .layers import Layers

BATCH = 32
# 30 epochs, as there, of some 2,600 pictures.
ITERATIONS = 2400
SOLVER: dict[str, Any] = {
    "type": "Nesterov",
    "base_lr": 0.1,
    "lr_policy": "multistep",
    "gamma": 0.2,
    # Keras adds 0.0005 times the squares to the loss, and Caffe half of that.
    "weight_decay": 0.001,
    "stepvalue": [ITERATIONS // 4, ITERATIONS // 2, ITERATIONS * 3 // 4],
}
TRAINING: dict[str, Any] = {"augment": {"erase": {"probability": 0.5, "area": [0.02, 0.4]}}}


def _activated(layers: Layers, blob: str, into: str) -> str:
    return layers.relu(layers.normalise(blob, into))


def _block(layers: Layers, name: str, bottom: str, channels: int, stride: int, first: bool) -> str:
    """Add two convolutions, and beside them the bottom or, in the first block of a stage, a 1x1 convolution."""
    start = _activated(layers, bottom, f"{name}_start")
    short = bottom
    if first:
        short = f"{name}_short"
        layers.weights(short, start, channels, 1, stride)
    layers.weights(f"{name}_a", start, channels, 3, stride, pad=1)
    layers.normalise(f"{name}_a")
    layers.weights(f"{name}_b", layers.relu(f"{name}_a"), channels, 3, pad=1)
    return layers.sum(name, f"{name}_b", short)


def _body(layers: Layers, depth: int, width: int) -> str:
    layers.weights("stem", "data", 16, 3, pad=1)
    blob = "stem"
    for stage in (1, 2, 3):
        for number in range(1, (depth - 4) // 6 + 1):
            first = number == 1
            stride = 2 if first and stage > 1 else 1
            blob = _block(layers, f"stage{stage}_{number}", blob, 8 * width * 2**stage, stride, first)
    return layers.global_average("features", _activated(layers, blob, "activated"))


def wide_resnet(depth: int, width: int) -> partial[str]:
    """Return the body of the net with so many layers, and so many times the channels of a ResNet of that depth."""
    return partial(_body, depth=depth, width=width)
