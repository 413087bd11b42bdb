"""Verb compute_image_mean: a database → the mean of its pictures, pixel by pixel, as Caffe's tool computes and writes it.

Prints the mean of each channel (B, G, R) as well. A prototxt may give these as mean_value instead of the file.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from caffe_io.caffe_pb2 import Datum
from caffe_io.databases.backends import BACKENDS
from caffe_io.databases.reader import Reader
from caffe_io.datum import datum_to_array, parse_datum, raw_start
from caffe_io.errors import DatabaseError
from caffe_io.mean import write_mean
from common.files import atomic_file, refuse_existing
from common.gflags import add_log_options
from common.messages import shape_text

from .parallel import with_progress

EXAMPLE = "./moka compute_image_mean data/lmdb/age_train_lmdb data/mean/mean.binaryproto"

FloatArray = npt.NDArray[np.float32]


def image_mean(database: str | Path, backend: str = "lmdb") -> FloatArray:
    """Return the mean image, channels x height x width float32, with Caffe's order of additions and precision.

    Raises DatabaseError, which names the key, for a picture of another size than the first.
    """
    # One thread is fastest: several would wait for the interpreter's lock longer than a record takes.
    with BACKENDS[backend].read(database) as records:
        first = FirstRecord(records)
        mean = add_up(records, first).reshape(first.shape)
        mean /= np.float32(len(records))
        return mean


def channel_means(mean: FloatArray) -> list[float]:
    """Return the mean grey level of each channel, added up in float32 pixel by pixel as Caffe does."""
    sums = np.add.accumulate(mean.reshape(len(mean), -1), axis=1)[:, -1]
    return [float(total / np.float32(mean[0].size)) for total in sums]


class FirstRecord:
    """The record whose size the others must have. It finds their pixels without parsing them, which would copy them.

    All records of raw bytes of one size begin with the same bytes (caffe_io.datum.raw_start).
    """

    def __init__(self, records: Reader) -> None:
        key, value = next(records.items())
        self.key = _text(key)
        self.shape = _array(records.path, key, value).shape
        channels, height, width = self.shape
        self.size = channels * height * width
        self._start = raw_start(channels, height, width)
        # What follows the pixels in such records and was found to be a label and `encoded = false`.
        self._ends: set[bytes] = set()

    def pixels(self, value: bytes | memoryview) -> npt.NDArray[np.uint8] | None:
        """Return the pixels (in channel, row, column order) if the record is like the first, otherwise None."""
        start = len(self._start)
        if len(value) < start + self.size or value[:start] != self._start:
            return None
        rest = bytes(value[start + self.size :])
        if rest not in self._ends:
            if not _keeps_the_pixels(rest):
                return None
            self._ends.add(rest)
        return np.frombuffer(value, np.uint8, self.size, start)


def add_up(records: Reader, first: FirstRecord) -> FloatArray:
    """Return the sum of each pixel over all records, in float32 as in Caffe.

    The sums are exact up to 65,793 pictures. Beyond that they are rounded, in the order of the records.
    """
    total: FloatArray = np.zeros((1, first.size), np.float32)
    for key, value in with_progress(records.views(), len(records), "added up"):
        pixels = first.pixels(value)
        if pixels is not None:
            cv2.accumulate(pixels.reshape(1, -1), total)
            continue
        picture = _array(records.path, key, value)
        if picture.shape != first.shape:
            raise DatabaseError(
                f"{records.path}, {_text(key)}: is {shape_text(picture.shape)} (channels x height x width), but "
                f"{first.key} is {shape_text(first.shape)}. Make the database again with --resize_height and "
                "--resize_width."
            )
        np.add(total, picture.reshape(1, -1), out=total)
    return total


def _keeps_the_pixels(rest: bytes) -> bool:
    """Say whether the rest of a record leaves its pixels as they are: a second `data` or `encoded = true` would not."""
    try:
        datum = Datum.FromString(rest)
    except DecodeError:
        return False
    return not datum.encoded and all(field.name in ("label", "encoded") for field, _ in datum.ListFields())


def _array(path: Path, key: bytes | memoryview, value: bytes | memoryview) -> npt.NDArray[np.generic]:
    what = f"{path}, {_text(key)}"
    return datum_to_array(parse_datum(bytes(value), what), what)


def _text(key: bytes | memoryview) -> str:
    return bytes(key).decode(errors="replace")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of Caffe's compute_image_mean, and --npy and --force."""
    parser.add_argument("database", metavar="INPUT_DB", help="a database of Caffe Datum")
    parser.add_argument("output", metavar="OUTPUT_FILE", nargs="?", type=Path, help="mean.binaryproto to write")
    parser.add_argument("--backend", choices=BACKENDS, default="lmdb", help="kind of INPUT_DB (default: %(default)s)")
    parser.add_argument("--npy", type=Path, metavar="FILE", help="write the same numbers as a NumPy file")
    parser.add_argument("--force", action="store_true", help="replace existing files")
    add_log_options(parser)


def main(options: argparse.Namespace) -> None:
    """Compute the mean, print it and write it."""
    outputs = [path for path in (options.output, options.npy) if path]
    for path in outputs:
        refuse_existing(path, options.force)
    mean = image_mean(options.database, options.backend)
    with ExitStack() as stack:
        if options.npy:
            # It is complete before the other file appears, so that a kill hardly ever leaves one without the other.
            with stack.enter_context(atomic_file(options.npy, options.force)).open("wb") as file:
                np.save(file, mean)
        if options.output:
            write_mean(options.output, mean, options.force)
    print(f"Number of channels: {len(mean)}")
    for channel, value in enumerate(channel_means(mean)):
        print(f"mean_value channel [{channel}]: {value:g}")
    for path in outputs:
        print(f"{path}: mean of {options.database}, {shape_text(mean.shape)}")
