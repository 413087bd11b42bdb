"""Transform records into the net's input as Caffe's transform_param says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TransformationParameter
from caffe_io.mean import read_mean
from common.messages import shape_text

from ...errors import TrainingError


class DataTransformer:
    """Computes (pixel - mean) * scale and crops: at random in TRAIN, at the centre in TEST.

    `mirror` flips half of the pictures at random, in TEST as well, as in Caffe.

    Raises TrainingError where Caffe refuses: mean_file together with mean_value, a mean of another size than the records,
    a crop larger than the picture.
    """

    def __init__(self, param: TransformationParameter, training: bool, shape: tuple[int, int, int]) -> None:
        self._param = param
        self._training = training
        self._shape = shape
        self._mean = self._read_mean()
        if max(param.crop_size, 0) > min(shape[1:]):
            raise TrainingError(f"crop_size {param.crop_size} is larger than the records, which are {_size(shape)}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a transformed picture."""
        crop = self._param.crop_size
        return (self._shape[0], crop, crop) if crop else self._shape

    def __call__(self, pictures: list[npt.NDArray[np.generic]], random: np.random.Generator) -> Array:
        """Make one N x C x H x W float32 array of N pictures (channels x height x width, BGR).

        `random` draws crops and mirrors. In memory the array is channels last, because the convolutions are faster then.
        """
        channels, height, width = self.shape
        batch = np.empty((len(pictures), height, width, channels), np.float32).transpose(0, 3, 1, 2)
        for out, picture in zip(batch, pictures, strict=True):
            rows, columns = self._window(picture.shape, random)
            mean = self._mean if self._mean.ndim < 3 or self._mean.shape[1] == 1 else self._mean[:, rows, columns]
            flip = self._param.mirror and bool(random.integers(2))
            np.subtract(picture[:, rows, columns], mean, out=out[:, :, ::-1] if flip else out)
        if self._param.scale != 1:
            batch *= self._param.scale
        return batch

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Say whether a picture of `shape` fits. Only a crop without mean_file takes several sizes."""
        crop = self._param.crop_size
        takes_several = crop and not self._param.mean_file
        return shape == self._shape or bool(takes_several and shape[0] == self._shape[0] and min(shape[1:]) >= crop)

    def check(self, shape: tuple[int, ...], record: str) -> None:
        """Raise TrainingError if a record of `shape` does not fit."""
        if not self.takes(shape):
            raise TrainingError(
                f"{record}: is {_size(shape)}, but the first record is {_size(self._shape)}; a batch needs one size. "
                "Make the LMDB again with --resize_height and --resize_width, or give ImageData new_height and new_width."
            )

    def _window(self, shape: tuple[int, ...], random: np.random.Generator) -> tuple[slice, slice]:
        crop, (_, height, width) = self._param.crop_size, shape
        if not crop:
            return slice(height), slice(width)
        if self._training:
            top, left = int(random.integers(height - crop + 1)), int(random.integers(width - crop + 1))
        else:
            top, left = (height - crop) // 2, (width - crop) // 2
        return slice(top, top + crop), slice(left, left + crop)

    def _read_mean(self) -> Array:
        p, (channels, *_) = self._param, self._shape
        if p.HasField("mean_file") and p.mean_value:
            raise TrainingError("transform_param has both mean_file and mean_value; write one of them.")
        if p.HasField("mean_file"):
            mean = read_mean(p.mean_file)
            if mean.shape != self._shape:
                raise TrainingError(
                    f"{p.mean_file}: the mean is {_size(mean.shape)}, but the records are {_size(self._shape)}. "
                    "Make the mean from the same LMDB with ./create_mean.sh."
                )
            return mean
        if len(p.mean_value) not in (0, 1, channels):
            raise TrainingError(
                f"transform_param has {len(p.mean_value)} mean_value; expected one, or one for each of {channels} channels."
            )
        return np.array(list(p.mean_value) or [0.0], np.float32).reshape(-1, 1, 1)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape_text(shape)} (channels x height x width)"
