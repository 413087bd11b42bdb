"""pycaffe's `caffe.io` for scripts: pictures to blobs and back. Pictures here are height x width x channels, RGB, from 0 to 1.

The numbers are those of Caffe 1.0 with scikit-image 0.18; its versions before 0.15 did not smooth before they made a picture
smaller.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from caffe_io.blobs import Array, blob_to_array
from caffe_io.caffe_pb2 import BlobProto, Datum

from ..errors import TrainingError

_LUMINANCE = np.array([0.2125, 0.7154, 0.0721], np.float32)


def load_image(filename: str | os.PathLike[str], color: bool = True) -> Array:
    """A picture file as H x W x 3, or with color=False as H x W x 1. Raises TrainingError if it is none."""
    import cv2

    found = cv2.imread(os.fspath(filename), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise TrainingError(f"{filename}: cannot be read as a picture.")
    picture = np.asarray(found / (255 if found.dtype == np.uint8 else 65535), np.float32)
    if picture.ndim == 2:
        return np.repeat(picture[:, :, None], 3 if color else 1, axis=2)
    picture = np.ascontiguousarray(picture[:, :, 2::-1])  # BGR (and alpha) to RGB
    return picture if color else (picture @ _LUMINANCE)[:, :, None]


def resize_image(im: Array, new_dims: Sequence[int], interp_order: int = 1) -> Array:
    """H x W x K to new_dims (height, width) by linear interpolation; other orders are not known here.

    With 1 or 3 channels what lies outside counts as the picture's least number, and a picture that becomes smaller is
    smoothed first; with other counts of channels the corners stay corners.
    """
    if interp_order != 1:
        raise TrainingError(f"interp_order {interp_order}: only linear interpolation (1) is known here.")
    make = _smooth_weights if im.shape[-1] in (1, 3) else _corner_weights
    rows, columns = (make(old, int(new)) for old, new in zip(im.shape[:2], new_dims, strict=True))
    least = float(im.min())
    found = np.einsum("hr,rck,wc->hwk", rows, im - least, columns, optimize=True)
    return np.asarray(found + least, np.float32)


def oversample(images: Iterable[Array], crop_dims: Sequence[int]) -> Array:
    """Ten crops of each picture: the four corners, the middle, and their mirror images."""
    crops = []
    for image in images:
        height, width = (int(size) for size in crop_dims)
        bottom, right = image.shape[0] - height, image.shape[1] - width
        places = [(0, 0), (0, right), (bottom, 0), (bottom, right), (int(bottom / 2), int(right / 2))]
        five = [image[top : top + height, left : left + width] for top, left in places]
        crops += five + [crop[:, ::-1] for crop in five]
    return np.stack(crops).astype(np.float32)


class Transformer:
    """How pictures become a net's inputs. `inputs`: name -> shape, such as {"data": net.blobs["data"].data.shape}.

    What is not set is not done. The order: resize, transpose, channel_swap, raw_scale, mean, input_scale.
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]) -> None:
        self.inputs = {name: tuple(shape) for name, shape in inputs.items()}
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, float] = {}
        self.mean: dict[str, Array] = {}
        self.input_scale: dict[str, float] = {}

    def preprocess(self, in_: str, data: npt.NDArray[np.generic]) -> Array:
        """A picture (H x W x K) as K x height x width of the input `in_`."""
        found = data.astype(np.float32)
        if found.shape[:2] != self._shape(in_)[2:]:
            found = resize_image(found, self._shape(in_)[2:])
        if in_ in self.transpose:
            found = found.transpose(self.transpose[in_])
        if in_ in self.channel_swap:
            found = found[list(self.channel_swap[in_])]
        found = found * np.float32(self.raw_scale.get(in_, 1)) - np.asarray(self.mean.get(in_, 0), np.float32)
        return found * np.float32(self.input_scale.get(in_, 1))

    def deprocess(self, in_: str, data: Array) -> Array:
        """The way back, from a blob of one picture; its size stays."""
        self._shape(in_)
        found = data.squeeze() / np.float32(self.input_scale.get(in_, 1)) + np.asarray(
            self.mean.get(in_, 0), np.float32
        )
        found = found / np.float32(self.raw_scale.get(in_, 1))
        if in_ in self.channel_swap:
            found = found[np.argsort(self.channel_swap[in_])]
        return found.transpose(np.argsort(self.transpose[in_])) if in_ in self.transpose else found

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """(2, 0, 1) for pictures H x W x K."""
        self._check_count(in_, "transpose", order, len(self._shape(in_)) - 1)
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """(2, 1, 0) for RGB to BGR."""
        self._check_count(in_, "channel_swap", order, self._shape(in_)[1])
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """255 for nets that want 0 to 255; before the mean."""
        self._shape(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: Array) -> None:
        """One number for each channel, or a mean picture K x H x W, which is resized to the input."""
        wanted = self._shape(in_)[1:]
        if mean.ndim == 1:
            self._check_count(in_, "mean", mean, wanted[0])
            mean = mean[:, None, None]
        elif mean.ndim == 3 and mean.shape != wanted:
            mean = resize_image(mean.transpose(1, 2, 0), wanted[1:]).transpose(2, 0, 1)
        elif mean.ndim not in (2, 3):
            raise TrainingError(f'a mean of {mean.ndim} axes for "{in_}"; wanted K, H x W, or K x H x W.')
        self.mean[in_] = mean

    def set_input_scale(self, in_: str, scale: float) -> None:
        """A factor after the mean."""
        self._shape(in_)
        self.input_scale[in_] = scale

    def _shape(self, in_: str) -> tuple[int, ...]:
        if in_ not in self.inputs:
            raise TrainingError(f'"{in_}" is none of the inputs: {", ".join(self.inputs)}.')
        return self.inputs[in_]

    def _check_count(self, in_: str, what: str, values: Sequence[int] | Array, wanted: int) -> None:
        if len(values) != wanted:
            raise TrainingError(f'{len(values)} numbers for the {what} of "{in_}"; wanted {wanted}.')


