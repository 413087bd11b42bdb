"""Verb compute_image_mean: LMDB → the mean of its pictures, pixel by pixel, as Caffe's tool computes and writes it.

Prints the mean of each channel (B, G, R), which a prototxt may name as mean_value instead of the file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from caffe_io.datum import datum_to_array, parse_datum
from caffe_io.errors import DatabaseError
from caffe_io.files import refuse_existing, whole_file
from caffe_io.lmdb_store import LmdbReader
from caffe_io.mean import write_mean

from .parallel import with_progress


def image_mean(database: str | Path) -> npt.NDArray[np.float32]:
    """Channels x height x width float32: Caffe's sums, in its order and precision, divided by the number of pictures.

    Raises DatabaseError for a picture of another size than the first, naming its key.
    """
    total: npt.NDArray[np.float32] | None = None
    with LmdbReader(database) as reader:
        for key, value in with_progress(reader.items(), len(reader), "added up"):
            what = f"{database}, {key.decode(errors='replace')}"
            picture = datum_to_array(parse_datum(value, what), what)
            if total is None:
                total, first = np.zeros(picture.shape, np.float32), key
            if picture.shape != total.shape:
                raise DatabaseError(
                    f"{what}: is {picture.shape} (channels, height, width), but {first.decode(errors='replace')} is "
                    f"{total.shape}. Make the database anew with --resize_height and --resize_width."
                )
            if picture.dtype == np.uint16:
                raise DatabaseError(f"{what}: a picture of 16 bits; wanted bytes, as in every database of Caffe's.")
            np.add(total, picture, out=total)
        assert total is not None, "LmdbReader refuses an empty database"
        return total / np.float32(len(reader))


def channel_means(mean: npt.NDArray[np.float32]) -> list[float]:
    """One mean grey level for each channel, added up in float32 one after the other as Caffe does."""
    sums = np.add.accumulate(mean.reshape(len(mean), -1), axis=1)[:, -1]
    return [float(total / np.float32(mean[0].size)) for total in sums]


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
    options = parser.parse_args(argv)
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
        print(f"{path}: mean of {options.database}, {mean.shape[0]} x {mean.shape[1]} x {mean.shape[2]}")
