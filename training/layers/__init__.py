"""Caffe's layers: the table from type to class.

A new layer is its row in caffe_io/layer_types.py, a class in a file of this package, and a line here.
"""

from __future__ import annotations

from caffe_io.caffe_pb2 import LayerParameter
from caffe_io.layer_types import layer_type
from caffe_io.text.mistakes import unknown_type

from ..errors import LayerError
from .arrangement import Concat, Crop, Flatten, Parameter, Permute, Reshape, Silence, Slice, Split, Tile
from .base import Context, Layer, PythonCode
from .convolution import Convolution, Deconvolution, DepthwiseConvolution, Im2col
from .data.dummy_data import DummyData
from .data.hdf5_data import HDF5Data
from .data.image_data import ImageData
from .data.input import Input
from .data.lmdb_data import Data
from .data.memory_data import MemoryData
from .data.window_data import WindowData
from .detection.detection_evaluate import DetectionEvaluate
from .detection.detection_output import DetectionOutput
from .detection.multi_box_loss import MultiBoxLoss
from .detection.normalize import Normalize
from .detection.prior_box import PriorBox
from .detection.proposal import Proposal
from .detection.regions import PSROIPooling, ROIPooling
from .detection.yolo import YoloDetectionOutput, Yolov3DetectionOutput
from .eltwise import Eltwise
from .forks.batch_norm import BN
from .forks.channels import Axpy, Reorg, ShuffleChannel
from .forks.neuron import HardSigmoid, HardSwish, Mish
from .forks.region import NormL2, RegionYolo
from .forks.resizing import Interp, Upsample
from .inner_product import InnerProduct
from .losses.accuracy import Accuracy
from .losses.class_losses import HingeLoss, InfogainLoss, MultinomialLogisticLoss
from .losses.hard_examples import BoxAnnotatorOHEM, SmoothL1LossOHEM, SoftmaxWithLossOHEM
from .losses.loss import SoftmaxWithLoss
from .losses.value_losses import ContrastiveLoss, EuclideanLoss, SigmoidCrossEntropyLoss, SmoothL1Loss
from .neuron import (
    BNLL,
    ELU,
    AbsVal,
    Clip,
    Dropout,
    Exp,
    Log,
    Power,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    Swish,
    TanH,
    Threshold,
)
from .normalisation import LRN, MVN, BatchNorm, Softmax
from .pooling import SPP, Pooling
from .python_layer import Python
from .recurrent.unit import LSTMUnit
from .recurrent.unrolled import LSTM, RNN
from .reduction import ArgMax, Reduction
from .scaling import Bias, Scale
from .selection import BatchReindex, Embed, Filter

__all__ = ["LAYERS", "Context", "Layer", "PythonCode", "make_layer"]

LAYERS: dict[str, type[Layer]] = {
    "AbsVal": AbsVal,
    "Accuracy": Accuracy,
    "ArgMax": ArgMax,
    "Axpy": Axpy,
    "BatchNorm": BatchNorm,
    "BatchReindex": BatchReindex,
    "Bias": Bias,
    "BN": BN,
    "BNLL": BNLL,
    "BoxAnnotatorOHEM": BoxAnnotatorOHEM,
    "Clip": Clip,
    "Concat": Concat,
    "ContrastiveLoss": ContrastiveLoss,
    "Convolution": Convolution,
    "ConvolutionDepthwise": DepthwiseConvolution,
    "Crop": Crop,
    "Data": Data,
    "Deconvolution": Deconvolution,
    "DepthwiseConvolution": DepthwiseConvolution,
    "DetectionEvaluate": DetectionEvaluate,
    "DetectionOutput": DetectionOutput,
    "Dropout": Dropout,
    "DummyData": DummyData,
    "Eltwise": Eltwise,
    "ELU": ELU,
    "Embed": Embed,
    "EuclideanLoss": EuclideanLoss,
    "Exp": Exp,
    "Filter": Filter,
    "Flatten": Flatten,
    "HardSigmoid": HardSigmoid,
    "HardSwish": HardSwish,
    "HDF5Data": HDF5Data,
    "HingeLoss": HingeLoss,
    "Im2col": Im2col,
    "ImageData": ImageData,
    "InfogainLoss": InfogainLoss,
    "InnerProduct": InnerProduct,
    "Input": Input,
    "Interp": Interp,
    "Log": Log,
    "LRN": LRN,
    "LSTM": LSTM,
    "LSTMUnit": LSTMUnit,
    "MemoryData": MemoryData,
    "Mish": Mish,
    "MultiBoxLoss": MultiBoxLoss,
    "MultinomialLogisticLoss": MultinomialLogisticLoss,
    "MVN": MVN,
    "Normalize": Normalize,
    "NormL2": NormL2,
    "Parameter": Parameter,
    "Permute": Permute,
    "Pooling": Pooling,
    "Power": Power,
    "PReLU": PReLU,
    "Proposal": Proposal,
    "PSROIPooling": PSROIPooling,
    "PriorBox": PriorBox,
    "PriorBoxClustered": PriorBox,
    "Reduction": Reduction,
    "RegionYolo": RegionYolo,
    "ReLU": ReLU,
    "ReLU6": ReLU6,
    "Reorg": Reorg,
    "ReorgYolo": Reorg,
    "Reshape": Reshape,
    "RNN": RNN,
    "ROIPooling": ROIPooling,
    "Scale": Scale,
    "ShuffleChannel": ShuffleChannel,
    "Sigmoid": Sigmoid,
    "SigmoidCrossEntropyLoss": SigmoidCrossEntropyLoss,
    "Silence": Silence,
    "Slice": Slice,
    "Softmax": Softmax,
    "SmoothL1Loss": SmoothL1Loss,
    "SmoothL1LossOHEM": SmoothL1LossOHEM,
    "SoftmaxWithLoss": SoftmaxWithLoss,
    "SoftmaxWithLossOHEM": SoftmaxWithLossOHEM,
    "Split": Split,
    "SPP": SPP,
    "Swish": Swish,
    "TanH": TanH,
    "Threshold": Threshold,
    "Tile": Tile,
    "Upsample": Upsample,
    "WindowData": WindowData,
    "YoloDetectionOutput": YoloDetectionOutput,
    "Yolov3DetectionOutput": Yolov3DetectionOutput,
}


def make_layer(param: LayerParameter, context: Context) -> Layer:
    """Make the layer that `param` describes.

    Raises LayerError for a type that is refused, with the reason, and for an unknown one, with the nearest and all known.
    """
    if param.type == "Python" and context.python_code.allows(param.python_param.module):
        return Python(param, context)
    if reason := layer_type(param.type).not_trained:
        raise LayerError(f'layer "{param.name}" is of type {param.type}: {reason}')
    if param.type not in LAYERS:
        advice = unknown_type(param.type, LAYERS)
        raise LayerError(f'layer "{param.name}": unknown layer type "{param.type}". {advice}')
    return LAYERS[param.type](param, context)
