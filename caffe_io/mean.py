"""Mean images: Caffe's mean.binaryproto."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from common.errors import MeanError
from common.files import atomic_file

from .blobs import Array, array_to_blob, blob_to_array
from .caffe_pb2 import BlobProto
from .errors import CaffeIOError, WeightsError
from .prototxt import parse_binary


def read_mean(path: str | os.PathLike[str]) -> Array:
    """The mean image as channels x height x width float32, BGR, grey levels 0-255.

    Raises MeanError if the file is missing, damaged, or holds no single picture of 1 to 4 channels.
    """
    try:
        mean = blob_to_array(parse_binary(path, BlobProto(), "a mean image (binaryproto)"), "the mean")
    except WeightsError as error:
        raise MeanError(f"{error}\n  Make it with ./create_mean.sh.") from error
    except CaffeIOError as error:
        raise MeanError(f"{path}: {error} Make it anew with ./create_mean.sh.") from error
    if mean.ndim == 4 and mean.shape[0] == 1:
        mean = mean[0]
    if mean.ndim != 3 or not 1 <= mean.shape[0] <= 4 or mean.size == 0:
        raise MeanError(f"{path}: holds an array of shape {mean.shape}; wanted channels x height x width of a picture.")
    return mean


def write_mean(path: str | os.PathLike[str], mean: Array, force: bool = False) -> None:
    """Write a channels x height x width mean as compute_image_mean does (num, channels, height, width; no shape)."""
    with atomic_file(path, force) as temporary:
        temporary.write_bytes(array_to_blob(mean, legacy_shape=True).SerializeToString())


def mean_hash(mean: Array) -> str:
    """SHA-256 (hexadecimal) of the mean's float32 little-endian bytes in channels x height x width order."""
    return hashlib.sha256(np.ascontiguousarray(mean, dtype="<f4").tobytes()).hexdigest()
