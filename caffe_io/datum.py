"""Pictures as Datum records, the values of Caffe's databases."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from .caffe_pb2 import Datum
from .errors import DatabaseError


def array_to_datum(array: npt.NDArray[np.uint8], label: int) -> Datum:
    """A Datum of raw bytes from a channels x height x width uint8 array (BGR), as Caffe's CVMatToDatum fills it."""
    channels, height, width = array.shape
    return Datum(
        channels=channels, height=height, width=width, data=array.tobytes(), label=label, encoded=False
    )


def datum_to_array(datum: Datum, what: str = "record") -> npt.NDArray[np.generic]:
    """Channels x height x width: uint8 (BGR) from bytes, raw or of a picture file; float32 from float_data.

    A file's pictures are decoded with as many channels as they have. Raises DatabaseError if bytes and sizes disagree.
    """
    if datum.encoded:
        import cv2

        picture = cv2.imdecode(np.frombuffer(datum.data, np.uint8), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise DatabaseError(f"{what}: {len(datum.data)} encoded bytes that no decoder knows.")
        return np.ascontiguousarray(np.atleast_3d(picture).transpose(2, 0, 1))
    shape = (datum.channels, datum.height, datum.width)
    flat = np.frombuffer(datum.data, np.uint8) if datum.data else np.array(datum.float_data, np.float32)
    if min(shape) <= 0 or flat.size != shape[0] * shape[1] * shape[2]:
        raise DatabaseError(f"{what}: holds {flat.size} values, but says it is {shape} (channels, height, width).")
    return flat.reshape(shape)


def parse_datum(value: bytes, what: str = "record") -> Datum:
    """The Datum in a database's value. Raises DatabaseError if it is none."""
    try:
        return Datum.FromString(value)
    except DecodeError as error:
        raise DatabaseError(f"{what}: {len(value)} bytes that are no Datum; the database is damaged or not Caffe's.") from error
