"""Which function computes which kind of stage."""

from __future__ import annotations

from collections.abc import Callable

from ..kinds import KINDS
from ..stage import Stage
from .memory import Memory
from .stages import (
    activation,
    arithmetic,
    arrangement,
    convolution,
    detection,
    normalisation,
    pooling,
    recurrent,
    reduction,
    regions,
    resizing,
)
from .stages.unit import unit

Compute = Callable[[Stage, Memory], None]
_BY_NAME: dict[str, Compute] = {
    "Conv": convolution.convolution,
    "Im2ColConvolution": convolution.convolution,
    "DepthConv": convolution.depthwise,
    "FC": convolution.inner_product,
    "Deconvolution": convolution.deconvolution,
    "DepthDeconv": convolution.depthwise_deconvolution,
    "MyriadXHwOp": unit,
    "MaxPool": pooling.maximum,
    "AvgPool": pooling.average,
    "GlobalMaxPool": pooling.global_maximum,
    "GlobalAvgPool": pooling.global_average,
    "Relu": activation.relu,
    "LeakyRelu": activation.relu,
    "BiasRelu": activation.relu,
    "BiasLeakyRelu": activation.relu,
    "PRelu": activation.prelu,
    "Bias": activation.bias,
    "Scale": activation.scale,
    "ScaleShift": activation.scale_shift,
    "Power": activation.power,
    "Sum": arithmetic.sum_of,
    "Abs": arithmetic.single,
    "Logical_NOT": arithmetic.single,
    "Select": arithmetic.select,
    "GEMM": arithmetic.matrix_product,
    "SoftMax": normalisation.softmax,
    "LRN": normalisation.lrn,
    "InnerLRN": normalisation.inner_lrn,
    "MVN": normalisation.mean_variance,
    "GRN": normalisation.grn,
    "Normalize": normalisation.normalize,
    "Copy": arrangement.copy,
    "Convert": arrangement.convert,
    "Convert_u8f16": arrangement.convert,
    "Convert_f32f16": arrangement.convert,
    "Convert_f16f32": arrangement.convert,
    "Permute": arrangement.permute,
    "Tile": arrangement.tile,
    "Pad": arrangement.pad,
    "Gather": arrangement.gather,
    "StridedSlice": arrangement.strided_slice,
    "TopK": reduction.top_k,
    "Resample": resizing.resample,
    "Interp": resizing.interpolate,
    "Upsampling": resizing.upsampling,
    "RegionYolo": regions.region_yolo,
    "ReorgYolo": regions.reorg_yolo,
    "ROIPooling": regions.roi_pooling,
    "PSROIPooling": regions.psroi_pooling,
    "Proposal": detection.proposal,
    "DetectionOutput": detection.detection_output,
    "LSTMCell": recurrent.lstm_cell,
    "None": lambda _, __: None,
}
_BY_NAME |= dict.fromkeys(activation.FUNCTIONS, activation.activation)
_BY_NAME |= dict.fromkeys(arithmetic.COMBINE, arithmetic.combine)
_BY_NAME |= dict.fromkeys(reduction.REDUCE, reduction.reduce)

FUNCTIONS: dict[int, Compute] = {number: _BY_NAME[kind.name] for number, kind in KINDS.items() if kind.name in _BY_NAME}
"""By the number of the kind."""
