"""BN, which does the work of BatchNorm and Scale; two forks have one of that name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from openvino import Output

from caffe_io.caffe_pb2 import BNParameter
from caffe_io.parameters.batch_norm import as_vectors, is_segnets

from ..layer import TrainedLayer, shape
from ..scaling import affine, broadcast


def bn(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute slope (x - mean) / sqrt(variance + eps) + bias; SegNet's has the statistics in scale and shift already."""
    p, dims = layer.parameter.bn_param, shape(inputs[0])
    if len(dims) < 2:
        raise layer.error("expected a bottom with channels at axis 1.")
    flat = replace(layer, blobs=as_vectors(layer.blobs))
    slope, bias = flat.weight(0, dims[1]), flat.weight(1, dims[1])
    if is_segnets(p) and p.bn_mode == BNParameter.LEARN:
        raise layer.error(
            "bn_mode is LEARN, which uses the statistics of each batch. Put them into the caffemodel with SegNet's "
            "compute_bn_statistics.py, and write bn_mode: INFERENCE."
        )
    if not is_segnets(p):
        if not p.frozen:
            layer.refuse_training("use the statistics of each batch")
        mean, variance = flat.weight(2, dims[1]), flat.weight(3, dims[1])
        slope = (slope / np.sqrt(variance + np.float32(p.eps))).astype(np.float32)
        bias = bias - mean * slope
    return [affine(layer, inputs[0], broadcast(slope, dims, 1), broadcast(bias, dims, 1))]
