"""pycaffe's `caffe.io`: converts pictures to blobs and back. Pictures are height x width x channels, RGB, from 0 to 1.

The numbers match Caffe 1.0 with scikit-image 0.18. Before 0.15, scikit-image did not smooth a picture before reducing it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from caffe_io import caffe_pb2 as caffe_pb2
from caffe_io.blobs import Array, blob_to_array
from caffe_io.caffe_pb2 import BlobProto, BlobProtoVector, Datum
from caffe_io.errors import CaffeIOError
from common.errors import PictureError
from common.inputs import read_input
from common.messages import known_names
from common.pictures.formats import without_tiff_orientation
from common.pictures.header import largest_file, read_header

from .errors import PycaffeRuntimeError, PycaffeValueError

_LUMINANCE = np.array([0.2125, 0.7154, 0.0721], np.float32)
"""The weights of red, green and blue in grey."""


def load_image(filename: str | os.PathLike[str] | BinaryIO, color: bool = True) -> Array:
    """Read a picture, from a file or an open one, as H x W x 3, or with color=False as H x W x 1.

    Raises PycaffeValueError if it is not a picture.

    As in pycaffe, only a JPEG is turned as its orientation mark says. Colour drops an alpha channel; grey blends the picture over
    white.
    """
    import cv2

    try:
        data = read_input(filename, largest_file()) if isinstance(filename, str | os.PathLike) else filename.read()
        header = read_header(data)
    except OSError as error:
        raise PycaffeRuntimeError(f"{filename}: cannot be read ({error.strerror}).") from error
    except PictureError as error:
        raise PycaffeValueError(f"{filename}: cannot be read as a picture: {error}.") from error
    # With IMREAD_UNCHANGED, which keeps alpha, OpenCV turns nothing but a TIFF.
    if header.kind == "TIFF":
        data = without_tiff_orientation(data)
    flags = header.flags(cv2.IMREAD_ANYCOLOR) if header.kind == "JPEG" else cv2.IMREAD_UNCHANGED
    with header.decoding():
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise PycaffeValueError(f"{filename}: cannot be read as a picture: its {header.kind} data are damaged.")
    picture: Array = np.divide(pixels, 255 if pixels.dtype == np.uint8 else 65535, dtype=np.float32)
    if picture.ndim == 2:
        return np.repeat(picture[:, :, None], 3 if color else 1, axis=2)
    # From BGR, with or without alpha, to RGB.
    colours = np.ascontiguousarray(picture[:, :, 2::-1])
    if color:
        return colours
    if picture.shape[2] == 4:
        alpha = picture[:, :, 3:]
        colours = colours * alpha + (1 - alpha)
    return (colours @ _LUMINANCE)[:, :, None]


def resize_image(im: Array, new_dims: Sequence[int], interp_order: int = 1) -> Array:
    """Resize H x W x K to new_dims (height, width); interp_order 1 is linear interpolation, 0 takes the nearest pixel.

    With 1 or 3 channels, pixels outside the picture count as its minimum, and a picture is smoothed before it is reduced. With
    another number of channels the corners are aligned. Raises PycaffeValueError for other orders.
    """
    if interp_order not in (0, 1):
        raise PycaffeValueError(f"interp_order {interp_order}: only 0 (nearest) and 1 (linear) are supported.")
    make_weights = _smooth_weights if im.shape[-1] in (1, 3) else _corner_weights
    rows, columns = (make_weights(old, int(new), interp_order) for old, new in zip(im.shape[:2], new_dims, strict=True))
    minimum = float(im.min())
    resized = np.einsum("hr,rck,wc->hwk", rows, im - minimum, columns, optimize=True)
    return np.asarray(resized + minimum, np.float32)


def oversample(images: Iterable[Array], crop_dims: Sequence[int]) -> Array:
    """Return ten crops of each picture: the four corners, the centre, and the mirror images of these five."""
    crops = []
    for image in images:
        height, width = (int(size) for size in crop_dims)
        bottom, right = image.shape[0] - height, image.shape[1] - width
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
        centre = (int(bottom / 2), int(right / 2))
        straight = [image[top : top + height, left : left + width] for top, left in [*corners, centre]]
        mirrored = [crop[:, ::-1] for crop in straight]
        crops += straight + mirrored
    return np.stack(crops).astype(np.float32)


class Transformer:
    """Converts pictures to a net's inputs and back, in pycaffe's way.

    `inputs` maps each input's name to its shape, as in {"data": net.blobs["data"].data.shape}. The steps are resize, transpose,
    channel_swap, raw_scale, mean, input_scale, in this order; a step that is not set is left out. Methods raise PycaffeValueError
    for an unknown input, or a setting that does not fit its shape.
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]) -> None:
        self.inputs = {name: tuple(shape) for name, shape in inputs.items()}
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, float] = {}
        self.mean: dict[str, Array] = {}
        self.input_scale: dict[str, float] = {}

    def preprocess(self, in_: str, data: npt.NDArray[np.generic]) -> Array:
        """Convert a picture (H x W x K) to K x height x width of the input `in_`."""
        values = data.astype(np.float32)
        if values.shape[:2] != self._shape(in_)[2:]:
            values = resize_image(values, self._shape(in_)[2:])
        if in_ in self.transpose:
            values = values.transpose(self.transpose[in_])
        if in_ in self.channel_swap:
            values = values[list(self.channel_swap[in_])]
        values = values * np.float32(self.raw_scale.get(in_, 1)) - np.asarray(self.mean.get(in_, 0), np.float32)
        return values * np.float32(self.input_scale.get(in_, 1))

    def deprocess(self, in_: str, data: Array) -> Array:
        """Convert a blob of one picture back to a picture of the blob's size."""
        self._shape(in_)
        mean = np.asarray(self.mean.get(in_, 0), np.float32)
        values = data.squeeze() / np.float32(self.input_scale.get(in_, 1)) + mean
        values = values / np.float32(self.raw_scale.get(in_, 1))
        if in_ in self.channel_swap:
            values = values[np.argsort(self.channel_swap[in_])]
        return values.transpose(np.argsort(self.transpose[in_])) if in_ in self.transpose else values

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """Set the order of the axes: (2, 0, 1) for pictures H x W x K."""
        self._check_count(in_, "transpose", order, len(self._shape(in_)) - 1)
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """Set the order of the channels: (2, 1, 0) from RGB to BGR."""
        self._check_count(in_, "channel_swap", order, self._shape(in_)[1])
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """Set a factor before the mean: 255 for nets whose inputs are from 0 to 255."""
        self._shape(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: Array) -> None:
        """Set the mean to subtract: a value a channel, or a mean picture K x H x W, which is resized to the input."""
        shape = self._shape(in_)[1:]
        if mean.ndim == 1:
            self._check_count(in_, "mean", mean, shape[0])
            mean = mean[:, None, None]
        elif mean.ndim == 3 and mean.shape != shape:
            mean = resize_image(mean.transpose(1, 2, 0), shape[1:]).transpose(2, 0, 1)
        elif mean.ndim not in (2, 3):
            raise PycaffeValueError(f'the mean of "{in_}" has {mean.ndim} axes; expected K, H x W, or K x H x W.')
        self.mean[in_] = mean

    def set_input_scale(self, in_: str, scale: float) -> None:
        """Set a factor after the mean."""
        self._shape(in_)
        self.input_scale[in_] = scale

    def _shape(self, in_: str) -> tuple[int, ...]:
        if in_ not in self.inputs:
            raise PycaffeValueError(f'there is no input "{in_}". {known_names(in_, self.inputs)}')
        return self.inputs[in_]

    def _check_count(self, in_: str, setting: str, values: Sequence[int] | Array, expected: int) -> None:
        if len(values) != expected:
            raise PycaffeValueError(f'the {setting} of "{in_}" has {len(values)} numbers; expected {expected}.')


