"""Converts pictures to Datum records, the values of Caffe's databases, and back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from common.messages import shape_text

from .caffe_pb2 import Datum
from .errors import DatabaseError

# A JPEG's frame header: marker, length for 1, 3 or 4 components, bits a sample, height, width.
_JPEG_FRAME = re.compile(
    rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]\x00[\x0b\x11\x14][\x08\x0c](?P<height>..)(?P<width>..)", re.DOTALL
)
# The most pixels a byte. A block of 8 x 8 takes at least one bit.
_JPEG_DENSITY = 1024


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
            f"{what}: holds {flat.size} values, but claims {shape_text(shape)} (channels x height x width). "
            "Make the database again."
        )
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

    pixels = _jpeg_pixels(data)
    if pixels > _JPEG_DENSITY * len(data):
        raise DatabaseError(
            f"{what}: a JPEG that claims {pixels} pixels in {len(data)} bytes is damaged. Make the database again."
        )
    mode = {None: cv2.IMREAD_UNCHANGED, True: cv2.IMREAD_COLOR, False: cv2.IMREAD_GRAYSCALE}[color]
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), mode) if data else None
    except cv2.error:
        # The sizes are out of range.
        picture = None
    if picture is None:
        raise DatabaseError(f"{what}: {len(data)} encoded bytes that no decoder can read. Make the database again.")
    if picture.dtype != np.uint8:
        raise DatabaseError(f"{what}: a picture of {picture.dtype} values; expected 8 bits a channel, as in Caffe.")
    return np.ascontiguousarray(np.atleast_3d(picture).transpose(2, 0, 1))


def _jpeg_pixels(data: bytes) -> int:
    """Return height times width from the header of a JPEG, 0 for other files.

    The decoder would spend memory and seconds on that many pixels, however few bytes follow.
    """
    if not data.startswith(b"\xff\xd8"):
        return 0
    frames = _JPEG_FRAME.finditer(data)
    return max((int.from_bytes(f["height"], "big") * int.from_bytes(f["width"], "big") for f in frames), default=0)
