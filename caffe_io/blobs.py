"""Arrays of numbers as BlobProto messages, without a Python loop over the numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .caffe_pb2 import BlobProto
from .errors import CaffeIOError

Array = npt.NDArray[np.float32]
_RAW_TYPES = {BlobProto.DOUBLE: "<f8", BlobProto.FLOAT: "<f4", BlobProto.FLOAT16: "<f2"}
# field number and wire type "length follows"
_DATA_TAG = bytes([BlobProto.DATA_FIELD_NUMBER << 3 | 2])
_DIFF_TAG = bytes([BlobProto.DIFF_FIELD_NUMBER << 3 | 2])


def array_to_blob(array: npt.ArrayLike, legacy_shape: bool = False) -> BlobProto:
    """A BlobProto that holds `array` as float32.

    `legacy_shape` writes num, channels, height and width (arrays of at most 4 axes, padded with ones in front)
    in place of `shape`: the form of compute_image_mean's files, the only one that Model Optimizer reads.
    """
    blob = BlobProto()
    fill_blob(blob, array, legacy_shape)
    return blob


def fill_blob(blob: BlobProto, array: npt.ArrayLike, legacy_shape: bool = False) -> None:
    """The same into an empty blob that is already part of a message: spares a copy of the numbers."""
    values = np.asarray(array, dtype="<f4")
    blob.ParseFromString(b"".join((_DATA_TAG, _varint(values.nbytes), values.tobytes())))
    if legacy_shape:
        blob.num, blob.channels, blob.height, blob.width = (1,) * (4 - values.ndim) + values.shape
    elif values.ndim:  # a single number has no shape at all, as in Caffe
        blob.shape.dim.extend(values.shape)


def add_diff(blob: BlobProto, array: npt.ArrayLike) -> None:
    """Write the numbers of `array` beside those of `blob`, as its diff."""
    values = np.asarray(array, dtype="<f4")
    blob.MergeFromString(b"".join((_DIFF_TAG, _varint(values.nbytes), values.tobytes())))


def blob_to_array(blob: BlobProto, what: str = "blob") -> Array:
    """The numbers of `blob` as a float32 array of its shape: current or legacy form; float or double data, or the raw
    bytes (float64, float32 or float16) of NVIDIA's fork.

    Raises CaffeIOError if there are fewer or more numbers than the shape says, before any memory is taken for them;
    `what` names the blob in the message.
    """
    shape = blob_shape(blob)
    raw_type = np.dtype(_RAW_TYPES[blob.raw_data_type])
    found = len(blob.double_data) or len(blob.data) or len(blob.raw_data) // raw_type.itemsize
    if any(dim < 0 for dim in shape) or math.prod(shape) != found:
        raise CaffeIOError(f"{what}: holds {found} numbers, but its shape {shape} asks for {math.prod(shape)}.")
    if blob.double_data:
        with np.errstate(over="ignore"):  # too large for float32 is infinite, as in Caffe
            return np.array(blob.double_data, dtype=np.float64).astype(np.float32).reshape(shape)
    if not blob.data:
        return np.frombuffer(blob.raw_data, raw_type, found).astype(np.float32).reshape(shape)
    return np.array(blob.data, dtype=np.float32).reshape(shape)


def blob_shape(blob: BlobProto) -> tuple[int, ...]:
    """The blob's shape; the legacy form always has four axes (num, channels, height, width)."""
    if any(blob.HasField(axis) for axis in ("num", "channels", "height", "width")):
        return (blob.num, blob.channels, blob.height, blob.width)
    return tuple(blob.shape.dim)


def same_shape(found: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether a stored blob fits: equal shapes, or equal after the ones that legacy files put in front."""
    found, wanted = tuple(found), tuple(wanted)
    if len(found) == 4 and len(wanted) < 4:
        return found == (1,) * (4 - len(wanted)) + wanted
    return found == wanted


def _varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])
