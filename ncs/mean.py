"""The mean that the network subtracts; verb `mean`: a mean.binaryproto as the .npy of the old runner."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from caffe_io.blobs import Array
from caffe_io.mean import read_mean
from common.errors import MeanError, UsageError
from common.files import atomic_file
from common.messages import shape_text

EXAMPLE = "./moka mean data/mean/mean.binaryproto graph/age_gender_mean.npy"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m ncs mean`."""
    parser.add_argument("mean", type=Path, metavar="MEAN.binaryproto", help="as compute_image_mean writes it")
    parser.add_argument("output", type=Path, metavar="OUT.npy")
    parser.add_argument("--force", action="store_true", help="replace OUT.npy")


def main(options: argparse.Namespace) -> None:
    """Convert the file that the options name."""
    mean = read_mean(options.mean)
    content = io.BytesIO()
    np.save(content, mean.astype("<f4"))
    if options.output.is_file() and options.output.read_bytes() == content.getvalue():
        print(f"mean: {options.output} already holds {options.mean}")
        return
    with atomic_file(options.output, options.force) as temporary:
        temporary.write_bytes(content.getvalue())
    print(f"mean: {options.output}, {shape_text(mean.shape)} float32 from {options.mean}")


def fit_mean(mean: Array, channels: int, height: int, width: int, file: str) -> Array:
    """The mean (C x H x W) for an input of channels x height x width: a larger one is cropped in its centre, as Caffe
    crops the picture of a TEST phase after the subtraction. Raises MeanError if it is smaller or of other channels.
    """
    if mean.shape[0] != channels or mean.shape[1] < height or mean.shape[2] < width:
        raise MeanError(
            f"{file}: is {shape_text(mean.shape)} (channels x height x width), but the net takes "
            f"{channels}x{height}x{width}; wanted the same channels and no smaller size. "
            "Give the mean of the LMDB that the net was trained on: ./create_mean.sh"
        )
    top, left = (mean.shape[1] - height) // 2, (mean.shape[2] - width) // 2
    return mean[:, top : top + height, left : left + width]


def value_mean(values: Sequence[float], channels: int) -> Array:
    """The mean C x 1 x 1 of Caffe's mean_value: one for all channels, or one for each. Raises UsageError otherwise."""
    if len(values) not in (1, channels):
        raise UsageError(
            f"--mean_value has {len(values)} values; the net has {channels} channels: give 1 or {channels}."
        )
    return np.broadcast_to(np.array(values, np.float32)[:, None, None], (channels, 1, 1)).copy()
