"""The Caffe layers that ncs converts: a line here and a function in a file of this package.

A function takes the layer and its bottoms and returns its tops (layer.Build). It computes what Caffe's TEST phase
computes, using only operations of OpenVINO's opset1, because the MYRIAD compiler knows few others. Input, which has no
bottoms, is made by ncs/converter.py. What else is known of a type stands in its row of caffe_io/layer_types.py.
"""

from __future__ import annotations

from .activation import bnll, clip, dropout, elu, prelu, relu, relu6, sigmoid, swish, tanh, threshold
from .arithmetic import absval, eltwise, exp, log, power
from .arrangement import concat, crop, flatten, parameter, permute, reshape, silence, slice_, split, tile
from .convolution import convolution, deconvolution, depthwise_convolution
from .inner_product import inner_product
from .layer import Build, TrainedLayer
from .normalisation import lrn, mvn, softmax
from .pooling import pooling
from .recurrent import lstm, lstm_unit, rnn
from .reduction import arg_max, reduction
from .scaling import batch_norm, bias, scale

__all__ = ["LAYERS", "Build", "TrainedLayer"]

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
    "LSTM": lstm,
    "LSTMUnit": lstm_unit,
    "Log": log,
    "MVN": mvn,
    "PReLU": prelu,
    "Parameter": parameter,
    "Permute": permute,
    "Pooling": pooling,
    "Power": power,
    "RNN": rnn,
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
