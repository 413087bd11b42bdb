"""The mean that a network subtracts, and the verb `mean`, which writes it as .npy."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from caffe_io.blobs import Array
from caffe_io.mean import read_mean
from common.errors import MeanError
from common.files import atomic_file
from common.messages import shape_text

if TYPE_CHECKING:
    from common.card import MeanEntry

EXAMPLE = "./moka mean data/mean/mean.binaryproto graph/age_gender_mean.npy"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("mean", type=Path, metavar="MEAN.binaryproto", help="as compute_image_mean writes it")
    parser.add_argument("output", type=Path, metavar="OUT.npy")
    parser.add_argument("--force", action="store_true", help="replace OUT.npy")


def main(options: argparse.Namespace) -> None:
    """Write a mean.binaryproto as the .npy that runners before the model card took."""
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
    """Return the part of a mean (C x H x W) that an input of channels x height x width subtracts.

    A larger mean is cropped at its centre, because Caffe subtracts the mean first and then crops the centre of a
    picture in the TEST phase. Raises MeanError if the mean is smaller or has other channels.
    """
    if mean.shape[0] != channels or mean.shape[1] < height or mean.shape[2] < width:
        raise MeanError(
            f"{file}: is {shape_text(mean.shape)} (channels x height x width), but the net takes "
            f"{channels}x{height}x{width}; expected the same channels and no smaller size. "
            "Give the mean of the LMDB that the net was trained on (./create_mean.sh makes it)."
        )
    top, left = (mean.shape[1] - height) // 2, (mean.shape[2] - width) // 2
    return mean[:, top : top + height, left : left + width]


def describe_mean(mean: Array | None, inside: Array | None, channels: int) -> MeanEntry:
    """Return what the card says about the mean of an input of `channels`.

    `mean` is the mean as its file holds it, whose hash goes on the card. `inside` is what the network subtracts.
    """
    from common.card import MeanEntry, mean_hash

    if mean is None or inside is None:
        return MeanEntry(inside=True, kind="none", sha256=None, channel_means=[0] * channels)
    return MeanEntry(
        # Always: the device is fed raw bytes.
        inside=True,
        kind="values" if mean.shape[1:] in ((), (1, 1)) else "image",
        sha256=mean_hash(mean),
        channel_means=channel_means(inside),
    )


def channel_means(mean: Array) -> list[float]:
    """Return the mean of each channel of a mean (channels first), rounded for the card."""
    return [round(float(value), 4) for value in mean.reshape(len(mean), -1).mean(1, dtype=np.float64)]
