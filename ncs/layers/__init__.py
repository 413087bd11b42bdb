"""The Caffe layers that the converter knows: one line here, one function in a file of this package.

A function takes the layer and its bottoms and returns its tops (layer.Build). It computes what Caffe's TEST phase
computes, with operations of OpenVINO's opset1 alone, for the MYRIAD compiler knows few others.
"""

from __future__ import annotations

from .activation import dropout, elu, power, prelu, relu, sigmoid, tanh
from .arrangement import concat, eltwise, flatten, reshape, split
from .convolution import convolution
from .inner_product import inner_product
from .layer import Build, Layer
from .normalisation import batch_norm, lrn, scale, softmax
from .pooling import pooling

__all__ = ["LAYERS", "Build", "Layer"]

LAYERS: dict[str, Build] = {
    "BatchNorm": batch_norm,
    "Concat": concat,
    "Convolution": convolution,
    "Dropout": dropout,
    "ELU": elu,
    "Eltwise": eltwise,
    "Flatten": flatten,
    "InnerProduct": inner_product,
    "LRN": lrn,
    "PReLU": prelu,
    "Pooling": pooling,
    "Power": power,
    "ReLU": relu,
    "Reshape": reshape,
    "Scale": scale,
    "Sigmoid": sigmoid,
    "Softmax": softmax,
    "Split": split,
    "TanH": tanh,
}
