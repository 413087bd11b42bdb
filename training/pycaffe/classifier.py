"""pycaffe's Classifier: pictures to classes in one call."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST

from .io import Transformer, resize_image
from .io import oversample as ten_crops
from .net import Net


class Classifier(Net):
    """A net of phase TEST with the preparation of its pictures (see pycaffe_io.Transformer).

    `image_dims`: height and width to which pictures are resized before they are cropped to the net's input (default: the
    input's own).
    """

    def __init__(
        self,
        model_file: str | os.PathLike[str],
        pretrained_file: str | os.PathLike[str],
        image_dims: Sequence[int] | None = None,
        mean: Array | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        name = self.inputs[0]
        self.transformer = Transformer({name: self.blobs[name].shape})
        self.transformer.set_transpose(name, (2, 0, 1))
        if mean is not None:
            self.transformer.set_mean(name, mean)
        if input_scale is not None:
            self.transformer.set_input_scale(name, input_scale)
        if raw_scale is not None:
            self.transformer.set_raw_scale(name, raw_scale)
        if channel_swap is not None:
            self.transformer.set_channel_swap(name, channel_swap)
        self.crop_dims = self.blobs[name].shape[2:]
        self.image_dims = tuple(image_dims or self.crop_dims)

    def predict(self, inputs: Sequence[Array], oversample: bool = True) -> Array:
        """The first output, N x classes, for N pictures (H x W x K, as load_image gives them): the mean over ten crops of each,
        or what it is for the middle."""
        pictures = [resize_image(picture, self.image_dims) for picture in inputs]
        crops = ten_crops(pictures, self.crop_dims)
        if not oversample:
            crops = crops[4::10]
        name = self.inputs[0]
        prepared = np.stack([self.transformer.preprocess(name, crop) for crop in crops])
        found = self.forward_all((), **{name: prepared})[self.outputs[0]]
        return found.reshape(len(pictures), 10, -1).mean(1) if oversample else found
