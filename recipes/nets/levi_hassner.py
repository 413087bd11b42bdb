"""LeviHassnerAge and LeviHassnerGender: the nets of Levi and Hassner (2015), each for one task.

They are the nets of GilLevi/AgeGenderDeepLearning on GitHub: a crop of 227 out of 256, three convolutions and three
InnerProducts. All settings of their layers and of their solver are those that were published; prototxt/AgeNet has the
same layers for nine classes. What differs, and why:

- The mean of the training pictures is one number a channel, the mean over the published mean image of Adience. There it was an
  image of 256x256, which another data set would have to make first.
- A test takes 700 pictures, not 50,000.

ivclab/agegenderLMTCNN has the same nets in TensorFlow, where they are not quite the same:

- TensorFlow's pooling leaves out a window that does not fit at the end, and Caffe adds it. The maps after the convolutions
  are 28, 14 and 7 pixels wide here, and 27, 13 and 6 there. So fc6 has 18,816 inputs, not 13,824.
- LRN got Caffe's 5 as TensorFlow's radius there. Its windows are eleven channels wide, and alpha is not divided by them.
- Dropout was off unless somebody asked for it, and the weight decay a hundredth of the one here.

So weights from there fit no net here.
"""

from __future__ import annotations

from typing import Any

from .layers import BIAS, Layers

# Adience's mean colour, BGR.
MEAN = (78.43, 87.77, 114.9)
BATCH = 50
ITERATIONS = 50_000
SOLVER: dict[str, Any] = {
    "type": "SGD",
    "base_lr": 0.001,
    "lr_policy": "step",
    "gamma": 0.1,
    "stepsize": ITERATIONS // 5,
    "test_interval": 1000,
    "snapshot": 1000,
}
OUR_RATE = 0.004


def body(layers: Layers) -> str:
    """Add everything up to the last hidden layer."""
    blob = _convolution(layers, "conv1", "data", 96, 7, stride=4)
    blob = layers.local_response("norm1", layers.max_pooling("pool1", blob, 3, 2))
    blob = _convolution(layers, "conv2", blob, 256, 5, pad=2, bias=1)
    blob = layers.local_response("norm2", layers.max_pooling("pool2", blob, 3, 2))
    blob = _convolution(layers, "conv3", blob, 384, 3, pad=1)
    return hidden(layers, layers.max_pooling("pool5", blob, 3, 2))


def hidden(layers: Layers, blob: str) -> str:
    """Add the two hidden layers."""
    for name in ("fc6", "fc7"):
        blob = layers.relu(layers.inner_product(name, blob, 512, std=0.005, bias=1))
        layers.dropout(blob, 0.5)
    return blob


def head(layers: Layers, task: str, features: str, outputs: int) -> str:
    """Add the scores, which learn ten times as fast as the other layers."""
    name = layers.inner_product(f"{task}_scores", features, outputs, std=0.01)
    for param in layers.net.layer[-1].param:
        param.lr_mult *= 10
    return name


def _convolution(
    layers: Layers, name: str, bottom: str, channels: int, size: int, stride: int = 1, pad: int = 0, bias: float = 0
) -> str:
    """Add a convolution with a bias, and a ReLU."""
    layer = layers.weights(name, bottom, channels, size, stride, pad)
    layer.param.append(BIAS)
    p = layer.convolution_param
    p.bias_term = True
    p.weight_filler.type, p.weight_filler.std = "gaussian", 0.01
    p.bias_filler.type, p.bias_filler.value = "constant", bias
    return layers.relu(name)
