"""PReLU."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from caffe_io.caffe_pb2 import FillerParameter

from .base import Layer, Shape


class PReLU(Layer):
    """max(x, 0) + slope * min(x, 0), one slope for each channel, or one for all (channel_shared); they begin at 0.25
    (He et al. 2015)."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.prelu_param
        if len(shapes[0]) < 2:
            raise self.error(f"wants a bottom of 2 or more axes, channels at axis 1; found {list(shapes[0])}.")
        filler = p.filler if p.HasField("filler") else FillerParameter(value=0.25)
        self.add_blob(() if p.channel_shared else (shapes[0][1],), filler)
        return shapes

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        return [F.prelu(bottoms[0], self.blobs[0].reshape(-1))]
