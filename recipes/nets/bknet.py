"""BKNet: a VGG for small grey faces, and two hidden layers of its own for each task.

It is the net of truongnmt/multi-task-learning on GitHub: 48x48 grey pictures, and convolutions of 3x3 with BatchNorm in four
blocks, each of which ends in a max pooling. What differs from it, and why:

- Each picture has all the labels that are known about it, and -1 for the others. BKNet had one task a picture. The losses are
  means over the labels that are there, and count alike, as in BKNet.
- Ages are a distribution over the years 0 to 100. BKNet took each year, or each of four classes, as a class of its own.
- The hidden layers begin with He's standard deviation. BKNet's 0.01 lets what passes two layers shrink to a hundredth.
- BatchNorm adds Caffe's 1e-5 to the variance, not 0.001, and keeps 0.9 of its sums in each iteration, not 0.5.
- The learning rate falls by 5 % a hundred times in a training, as in BKNet's longest run, but not every 2,000 iterations: this
  training has 6,000 iterations, that one had 196,000. Batches have 64 pictures, not 128.
- Training pictures are turned by up to 10 degrees, moved and mirrored. BKNet turned every second picture, and moved a picture by
  up to 10 pixels, for which it filled the border with black. Here the picture is 56 pixels wide and 48 are cut out of it.
- The weight decay is BKNet's, 0.01. As there, biases and the Scale layers have none.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from .layers import Layers

# Channels, and how many convolutions have them.
_BLOCKS = ((32, 2), (64, 2), (128, 2), (256, 3))
_HIDDEN = 256
_MAP = 3 * 3 * 256
ITERATIONS = 6000
SOLVER: dict[str, Any] = {
    "type": "Nesterov",
    "base_lr": 0.01,
    "lr_policy": "step",
    "gamma": 0.95,
    "stepsize": ITERATIONS // 100,
    "weight_decay": 0.01,
}
TRAINING: dict[str, Any] = {"augment": {"warp": {"rotate": 10}}}


def body(layers: Layers) -> str:
    """Add the four blocks."""
    blob = "data"
    for block, (channels, count) in enumerate(_BLOCKS, start=1):
        for number in range(1, count + 1):
            blob = layers.convolution(f"conv{block}_{number}", blob, channels, 3)
        blob = layers.max_pooling(f"pool{block}", blob, 2, 2)
    return blob


def head(layers: Layers, task: str, features: str, outputs: int) -> str:
    """Add the two hidden layers of a task, and its scores."""
    blob = features
    for number, inputs in ((1, _MAP), (2, _HIDDEN)):
        blob = layers.inner_product(f"{task}_fc{number}", blob, _HIDDEN, std=sqrt(2 / inputs))
        layers.dropout(layers.relu(blob), 0.5)
    return layers.inner_product(f"{task}_scores", blob, outputs, std=0.01)
