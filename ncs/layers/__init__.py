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
from .detection import detection_output, normalize, prior_box
from .forks.batch_norm import bn
from .forks.channels import axpy, reorg, shuffle_channel
from .forks.neuron import hard_sigmoid, hard_swish, mish
from .forks.region import norm_l2, region_yolo
from .forks.resizing import interp, upsample
from .inner_product import inner_product
from .layer import Build, TrainedLayer
from .normalisation import lrn, mvn, softmax
from .pooling import pooling
from .recurrent import lstm, lstm_unit, rnn
from .reduction import arg_max, reduction
from .regions import proposal, psroi_pooling, roi_pooling
from .scaling import batch_norm, bias, scale

__all__ = ["LAYERS", "Build", "TrainedLayer"]

LAYERS: dict[str, Build] = {
    "AbsVal": absval,
    "ArgMax": arg_max,
    "Axpy": axpy,
    "BN": bn,
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
    "DetectionOutput": detection_output,
    "Dropout": dropout,
    "ELU": elu,
    "Eltwise": eltwise,
    "Exp": exp,
    "Flatten": flatten,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "InnerProduct": inner_product,
    "Interp": interp,
    "LRN": lrn,
    "LSTM": lstm,
    "LSTMUnit": lstm_unit,
    "Log": log,
    "MVN": mvn,
    "Mish": mish,
    "NormL2": norm_l2,
    "Normalize": normalize,
    "PReLU": prelu,
    "PSROIPooling": psroi_pooling,
    "Parameter": parameter,
    "Permute": permute,
    "Pooling": pooling,
    "Power": power,
    "ROIPooling": roi_pooling,
    "RNN": rnn,
    "PriorBox": prior_box,
    "PriorBoxClustered": prior_box,
    "Proposal": proposal,
    "ReLU": relu,
    "ReLU6": relu6,
    "Reduction": reduction,
    "RegionYolo": region_yolo,
    "Reorg": reorg,
    "ReorgYolo": reorg,
    "Reshape": reshape,
    "Scale": scale,
    "ShuffleChannel": shuffle_channel,
    "Sigmoid": sigmoid,
    "Silence": silence,
    "Slice": slice_,
    "Softmax": softmax,
    "Split": split,
    "Swish": swish,
    "TanH": tanh,
    "Threshold": threshold,
    "Tile": tile,
    "Upsample": upsample,
}
