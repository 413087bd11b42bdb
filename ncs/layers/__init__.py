"""The Caffe layers that the converter knows: one line here, one function in a file of this package.

A function takes the layer and its bottoms and returns its tops (layer.Build). It computes what Caffe's TEST phase
computes, with operations of OpenVINO's opset1 alone, for the MYRIAD compiler knows few others.
"""

from __future__ import annotations

from .activation import bnll, clip, dropout, elu, prelu, relu, relu6, sigmoid, swish, tanh, threshold
from .arithmetic import absval, eltwise, exp, log, power
from .arrangement import concat, crop, flatten, parameter, permute, reshape, silence, slice_, split, tile
from .convolution import convolution, deconvolution, depthwise_convolution
from .inner_product import inner_product
from .layer import Build, Layer
from .normalisation import lrn, mvn, softmax
from .pooling import pooling
from .reduction import arg_max, reduction
from .refused import LEFT_OUT, REFUSED
from .scaling import batch_norm, bias, scale

__all__ = ["BOTTOMS", "LAYERS", "LEFT_OUT", "REFUSED", "Build", "Layer"]

LAYERS: dict[str, Build] = {
    "AbsVal": absval,
    "ArgMax": arg_max,
    "BNLL": bnll,
    "BatchNorm": batch_norm,
    "Bias": bias,
    "Clip": clip,
    "Concat": concat,
    "Convolution": convolution,
    "ConvolutionDepthwise": depthwise_convolution,
    "Crop": crop,
    "Deconvolution": deconvolution,
    "DepthwiseConvolution": depthwise_convolution,
    "Dropout": dropout,
    "ELU": elu,
    "Eltwise": eltwise,
    "Exp": exp,
    "Flatten": flatten,
    "InnerProduct": inner_product,
    "LRN": lrn,
    "Log": log,
    "MVN": mvn,
    "PReLU": prelu,
    "Parameter": parameter,
    "Permute": permute,
    "Pooling": pooling,
    "Power": power,
    "ReLU": relu,
    "ReLU6": relu6,
    "Reduction": reduction,
    "Reshape": reshape,
    "Scale": scale,
    "Sigmoid": sigmoid,
    "Silence": silence,
    "Slice": slice_,
    "Softmax": softmax,
    "Split": split,
    "Swish": swish,
    "TanH": tanh,
    "Threshold": threshold,
    "Tile": tile,
}

_ANY = 10**6
BOTTOMS: dict[str, tuple[int, int]] = {
    "Bias": (1, 2),
    "Concat": (1, _ANY),
    "Convolution": (1, _ANY),
    "ConvolutionDepthwise": (1, _ANY),
    "Crop": (2, 2),
    "Deconvolution": (1, _ANY),
    "DepthwiseConvolution": (1, _ANY),
    "Eltwise": (2, _ANY),
    "Parameter": (0, 0),
    "Scale": (1, 2),
    "Silence": (1, _ANY),
}
"""The fewest and the most bottoms, where they are not exactly one."""