def make_transformer(
    name: str,
    shape: Sequence[int],
    mean: Array | None,
    input_scale: float | None,
    raw_scale: float | None,
    channel_swap: Sequence[int] | None,
) -> Transformer:
    """Return a Transformer from pictures H x W x K to the input `name` of this shape, with the settings that are not None."""
    transformer = Transformer({name: shape})
    transformer.set_transpose(name, (2, 0, 1))
    if mean is not None:
        transformer.set_mean(name, mean)
    if input_scale is not None:
        transformer.set_input_scale(name, input_scale)
    if raw_scale is not None:
        transformer.set_raw_scale(name, raw_scale)
    if channel_swap is not None:
        transformer.set_channel_swap(name, channel_swap)
    return transformer


def blobproto_to_array(blob: BlobProto, return_diff: bool = False) -> npt.NDArray[np.float64]:
    """Return the data, or the diff, of a BlobProto such as a mean file's (`blob.ParseFromString(open(path, "rb").read())`).

    Raises PycaffeValueError if the shape has another number of values.
    """
    try:
        data = blob_to_array(blob)
        return np.array(blob.diff).reshape(data.shape) if return_diff else data.astype(np.float64)
    except (CaffeIOError, ValueError) as error:
        raise PycaffeValueError(str(error)) from error


