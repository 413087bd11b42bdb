"""Verb soft_labels: a distribution over bins for each label, in the terms of Caffe's own layers.

FILE.binaryproto is the matrix of an InfogainLoss. Row k is a Gaussian around bin k, of which all bins together are 1. The
loss is then the Kullback-Leibler divergence plus a constant, the entropy of the row.

FILE.h5 is for HDF5Data and BatchReindex. Row k belongs to label k and is a Gaussian around k that is 1 at its peak, for a
binary cross-entropy in each bin. There is a row for each label up to 120 and one more, for absent labels. A label beyond
the bins gets the row of the nearest bin. The file has two datasets, named after itself:

    NAME        rows x bins: the targets; -1 for absent labels, which SigmoidCrossEntropyLoss ignores
    NAME_gains  rows x twice the bins: weight * target, then weight * (1 - target); 0 for absent labels
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from caffe_io.blobs import Array, array_to_blob
from caffe_io.hdf5 import write_hdf5_arrays
from common.errors import MokaError, UsageError
from common.files import atomic_file, refuse_existing
from common.inputs import read_input
from common.tasks import OLDEST

EXAMPLE = "./moka soft_labels --bins 0:100 --sigma 2.5 data/soft/years.binaryproto"
# A matrix of as many bins has 400 MB.
_MOST_BINS = 10_000
_LONGEST = 1 << 24
# Smaller numbers would become subnormal float32, with which processors are slow.
_LEAST = 1e-30

Floats = npt.NDArray[np.float64]


def distributions(bins: Floats, sigma: float) -> Array:
    """Return bins x bins: in row k a Gaussian around bin k, whose values add up to 1."""
    peaks = gaussians(bins, bins, sigma)
    rows: Array = (peaks / peaks.sum(1, keepdims=True)).astype(np.float32)
    return rows


def gaussians(centres: Floats, bins: Floats, sigma: float) -> Floats:
    """Return centres x bins: in each row a Gaussian that is 1 at its centre, and 0 where that is hardly any difference."""
    values: Floats = np.exp(-((bins[None, :] - centres[:, None]) ** 2) / (2 * sigma**2))
    values[values < _LEAST] = 0
    return values


def targets_and_gains(bins: Floats, sigma: float, weights: Floats) -> tuple[Array, Array]:
    """Return the two datasets of FILE.h5."""
    labels = np.arange(max(bins[-1], OLDEST) + 1)
    targets = gaussians(labels.clip(bins[0], bins[-1]), bins, sigma)
    gains = np.hstack([weights * targets, weights * (1 - targets)])
    absent = [np.full((1, len(bins)), -1.0), np.zeros((1, 2 * len(bins)))]
    with_absent = [
        np.vstack([rows, row]).astype(np.float32) for rows, row in zip((targets, gains), absent, strict=True)
    ]
    return with_absent[0], with_absent[1]


def _write_matrix(path: Path, bins: Floats, options: argparse.Namespace) -> str:
    if options.bin_weights:
        raise UsageError(
            f"--bin_weights: is for FILE.h5. The rows of {path} are distributions, which weights would spoil."
        )
    matrix = distributions(bins, options.sigma)
    with atomic_file(path, options.force) as temporary:
        temporary.write_bytes(array_to_blob(matrix, legacy_shape=True).SerializeToString())
    return (
        f"matrix of an InfogainLoss, {len(bins)}x{len(bins)}. Labels are the numbers of bins: 0 is {bins[0]:g}, "
        f"{len(bins) - 1} is {bins[-1]:g}"
    )


def _write_targets(path: Path, bins: Floats, options: argparse.Namespace) -> str:
    weights = _read_weights(options.bin_weights, len(bins)) if options.bin_weights else np.ones(len(bins))
    targets, gains = targets_and_gains(bins, options.sigma, weights)
    write_hdf5_arrays(path, {path.stem: targets, f"{path.stem}_gains": gains}, options.force)
    rows = len(targets)
    return (
        f"{path.stem} ({rows}x{len(bins)}) and {path.stem}_gains ({rows}x{2 * len(bins)}) for HDF5Data with batch_size "
        f"{rows}. Labels are numbers from 0 to {rows - 2}; an absent one is {rows - 1}"
    )


FORMS: dict[str, Callable[[Path, Floats, argparse.Namespace], str]] = {
    ".binaryproto": _write_matrix,
    ".h5": _write_targets,
}
"""Ending of the output -> its writer, which returns a few words about what it wrote."""


def _read_weights(path: str, bins: int) -> Floats:
    """Read one number a line. Raises MokaError with the line that holds no such number."""
    try:
        lines = read_input(path, _LONGEST).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise MokaError(f"{path}: cannot be read ({error.strerror}). Expected {bins} weights, one a line.") from error
    if len(lines) != bins:
        raise MokaError(f"{path}: has {len(lines)} lines; expected {bins}, a weight for each bin.")
    weights = []
    for number, line in enumerate(lines, start=1):
        try:
            weights.append(float(line))
        except ValueError:
            weights.append(math.nan)
        if not 0 <= weights[-1] < math.inf:
            raise MokaError(f"{path}, line {number}: {line!r} is no weight. Expected a number of at least 0.")
    return np.array(weights)


def parse_bins(text: str) -> Floats:
    """Return the bins that FIRST:LAST names: whole numbers, both included. Raises UsageError."""
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and len(text) < 20 and int(first) < int(last)):
        raise UsageError(f"--bins {text}: expected FIRST:LAST, two whole numbers from 0, for example 0:100.")
    if int(last) - int(first) >= _MOST_BINS or int(last) >= 10 * _MOST_BINS:
        raise UsageError(f"--bins {text}: at most {_MOST_BINS} bins, which end before {10 * _MOST_BINS}.")
    return np.arange(int(first), int(last) + 1, dtype=np.float64)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("output", metavar="FILE", type=Path, help=f"file to write; its ending is {' or '.join(FORMS)}")
    parser.add_argument("--bins", required=True, metavar="FIRST:LAST", help="the bins: whole numbers, both included")
    parser.add_argument(
        "--sigma", required=True, type=float, metavar="S", help="width of the Gaussian, in the bins' unit"
    )
    parser.add_argument("--bin_weights", metavar="FILE", help="a text file with the weight of each bin, one a line")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def main(options: argparse.Namespace) -> None:
    """Write the file that the options describe."""
    ending = options.output.suffix
    if ending not in FORMS:
        raise UsageError(f"{options.output}: what to write depends on its ending. Expected {' or '.join(FORMS)}.")
    if not 1e-3 <= options.sigma <= 1e6:
        raise UsageError(f"--sigma {options.sigma:g}: expected a number above 0; 2.5 is usual for ages.")
    bins = parse_bins(options.bins)
    refuse_existing(options.output, options.force)
    print(f"{options.output}: {FORMS[ending](options.output, bins, options)}")
