"""Verb compute_image_mean: LMDB → the mean of its pictures, pixel by pixel, as Caffe's tool computes and writes it.

Prints the mean of each channel (B, G, R), which a prototxt may name as mean_value instead of the file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from caffe_io.caffe_pb2 import Datum
from caffe_io.datum import datum_to_array, parse_datum
from caffe_io.errors import DatabaseError
from caffe_io.files import refuse_existing, whole_file
from caffe_io.lmdb_store import LmdbReader
from caffe_io.mean import write_mean

from .parallel import in_order, with_progress

FloatArray = npt.NDArray[np.float32]

_BATCH = 16  # records handed from the reading to the adding thread at a time


def image_mean(database: str | Path) -> FloatArray:
    """Channels x height x width float32: Caffe's sums, in its order and precision, divided by the number of pictures.

    One thread reads, another adds. Raises DatabaseError for a picture of another size than the first, naming its key.
    """
    pictures = PictureSum(database)
    with LmdbReader(database) as reader:
        records = with_progress(reader.items(), len(reader), "added up")
        batches = iter(lambda: list(islice(records, _BATCH)), [])
        for _ in in_order(pictures.add, batches, threads=1):
            pass
        return pictures.total / np.float32(len(reader))


def channel_means(mean: FloatArray) -> list[float]:
    """One mean grey level for each channel, added up in float32 one pixel after the other as Caffe does."""
    sums = np.add.accumulate(mean.reshape(len(mean), -1), axis=1)[:, -1]
    return [float(total / np.float32(mean[0].size)) for total in sums]


class PictureSum:
    """A sum of pictures in float32, as Caffe's: exact up to 65,793 of them, then rounded in the same order."""

    def __init__(self, database: str | Path) -> None:
        self.total: FloatArray = np.zeros((0, 0, 0), np.float32)
        self._database = database
        self._first_key = b""
        self._start = b""  # how records of the first one's size begin, up to their pixels

    def add(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Add the pictures of (key, value) records."""
        for key, value in records:
            pixels = self._pixels_in_place(value)
            if pixels is None:
                self._add_array(key, value)
            else:
                cv2.accumulate(pixels.reshape(1, -1), self.total.reshape(1, -1))

    def _pixels_in_place(self, value: bytes) -> npt.NDArray[np.uint8] | None:
        """The pixels of a record of raw bytes, without the copies that parsing makes; None if it is built otherwise.

        A Datum's fields stand in the order of their numbers, so records of one size begin with the same bytes, of
        which the last are the length of `data`.
        """
        start, end = len(self._start), len(self._start) + self.total.size
        if not start or len(value) < end or not value.startswith(self._start):
            return None
        try:
            rest = Datum.FromString(value[end:])
        except DecodeError:
            return None
        if rest.encoded or any(field.name not in ("label", "encoded") for field, _ in rest.ListFields()):
            return None
        return np.frombuffer(value, np.uint8, self.total.size, start)

    def _add_array(self, key: bytes, value: bytes) -> None:
        what = f"{self._database}, {_text(key)}"
        picture = datum_to_array(parse_datum(value, what), what)
        if not self._first_key:
            self._first_key = key
            self.total = np.zeros(picture.shape, np.float32)
            channels, height, width = picture.shape
            alike = Datum(channels=channels, height=height, width=width, data=bytes(picture.size))
            self._start = alike.SerializeToString()[: -picture.size]
        if picture.shape != self.total.shape:
            raise DatabaseError(
                f"{what}: is {picture.shape} (channels, height, width), but {_text(self._first_key)} is "
                f"{self.total.shape}. Make the database anew with --resize_height and --resize_width."
            )
        np.add(self.total, picture, out=self.total)


def _text(key: bytes) -> str:
    return key.decode(errors="replace")


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lmdb_build compute_image_mean",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("database", metavar="INPUT_DB", help="an LMDB of Caffe Datum")
    parser.add_argument("output", metavar="OUTPUT_FILE", nargs="?", type=Path, help="mean.binaryproto to be written")
    parser.add_argument("--npy", type=Path, metavar="FILE", help="the same numbers as a NumPy file")
    parser.add_argument("--force", action="store_true", help="replace existing files")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    options = parser.parse_intermixed_args(argv)
    outputs = [path for path in (options.output, options.npy) if path]
    for path in outputs:
        refuse_existing(path, options.force)
    mean = image_mean(options.database)
    if options.output:
        write_mean(options.output, mean, options.force)
    if options.npy:
        with whole_file(options.npy, options.force) as temporary, temporary.open("wb") as file:
            np.save(file, mean)
    print(f"Number of channels: {len(mean)}")
    for channel, value in enumerate(channel_means(mean)):
        print(f"mean_value channel [{channel}]: {value:g}")
    for path in outputs:
        print(f"{path}: mean of {options.database}, {' x '.join(map(str, mean.shape))}")