def arraylist_to_blobprotovector_str(arraylist: Iterable[npt.NDArray[np.generic]]) -> bytes:
    """Convert arrays to the bytes of a BlobProtoVector."""
    return BlobProtoVector(blobs=[array_to_blobproto(array) for array in arraylist]).SerializeToString()


def blobprotovector_str_to_arraylist(data: bytes) -> list[npt.NDArray[np.float64]]:
    """Return the arrays in the bytes of a BlobProtoVector."""
    vector = BlobProtoVector()
    vector.ParseFromString(data)
    return [blobproto_to_array(blob) for blob in vector.blobs]


def array_to_blobproto(arr: npt.ArrayLike, diff: npt.ArrayLike | None = None) -> BlobProto:
    """Convert an array of any shape, and its diff if given, to a BlobProto."""
    values = np.asarray(arr)
    blob = BlobProto(data=values.ravel().tolist(), diff=[] if diff is None else np.ravel(diff).tolist())
    blob.shape.dim.extend(values.shape)
    return blob


def array_to_datum(arr: npt.NDArray[np.generic], label: int | None = None) -> Datum:
    """Convert an array K x H x W to a Datum: uint8 to bytes, other numbers to float_data."""
    if arr.ndim != 3:
        raise PycaffeValueError(f"an array of {arr.ndim} axes; expected 3 (channels x height x width).")
    datum = Datum(channels=arr.shape[0], height=arr.shape[1], width=arr.shape[2], label=label)
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(arr.ravel().tolist())
    return datum


def datum_to_array(datum: Datum) -> npt.NDArray[np.generic]:
    """Return the array K x H x W of a Datum that is not encoded."""
    shape = (datum.channels, datum.height, datum.width)
    if datum.data:
        return np.frombuffer(datum.data, np.uint8).reshape(shape)
    return np.array(datum.float_data, np.float64).reshape(shape)


def _smooth_weights(old: int, new: int, order: int) -> npt.NDArray[np.float64]:
    """Return a matrix, new x old, that interpolates new pixels from the old ones; pixels outside count as 0.

    If there are fewer new pixels, the old ones are smoothed by a Gaussian first.
    """
    weights = _weights((np.arange(new) + 0.5) * old / new - 0.5, old, order)
    sigma = max(0.0, (old / new - 1) / 2)
    if sigma:
        radius = int(4 * sigma + 0.5)
        kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
        offsets = np.subtract.outer(np.arange(old), np.arange(old)) + radius
        inside = (offsets >= 0) & (offsets < len(kernel))
        weights = weights @ np.where(inside, (kernel / kernel.sum())[offsets.clip(0, len(kernel) - 1)], 0)
    return weights


def _corner_weights(old: int, new: int, order: int) -> npt.NDArray[np.float64]:
    """Return a matrix, new x old, that interpolates with the first and last pixels aligned."""
    return _weights(np.linspace(0, old - 1, new), old, order)


def _weights(positions: npt.NDArray[np.float64], old: int, order: int) -> npt.NDArray[np.float64]:
    """Return the weights of the old pixels at `positions` between them: of the nearest (order 0), or linear (order 1)."""
    if order == 0:
        positions = np.floor(positions + 0.5)
    weights: npt.NDArray[np.float64] = 1 - np.abs(np.subtract.outer(positions, np.arange(old)))
    return weights.clip(0)
