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

    def convolution(
        self, name: str, bottom: str, channels: int, size: int, stride: int = 1, relu: bool = True, group: int = 1
    ) -> str:
        """Add a convolution of odd size that keeps the size of the map, with BatchNorm and Scale, and a ReLU."""
        self.weights(name, bottom, channels, size, stride, pad=size // 2, group=group)
        self.normalise(name)
        return self.relu(name) if relu else name

    def weights(
        self, name: str, bottom: str, channels: int, size: int, stride: int = 1, pad: int = 0, group: int = 1
    ) -> LayerParameter:
        """Add a convolution alone, without a bias; its weights begin as He et al. have it."""
        layer = self.add(name, "Convolution", [bottom], param=[WEIGHT])
        p = layer.convolution_param
        p.num_output, p.bias_term = channels, False
        p.kernel_size.append(size)
        p.stride.append(stride)
        p.pad.append(pad)
        if group > 1:
            p.group = group
        p.weight_filler.type = "msra"
        return layer

    def normalise(self, blob: str, into: str = "") -> str:
        """Add BatchNorm and Scale, in place or into a new blob."""
        top = into or blob
        norm = self.add(f"{top}_bn", "BatchNorm", [blob], [top])
        norm.batch_norm_param.moving_average_fraction = STATISTICS_KEPT
        scale = self.add(f"{top}_scale", "Scale", [top], [top], param=[UNDECAYED, UNDECAYED])
        scale.scale_param.bias_term = True
        return top

    def max_pooling(self, name: str, bottom: str, size: int, stride: int) -> str:
        """Add the maxima of windows. A window that does not fit at the end counts, too, as Caffe has it."""
        pool = self.add(name, "Pooling", [bottom]).pooling_param
        pool.pool, pool.kernel_size, pool.stride = PoolingParameter.MAX, size, stride
        return name

    def local_response(self, name: str, bottom: str) -> str:
        """Add LRN over five channels, as in AlexNet."""
        norm = self.add(name, "LRN", [bottom]).lrn_param
        norm.local_size, norm.alpha, norm.beta = 5, 1e-4, 0.75
        return name

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

    def inner_product(self, name: str, bottom: str, outputs: int, std: float, bias: float = 0) -> str:
        """Add an InnerProduct whose weights begin as a Gaussian of that standard deviation, and its biases as `bias`."""
        layer = self.add(name, "InnerProduct", [bottom], param=[WEIGHT, BIAS])
        p = layer.inner_product_param
        p.num_output = outputs
        p.weight_filler.type, p.weight_filler.std = "gaussian", std
        if bias:
            p.bias_filler.type, p.bias_filler.value = "constant", bias
        return name
