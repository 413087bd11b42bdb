"""Pictures as Datum records, the values of Caffe's databases."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from .caffe_pb2 import Datum
from .errors import DatabaseError

# OpenCV reserves a picture's memory before it decodes: a damaged header may claim gigabytes. It reads this limit
# (pixels; its own default is 2^30) once, when it is imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 27))


def array_to_datum(array: npt.NDArray[np.uint8], label: int) -> Datum:
    """A Datum of raw bytes from a channels x height x width uint8 array (BGR), as Caffe's CVMatToDatum fills it."""
    channels, height, width = array.shape
    return Datum(channels=channels, height=height, width=width, data=array.tobytes(), label=label, encoded=False)


def datum_to_array(datum: Datum, what: str = "record") -> npt.NDArray[np.generic]:
    """Channels x height x width: uint8 (BGR) from bytes, raw or of a picture file; float32 from float_data.

    A file's pictures are decoded with as many channels as they have. Raises DatabaseError if bytes and sizes disagree,
    or if a file holds no picture of 8 bits a channel.
    """
    if datum.encoded:
        return _decode(datum.data, what)
    shape = (datum.channels, datum.height, datum.width)
    flat = np.frombuffer(datum.data, np.uint8) if datum.data else np.array(datum.float_data, np.float32)
    if min(shape) <= 0 or flat.size != shape[0] * shape[1] * shape[2]:
        raise DatabaseError(
            f"{what}: holds {flat.size} values, but says it is {shape} (channels, height, width). "
            "Make the database anew."
        )
    return flat.reshape(shape)


def parse_datum(value: bytes, what: str = "record") -> Datum:
    """The Datum in a database's value. Raises DatabaseError if it is none."""
    try:
        return Datum.FromString(value)
    except DecodeError as error:
        raise DatabaseError(
            f"{what}: {len(value)} bytes that are no Datum; the database is damaged or not Caffe's. Make it anew."
        ) from error


def _decode(data: bytes, what: str) -> npt.NDArray[np.uint8]:
    import cv2

    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:  # sizes out of range
        picture = None
    if picture is None:
        raise DatabaseError(f"{what}: {len(data)} encoded bytes that no decoder knows. Make the database anew.")
    if picture.dtype != np.uint8:
        raise DatabaseError(f"{what}: a picture of {picture.dtype} values; wanted 8 bits a channel, as Caffe does.")
    return np.ascontiguousarray(np.atleast_3d(picture).transpose(2, 0, 1))
