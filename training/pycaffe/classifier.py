"""pycaffe's Classifier: from pictures to classes in one call."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST

from .io import make_transformer, resize_image
from .io import oversample as ten_crops
from .net import Net


class Classifier(Net):
    """A net of phase TEST that prepares its pictures with an io.Transformer.

    `image_dims` is the height and width to which pictures are resized before they are cropped to the net's input; the default
    is the input's own size. `mean`, `input_scale`, `raw_scale` and `channel_swap` are as in io.Transformer.
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
        shape = self.blobs[name].shape
        self.transformer = make_transformer(name, shape, mean, input_scale, raw_scale, channel_swap)
        self.crop_dims = self.blobs[name].shape[2:]
        self.image_dims = tuple(image_dims or self.crop_dims)

    def predict(self, inputs: Sequence[Array], oversample: bool = True) -> Array:
        """Return the first output, N x classes, for N pictures (H x W x K, from load_image).

        With `oversample` it is the mean over ten crops of each picture, else that of the centre crop.
        """
        pictures = [resize_image(picture, self.image_dims) for picture in inputs]
        crops = ten_crops(pictures, self.crop_dims)
        if not oversample:
            # The fifth of each picture's ten crops is the centre.
            crops = crops[4::10]
        name = self.inputs[0]
        prepared = np.stack([self.transformer.preprocess(name, crop) for crop in crops])
        output = self.forward_all((), **{name: prepared})[self.outputs[0]]
        return output.reshape(len(pictures), 10, -1).mean(1) if oversample else output
