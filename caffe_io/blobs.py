"""Converts arrays to BlobProto messages and back, without a Python loop over the numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from common.messages import shape_text

from .caffe_pb2 import BlobProto
from .errors import CaffeIOError

Array = npt.NDArray[np.float32]

MOST_NUMBERS = 2**31 - 1
"""What a blob of Caffe holds at most."""

_RAW_TYPES = {BlobProto.DOUBLE: "<f8", BlobProto.FLOAT: "<f4", BlobProto.FLOAT16: "<f2"}
# The key of a protobuf field: its number, and wire type 2, "a length follows".
_DATA_TAG = bytes([BlobProto.DATA_FIELD_NUMBER << 3 | 2])
_DIFF_TAG = bytes([BlobProto.DIFF_FIELD_NUMBER << 3 | 2])


def too_many_numbers(shape: Sequence[int]) -> str:
    """Say that a blob of this shape is larger than Caffe's; empty if it is not."""
    if (count := math.prod(shape)) <= MOST_NUMBERS:
        return ""
    return f"would be {shape_text(shape)}, which is {count} numbers; a blob holds at most {MOST_NUMBERS}. Correct the sizes."


def array_to_blob(array: npt.ArrayLike, legacy_shape: bool = False) -> BlobProto:
    """Return a BlobProto with `array` as float32.

    `legacy_shape` writes num, channels, height and width instead of `shape`, for arrays of at most 4 axes, padded with
    ones in front. compute_image_mean writes this form, and Model Optimizer reads no other.
    """
    blob = BlobProto()
    fill_blob(blob, array, legacy_shape)
    return blob


def fill_blob(blob: BlobProto, array: npt.ArrayLike, legacy_shape: bool = False) -> None:
    """Fill an empty blob in the same way. If it is part of a message already, this saves a copy of the numbers."""
    values = np.asarray(array, dtype="<f4")
    blob.ParseFromString(b"".join((_DATA_TAG, _varint(values.nbytes), values.tobytes())))
    if legacy_shape:
        blob.num, blob.channels, blob.height, blob.width = (1,) * (4 - values.ndim) + values.shape
    elif values.ndim:
        # A scalar has no shape, as in Caffe.
        blob.shape.dim.extend(values.shape)


def add_diff(blob: BlobProto, array: npt.ArrayLike) -> None:
    """Write `array` into `blob` as its diff."""
    values = np.asarray(array, dtype="<f4")
    blob.MergeFromString(b"".join((_DIFF_TAG, _varint(values.nbytes), values.tobytes())))


def blob_to_array(blob: BlobProto, what: str = "blob") -> Array:
    """Return the numbers of `blob` as a float32 array of its shape.

    Reads the current and the legacy form of a shape; float or double data, and the raw bytes (float64, float32 or
    float16) of NVIDIA's fork. Raises CaffeIOError if the number of values does not match the shape, before it allocates
    memory for them. `what` names the blob in the message.
    """
    shape = blob_shape(blob)
    raw_type = np.dtype(_RAW_TYPES[blob.raw_data_type])
    found = len(blob.double_data) or len(blob.data) or len(blob.raw_data) // raw_type.itemsize
    if any(dim < 0 for dim in shape) or math.prod(shape) != found:
        raise CaffeIOError(f"{what}: holds {found} numbers; expected {math.prod(shape)} ({shape_text(shape)}).")
    if blob.double_data:
        # Too large for float32 becomes infinite, as in Caffe.
        with np.errstate(over="ignore"):
            return np.array(blob.double_data, dtype=np.float64).astype(np.float32).reshape(shape)
    if not blob.data:
        return np.frombuffer(blob.raw_data, raw_type, found).astype(np.float32).reshape(shape)
    return np.array(blob.data, dtype=np.float32).reshape(shape)


def blob_shape(blob: BlobProto) -> tuple[int, ...]:
    """Return the blob's shape; the legacy form always has four axes (num, channels, height, width)."""
    if any(blob.HasField(axis) for axis in ("num", "channels", "height", "width")):
        return (blob.num, blob.channels, blob.height, blob.width)
    return tuple(blob.shape.dim)


def same_shape(found: Sequence[int], expected: Sequence[int]) -> bool:
    """Whether two shapes are equal, apart from the ones that legacy files put in front of the shape found."""
    found, expected = tuple(found), tuple(expected)
    if len(found) == 4 and len(expected) < 4:
        return found == (1,) * (4 - len(expected)) + expected
    return found == expected


def _varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])
