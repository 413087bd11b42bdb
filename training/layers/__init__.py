"""Caffe's layers: the table from type to class. A new layer is one class in a file and one line here."""

from __future__ import annotations

import difflib

from caffe_io.caffe_pb2 import LayerParameter

from ..errors import LayerError
from .accuracy import Accuracy
from .base import Context, Layer
from .convolution import Convolution
from .data import Data
from .inner_product import InnerProduct
from .input import Input
from .loss import SoftmaxWithLoss
from .lrn import LRN
from .neuron import Dropout, ReLU
from .pooling import Pooling
from .softmax import Softmax

__all__ = ["LAYERS", "Context", "Layer", "make_layer"]

LAYERS: dict[str, type[Layer]] = {
    "Accuracy": Accuracy,
    "Convolution": Convolution,
    "Data": Data,
    "Dropout": Dropout,
    "InnerProduct": InnerProduct,
    "Input": Input,
    "LRN": LRN,
    "Pooling": Pooling,
    "ReLU": ReLU,
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
