"""The batch normalisations of forks: which kind a layer is, and its blobs as vectors."""

from __future__ import annotations

from collections.abc import Sequence

from ..blobs import Array
from ..caffe_pb2 import BatchNormParameter, BNParameter

SEGNET_EPS = 1e-9
"""What SegNet's BN adds to a variance; no field says so."""


def is_segnets(param: BNParameter) -> bool:
    """Whether a BN is SegNet's, with two blobs (scale, shift), and not PSPNet's, with four (and mean and variance)."""
    return any(param.HasField(name) for name in ("bn_mode", "scale_filler", "shift_filler"))


def scales_too(param: BatchNormParameter) -> bool:
    """Whether a BatchNorm is NVIDIA's that also does the work of Scale; its blobs 3 and 4 are factor and bias."""
    return param.scale_bias or param.HasField("scale_filler") or param.HasField("bias_filler")


def as_vectors(blobs: Sequence[Array]) -> list[Array]:
    """Drop the axes of size 1 that forks put around one number for each channel: 1xC, or 1xCx1x1."""
    return [blob.reshape(-1) if blob.size == max(blob.shape, default=1) else blob for blob in blobs]
