"""Caffe's layers: the table from type to class. A new layer is one class in a file and one line here."""

from __future__ import annotations

from caffe_io.caffe_pb2 import LayerParameter
from common.messages import did_you_mean

from ..errors import LayerError
from .base import Context, Layer
from .batch_norm import BatchNorm
from .concat import Concat, Slice, Tile
from .convolution import Convolution, Deconvolution, DepthwiseConvolution, Im2col
from .crop import Crop
from .data.dummy_data import DummyData
from .data.hdf5_data import HDF5Data
from .data.image_data import ImageData
from .data.input import Input
from .data.lmdb_data import Data
from .data.memory_data import MemoryData
from .eltwise import Eltwise
from .inner_product import InnerProduct
from .losses.accuracy import Accuracy
from .losses.class_losses import HingeLoss, InfogainLoss, MultinomialLogisticLoss
from .losses.loss import SoftmaxWithLoss
from .losses.value_losses import ContrastiveLoss, EuclideanLoss, SigmoidCrossEntropyLoss
from .lrn import LRN
from .mvn import MVN
from .neuron import BNLL, ELU, AbsVal, Clip, Dropout, Exp, Log, Power, ReLU, ReLU6, Sigmoid, Swish, TanH, Threshold
from .plumbing import Parameter, Silence, Split
from .pooling import SPP, Pooling
from .prelu import PReLU
from .reduction import ArgMax, Reduction
from .refused import REFUSED
from .scale import Bias, Scale
from .selection import BatchReindex, Embed, Filter
from .shape import Flatten, Permute, Reshape
from .softmax import Softmax

__all__ = ["LAYERS", "Context", "Layer", "make_layer"]

LAYERS: dict[str, type[Layer]] = {
    "AbsVal": AbsVal,
    "Accuracy": Accuracy,
    "ArgMax": ArgMax,
    "BatchNorm": BatchNorm,
    "BatchReindex": BatchReindex,
    "Bias": Bias,
    "BNLL": BNLL,
    "Clip": Clip,
    "Concat": Concat,
    "ContrastiveLoss": ContrastiveLoss,
    "Convolution": Convolution,
    "ConvolutionDepthwise": DepthwiseConvolution,
    "Crop": Crop,
    "Data": Data,
    "Deconvolution": Deconvolution,
    "DepthwiseConvolution": DepthwiseConvolution,
    "Dropout": Dropout,
    "DummyData": DummyData,
    "Eltwise": Eltwise,
    "ELU": ELU,
    "Embed": Embed,
    "EuclideanLoss": EuclideanLoss,
    "Exp": Exp,
    "Filter": Filter,
    "Flatten": Flatten,
    "HDF5Data": HDF5Data,
    "HingeLoss": HingeLoss,
    "Im2col": Im2col,
    "ImageData": ImageData,
    "InfogainLoss": InfogainLoss,
    "InnerProduct": InnerProduct,
    "Input": Input,
    "Log": Log,
    "LRN": LRN,
    "MemoryData": MemoryData,
    "MultinomialLogisticLoss": MultinomialLogisticLoss,
    "MVN": MVN,
    "Parameter": Parameter,
    "Permute": Permute,
    "Pooling": Pooling,
    "Power": Power,
    "PReLU": PReLU,
    "Reduction": Reduction,
    "ReLU": ReLU,
    "ReLU6": ReLU6,
    "Reshape": Reshape,
    "Scale": Scale,
    "Sigmoid": Sigmoid,
    "SigmoidCrossEntropyLoss": SigmoidCrossEntropyLoss,
    "Silence": Silence,
    "Slice": Slice,
    "Softmax": Softmax,
    "SoftmaxWithLoss": SoftmaxWithLoss,
    "Split": Split,
    "SPP": SPP,
    "Swish": Swish,
    "TanH": TanH,
    "Threshold": Threshold,
    "Tile": Tile,
}


def make_layer(param: LayerParameter, context: Context) -> Layer:
    """The layer that `param` describes. Raises LayerError for a type in REFUSED, with the reason, and for an unknown
    one, with the known ones and the nearest."""
    if param.type in REFUSED:
        raise LayerError(f'layer "{param.name}" is of type {param.type}: {REFUSED[param.type]}')
    if param.type not in LAYERS:
        hint = did_you_mean(param.type, LAYERS)
        raise LayerError(
            f'layer "{param.name}": unknown layer type "{param.type}".{hint} Known types: {", ".join(sorted(LAYERS))}.'
        )
    return LAYERS[param.type](param, context)
