"""LMTCNN-1-1 and LMTCNN-2-1: a lightweight net for age and gender at once, of Lee et al. (2018).

They are the nets of ivclab/agegenderLMTCNN on GitHub: the first convolution of Levi and Hassner, two blocks of a convolution by
channel and one by pixel, as in MobileNet, and two hidden layers that both tasks share. The numbers in the name multiply the
256 and 384 channels of the blocks. What differs, and why:

- Caffe's pooling adds a window that does not fit at the end; TensorFlow's leaves it out. The maps are 56, 28, 14 and 7 pixels
  wide here, and 56, 27, 14 and 6 there. So fc6 has 18,816 inputs, not 13,824.
- LRN has five channels. There it had eleven; levi_hassner.py says why.
- BatchNorm stands between a convolution and its ReLU, as in MobileNet, and so costs nothing in a compiled net. Scale follows it
  with a factor and a bias. There it came after the ReLU and had only a bias.
- An answer takes BatchNorm's statistics from the training. There it took them from the pictures that were asked about at the
  same time, so an answer depended on its neighbours, and a single picture was normalised by itself.
- Pictures are BGR, with a mean and a scale that are the same for all. There they were RGB, and each was brought to mean 0
  and deviation 1 by itself. Training pictures are cropped and mirrored, but their contrast is not changed.
- Dropout is 0.5, as in Levi and Hassner's nets. There it was off unless somebody asked for it.
- A test takes the middle of the picture, not the whole picture made smaller.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from .layers import BIAS, Layers
from .levi_hassner import hidden

BATCH = 128
ITERATIONS = 50_000
SOLVER: dict[str, Any] = {
    "type": "SGD",
    "base_lr": 0.01,
    "lr_policy": "step",
    "gamma": 0.1,
    "stepsize": ITERATIONS // 5,
    "clip_gradients": 4,
    # 0.0005 there, in a sum that counted a hundredth.
    "weight_decay": 5e-6,
    "test_interval": 1000,
    "snapshot": 1000,
}
OUR_RATE = 0.02


def _body(layers: Layers, first: int, second: int) -> str:
    stem = layers.weights("conv1", "data", 96, 7, 4)
    stem.convolution_param.bias_term = True
    stem.param.append(BIAS)
    blob = layers.max_pooling("pool1", layers.relu("conv1"), 3, 2)
    blob = layers.local_response("norm1", blob)
    blob = _separable(layers, "block1", blob, 96, 256 * first, 1)
    blob = _separable(layers, "block2", blob, 256 * first, 384 * second, 2)
    return hidden(layers, layers.max_pooling("pool2", blob, 3, 2))


def _separable(layers: Layers, name: str, bottom: str, inputs: int, channels: int, stride: int) -> str:
    """Add a convolution of each channel by itself, and one of each pixel."""
    blob = layers.convolution(f"{name}_channels", bottom, inputs, 3, stride, group=inputs)
    return layers.convolution(f"{name}_pixels", blob, channels, 1)


def lmtcnn(first: int, second: int) -> partial[str]:
    """Return the body of the net that multiplies the channels of its blocks by these numbers."""
    return partial(_body, first=first, second=second)
