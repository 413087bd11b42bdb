"""Converts pictures to Datum records, the values of Caffe's databases, and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from common.errors import PictureError
from common.messages import shape_text
from common.pictures.header import read_header

from .caffe_pb2 import Datum
from .errors import DatabaseError

_AGAIN = "Make the database again."


def array_to_datum(array: npt.NDArray[np.uint8], label: int) -> Datum:
    """Return a Datum of raw bytes from a channels x height x width uint8 array (BGR), as Caffe's CVMatToDatum fills it."""
    channels, height, width = array.shape
    return Datum(channels=channels, height=height, width=width, data=array.tobytes(), label=label, encoded=False)


def raw_record(planes: Sequence[npt.NDArray[np.uint8]], label: int) -> bytes:
    """Serialize array_to_datum(np.stack(planes), label), without the copies that a Datum makes."""
    height, width = planes[0].shape
    start = raw_start(len(planes), height, width)
    return b"".join((start, *(plane.data for plane in planes), Datum(label=label, encoded=False).SerializeToString()))


@lru_cache
def raw_start(channels: int, height: int, width: int) -> bytes:
    """Return the bytes before the pixels in a record of raw bytes. Protobuf writes fields in the order of their numbers."""
    size = channels * height * width
    return Datum(channels=channels, height=height, width=width, data=bytes(size)).SerializeToString()[:-size]


def datum_to_array(datum: Datum, what: str = "record", color: bool | None = None) -> npt.NDArray[np.generic]:
    """Return a record's picture as channels x height x width: uint8 (BGR) from bytes, float32 from float_data.

    An encoded picture keeps its number of channels, unless `color` asks for three (True) or one (False). Raises
    DatabaseError if bytes and sizes disagree, or if an encoded picture has no 8 bits a channel.
    """
    if datum.encoded:
        return _decode(datum.data, what, color)
    shape = (datum.channels, datum.height, datum.width)
    flat = np.frombuffer(datum.data, np.uint8) if datum.data else np.array(datum.float_data, np.float32)
    if min(shape) <= 0 or flat.size != shape[0] * shape[1] * shape[2]:
        raise DatabaseError(
            f"{what}: holds {flat.size} values, but claims {shape_text(shape)} (channels x height x width). {_AGAIN}"
        )
    if flat.dtype == np.float32 and not np.isfinite(flat).all():
        raise DatabaseError(f"{what}: holds a number that is infinite or not a number (NaN). {_AGAIN}")
    return flat.reshape(shape)


def parse_datum(value: bytes, what: str = "record") -> Datum:
    """Parse the Datum in a database's value. Raises DatabaseError if it holds none."""
    try:
        return Datum.FromString(value)
    except DecodeError as error:
        raise DatabaseError(
            f"{what}: {len(value)} bytes that are no Datum; the database is damaged or not Caffe's. Make it again."
        ) from error


def _decode(data: bytes, what: str, color: bool | None) -> npt.NDArray[np.uint8]:
    import cv2

    mode = {None: cv2.IMREAD_UNCHANGED, True: cv2.IMREAD_COLOR, False: cv2.IMREAD_GRAYSCALE}[color]
    try:
        header = read_header(data)
        with header.decoding():
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), header.flags(mode))
    except PictureError as error:
        raise DatabaseError(f"{what}: an encoded picture that cannot be decoded: {error}. {_AGAIN}") from error
    except (cv2.error, MemoryError):
        # The sizes are out of range.
        picture = None
    if picture is None:
        raise DatabaseError(f"{what}: {len(data)} encoded bytes that no decoder can read. {_AGAIN}")
    if picture.dtype != np.uint8:
        raise DatabaseError(f"{what}: a picture of {picture.dtype} values; expected 8 bits a channel, as in Caffe.")
    return np.ascontiguousarray(np.atleast_3d(picture).transpose(2, 0, 1))
