"""Layers that change height and width: Interp and Upsample."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from caffe_io.parameters.sizes import SizeError, cropped_size, interp_size, upsample_size
from common.messages import shape_text

from ..base import Layer, Shape


class Interp(Layer):
    """Interpolate between pixels; the corners of bottom and top lie on each other (DeepLab, PSPNet).

    N x C x H x W to N x C x the size of caffe_io/parameters/sizes.py. Negative pad_beg and pad_end cut off pixels first.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.interp_param
        try:
            self.inner = cropped_size(p, shapes[0])
            self.size = interp_size(p, shapes)
        except SizeError as error:
            raise self.error(str(error)) from error
        return [(*shapes[0][:2], *self.size)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        begin = -self.param.interp_param.pad_beg
        x = bottoms[0][:, :, begin : begin + self.inner[0], begin : begin + self.inner[1]]
        return [F.interpolate(x, self.size, mode="bilinear", align_corners=True)]


class Upsample(Layer):
    """Repeat each pixel `scale` times (darknet2caffe), or put it where a MAX Pooling took it from (SegNet).

    SegNet's has a second bottom, the mask: the second top of that Pooling, which holds the index of each maximum in its
    channel. All other numbers of the top are 0.
    """

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        try:
            self.size = upsample_size(self.param.upsample_param, shapes)
        except SizeError as error:
            raise self.error(str(error)) from error
        return [(*shapes[0][:2], *self.size)]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        x = bottoms[0]
        if len(bottoms) == 1:
            return [F.interpolate(x, self.size, mode="nearest")]
        mask = bottoms[1].detach().long().flatten(2)
        count = self.size[0] * self.size[1]
        if mask.numel() and not 0 <= int(mask.min()) <= int(mask.max()) < count:
            raise self.error(
                f"its mask points to number {int(mask.max())} of a channel, but its top of {shape_text(self.size)} has "
                f"{count}. Give it the size of the Pooling's bottom (upsample_h, upsample_w)."
            )
        top = x.new_zeros(*x.shape[:2], count).scatter(2, mask, x.flatten(2))
        return [top.reshape(*x.shape[:2], *self.size)]