def blobproto_to_array(blob: BlobProto, return_diff: bool = False) -> Array:
    """The numbers of a BlobProto, such as a mean file's (`blob.ParseFromString(open(path, "rb").read())`), or its diff."""
    found = blob_to_array(blob)
    return np.array(blob.diff, np.float32).reshape(found.shape) if return_diff else found


def array_to_blobproto(arr: npt.ArrayLike, diff: npt.ArrayLike | None = None) -> BlobProto:
    """A BlobProto of any array."""
    values = np.asarray(arr)
    blob = BlobProto(data=values.ravel().tolist(), diff=[] if diff is None else np.ravel(diff).tolist())
    blob.shape.dim.extend(values.shape)
    return blob


def array_to_datum(arr: npt.NDArray[np.generic], label: int | None = None) -> Datum:
    """A Datum of an array K x H x W: bytes as they are, other numbers as float_data."""
    if arr.ndim != 3:
        raise TrainingError(f"an array of {arr.ndim} axes; wanted 3 (channels x height x width).")
    datum = Datum(channels=arr.shape[0], height=arr.shape[1], width=arr.shape[2], label=label)
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(arr.ravel().tolist())
    return datum


def datum_to_array(datum: Datum) -> npt.NDArray[np.generic]:
    """The array K x H x W of a Datum that is not encoded."""
    shape = (datum.channels, datum.height, datum.width)
    if datum.data:
        return np.frombuffer(datum.data, np.uint8).reshape(shape)
    return np.array(datum.float_data, np.float64).reshape(shape)


def _smooth_weights(old: int, new: int) -> npt.NDArray[np.float64]:
    """new x old: each new pixel from the old ones, nothing from outside; smoothed by a Gaussian if it becomes fewer."""
    weights = _linear_weights((np.arange(new) + 0.5) * old / new - 0.5, old)
    sigma = max(0.0, (old / new - 1) / 2)
    if sigma:
        reach = int(4 * sigma + 0.5)
        bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        offsets = np.subtract.outer(np.arange(old), np.arange(old)) + reach
        inside = (offsets >= 0) & (offsets < len(bell))
        weights = weights @ np.where(inside, (bell / bell.sum())[offsets.clip(0, len(bell) - 1)], 0)
    return weights


def _corner_weights(old: int, new: int) -> npt.NDArray[np.float64]:
    return _linear_weights(np.linspace(0, old - 1, new), old)


def _linear_weights(places: npt.NDArray[np.float64], old: int) -> npt.NDArray[np.float64]:
    weights: npt.NDArray[np.float64] = 1 - np.abs(np.subtract.outer(places, np.arange(old)))
    return weights.clip(0)
