"""Reads and writes mean images: Caffe's mean.binaryproto."""

from __future__ import annotations

import os

from common.errors import MeanError
from common.files import atomic_file
from common.messages import shape_text

from .blobs import Array, array_to_blob, blob_to_array
from .caffe_pb2 import BlobProto
from .errors import CaffeIOError, WeightsError
from .prototxt import parse_binary


def read_mean(path: str | os.PathLike[str]) -> Array:
    """Read a mean image as channels x height x width, float32, BGR, with values from 0 to 255.

    Raises MeanError if the file is missing, damaged, or holds anything but one picture of 1 to 4 channels.
    """
    if not os.fspath(path):
        raise MeanError('mean_file "" names no file. Name a mean image, or leave mean_file out.')
    try:
        mean = blob_to_array(parse_binary(path, BlobProto(), "a mean image (binaryproto)"), "the mean")
    except WeightsError as error:
        raise MeanError(f"{error}\n  Make it with ./create_mean.sh.") from error
    except CaffeIOError as error:
        raise MeanError(f"{path}: {error} Make it again with ./create_mean.sh.") from error
    if mean.ndim == 4 and mean.shape[0] == 1:
        mean = mean[0]
    if mean.ndim != 3 or not 1 <= mean.shape[0] <= 4 or mean.size == 0:
        raise MeanError(
            f"{path}: holds an array of shape {shape_text(mean.shape)}; expected channels x height x width of a picture. "
            "Make it again with ./create_mean.sh."
        )
    return mean


def write_mean(path: str | os.PathLike[str], mean: Array, force: bool = False) -> None:
    """Write a channels x height x width mean in compute_image_mean's form (num, channels, height, width; no shape)."""
    with atomic_file(path, force) as temporary:
        temporary.write_bytes(array_to_blob(mean, legacy_shape=True).SerializeToString())
