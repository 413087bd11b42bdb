"""Normalize: division by a norm, and a learnt factor."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from caffe_io.caffe_pb2 import FillerParameter
from caffe_io.parameters.fillers import DEFAULT_FILL
from common.messages import shape_text

from ..base import Layer, Shape


class Normalize(Layer):
    """Compute factor * x / sqrt(eps + sum of squares).

    The sum is over a picture's channels and pixels with across_spatial, otherwise over the channels of each pixel. The
    factor is one number for each channel, or with channel_shared one for all; it is a weight, filled with 1 by default. From
    the SSD fork (Liu et al. 2016; the layer is that of ParseNet, Liu et al. 2015).
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p, shape = self.param.norm_param, shapes[0]
        if not 2 <= len(shape) <= 4:
            raise self.error(f"expected a bottom of 2 to 4 axes (N x C x H x W); found {shape_text(shape)}.")
        if not self.param.HasField("norm_param") and math.prod(shape[2:]) != 1:
            raise self.error(
                f"has no norm_param, and its bottom is {shape_text(shape)}. Forks disagree about what is normalised then: "
                "write norm_param { across_spatial: true } for the whole picture, or false for each pixel."
            )
        filler = p.scale_filler if p.HasField("scale_filler") else FillerParameter(value=DEFAULT_FILL["Normalize"])
        self.add_blob(() if p.channel_shared else (shape[1],), filler)
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p, x = self.param.norm_param, bottoms[0].float()
        axes = tuple(range(1, x.dim())) if p.across_spatial else (1,)
        norm = (x.square().sum(axes, keepdim=True) + p.eps).sqrt()
        return [x / norm * self.blobs[0].reshape(-1, *(1,) * (x.dim() - 2))]
