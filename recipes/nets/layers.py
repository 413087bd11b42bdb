"""Adds layers to a NetParameter, with the settings that the networks about faces have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caffe_io.caffe_pb2 import EltwiseParameter, LayerParameter, NetParameter, ParamSpec, PoolingParameter

STATISTICS_KEPT = 0.9
"""The share of BatchNorm's sums that stays in each iteration. Caffe's 0.999 remembers a thousand iterations: after a short
training the statistics would be those of weights long gone, and the answers much too flat."""
WEIGHT = ParamSpec(lr_mult=1, decay_mult=1)
BIAS = ParamSpec(lr_mult=2, decay_mult=0)
UNDECAYED = ParamSpec(lr_mult=1, decay_mult=0)


class Layers:
    """Adds layers to a net; each method returns the name of the blob that its layers make."""

    def __init__(self, net: NetParameter) -> None:
        self.net = net

    def add(
        self, name: str, kind: str, bottoms: Sequence[str], tops: Sequence[str] = (), **settings: Any
    ) -> LayerParameter:
        """Add a layer; its top has its name unless `tops` says otherwise."""
        return self.net.layer.add(name=name, type=kind, bottom=bottoms, top=tops or [name], **settings)

    def relu(self, blob: str) -> str:
        """Add a ReLU in place."""
        self.add(f"{blob}_relu", "ReLU", [blob], [blob])
        return blob

    def convolution(self, name: str, bottom: str, channels: int, size: int, stride: int = 1, relu: bool = True) -> str:
        """Add a convolution of odd size that keeps the size of the map, with BatchNorm and Scale, and a ReLU."""
        layer = self.add(name, "Convolution", [bottom], param=[WEIGHT])
        p = layer.convolution_param
        p.num_output, p.bias_term = channels, False
        p.kernel_size.append(size)
        p.stride.append(stride)
        p.pad.append(size // 2)
        p.weight_filler.type = "msra"
        self.normalise(name)
        return self.relu(name) if relu else name

    def normalise(self, blob: str) -> str:
        """Add BatchNorm and Scale in place."""
        norm = self.add(f"{blob}_bn", "BatchNorm", [blob], [blob])
        norm.batch_norm_param.moving_average_fraction = STATISTICS_KEPT
        scale = self.add(f"{blob}_scale", "Scale", [blob], [blob], param=[UNDECAYED, UNDECAYED])
        scale.scale_param.bias_term = True
        return blob

    def sum(self, name: str, first: str, second: str) -> str:
        """Add two maps."""
        total = self.add(name, "Eltwise", [first, second])
        total.eltwise_param.operation = EltwiseParameter.SUM
        return name

    def global_average(self, name: str, bottom: str) -> str:
        """Add the mean over the map."""
        pool = self.add(name, "Pooling", [bottom])
        pool.pooling_param.pool, pool.pooling_param.global_pooling = PoolingParameter.AVE, True
        return name

    def dropout(self, blob: str, ratio: float) -> str:
        """Add Dropout in place; `ratio` is the share that is dropped."""
        layer = self.add(f"{blob}_dropout", "Dropout", [blob], [blob])
        layer.dropout_param.dropout_ratio = ratio
        return blob

    def inner_product(self, name: str, bottom: str, outputs: int, std: float) -> str:
        """Add an InnerProduct whose weights begin as a Gaussian of that standard deviation."""
        layer = self.add(name, "InnerProduct", [bottom], param=[WEIGHT, BIAS])
        layer.inner_product_param.num_output = outputs
        layer.inner_product_param.weight_filler.type = "gaussian"
        layer.inner_product_param.weight_filler.std = std
        return name
