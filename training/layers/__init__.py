"""Caffe's layers: the table from type to class. A new layer is one class in a file and one line here."""

from __future__ import annotations

import difflib

from caffe_io.caffe_pb2 import LayerParameter

from ..errors import LayerError
from .accuracy import Accuracy
from .base import Context, Layer
from .batch_norm import BatchNorm
from .class_losses import HingeLoss, InfogainLoss, MultinomialLogisticLoss
from .convolution import Convolution
from .data import Data
from .inner_product import InnerProduct
from .input import Input
from .loss import SoftmaxWithLoss
from .lrn import LRN
from .mvn import MVN
from .neuron import Dropout, ReLU
from .pooling import Pooling
from .softmax import Softmax
from .value_losses import ContrastiveLoss, EuclideanLoss, SigmoidCrossEntropyLoss

__all__ = ["LAYERS", "Context", "Layer", "make_layer"]

LAYERS: dict[str, type[Layer]] = {
    "Accuracy": Accuracy,
    "BatchNorm": BatchNorm,
    "ContrastiveLoss": ContrastiveLoss,
    "Convolution": Convolution,
    "Data": Data,
    "Dropout": Dropout,
    "EuclideanLoss": EuclideanLoss,
    "HingeLoss": HingeLoss,
    "InfogainLoss": InfogainLoss,
    "InnerProduct": InnerProduct,
    "Input": Input,
    "LRN": LRN,
    "MultinomialLogisticLoss": MultinomialLogisticLoss,
    "MVN": MVN,
    "Pooling": Pooling,
    "ReLU": ReLU,
    "SigmoidCrossEntropyLoss": SigmoidCrossEntropyLoss,
    "Softmax": Softmax,
    "SoftmaxWithLoss": SoftmaxWithLoss,
}


def make_layer(param: LayerParameter, context: Context) -> Layer:
    """The layer that `param` describes. Raises LayerError for an unknown type, with the known ones and the nearest."""
    if param.type not in LAYERS:
        near = difflib.get_close_matches(param.type, LAYERS, 1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise LayerError(
            f'layer "{param.name}": unknown layer type "{param.type}".{hint} Known types: {", ".join(sorted(LAYERS))}.'
        )
    return LAYERS[param.type](param, context)
