"""The convolution and pooling unit against PyTorch."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from kits.written_blobs import Given, Made, half, run_stage

UNIT = 38
RELU = (1, 0, 0, 1)


def packed(w: NDArray[np.float16], scale: float = 1) -> Given:
    """Weights as the unit has them: output channels in blocks of 8."""
    outputs, inputs, *kernel = w.shape
    blocks = -(-outputs // 8)
    room = np.zeros((blocks * 8, inputs, int(np.prod(kernel))), np.float16)
    room[:outputs] = w.reshape(outputs, inputs, -1) * np.float16(scale)
    return Given(np.ascontiguousarray(room.reshape(blocks, 8, inputs, -1).transpose(0, 2, 3, 1)), True)


def job(
    first: int,
    count: int,
    kernel: tuple[int, int] = (3, 3),
    stride: int = 1,
    padded: bool = True,
    relu: tuple[int, ...] = (0,),
    clamp: float | None = None,
    places: tuple[int, ...] = (0, 1, 2, -1, -1),
    pool: tuple[int, int] | None = None,
) -> bytes:
    data_in, data_out, *rest = places
    words = struct.pack("<3I", 1 if pool else 0, 0, padded) + (struct.pack("<I", 0) if padded else b"")
    words += struct.pack("<5i5I", data_in, data_out, *rest, first, count, kernel[1], kernel[0], stride)
    words += struct.pack("<2I", *pool) if pool else b""
    words += struct.pack(f"<{len(relu)}I", *relu)
    words += struct.pack("<If", 1, clamp) if clamp is not None else struct.pack("<I", 0)
    return words + bytes(8)


def jobs(*each: bytes) -> bytes:
    return struct.pack("<I", len(each)) + b"".join(each) + bytes(4)


def tensor(values: NDArray[np.float16]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))


@pytest.mark.parametrize(("stride", "padded", "kernel"), [(1, True, (3, 3)), (2, False, (2, 3)), (2, True, (5, 5))])
def test_convolution_with_bias_scale_and_relu(
    stride: int, padded: bool, kernel: tuple[int, int], tmp_path: Path
) -> None:
    """Weights and bias are stored eight times as large, and the scale undoes it."""
    x, w, bias = half(1, 5, 10, 9), half(20, 5, *kernel), half(20)
    pad = tuple(side // 2 if padded else 0 for side in kernel)
    expected = F.relu(F.conv2d(tensor(x), tensor(w), tensor(bias), stride, pad)).numpy()
    data = [Given(x), Made(expected.shape), packed(w, 8), Given(bias * np.float16(8), True)]
    data.append(Given(np.full(20, 0.125, np.float16), True))
    parts = [
        job(first, count, kernel, stride, padded, RELU, places=(0, 1, 2, 3, 4)) for first, count in ((0, 16), (16, 4))
    ]
    (found,) = run_stage(tmp_path, UNIT, jobs(*parts), data, counted=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


def test_maxima_of_windows_after_the_convolution(tmp_path: Path) -> None:
    x, w = half(1, 4, 8, 12), half(8, 4, 3, 3)
    expected = F.max_pool2d(F.conv2d(tensor(x), tensor(w), padding=1), 2).numpy()
    data = [Given(x), Made(expected.shape), packed(w)]
    (found,) = run_stage(tmp_path, UNIT, jobs(job(0, 8, pool=(2, 2))), data, counted=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_leaky_relu_and_clamp(tmp_path: Path) -> None:
    """The scale holds the slope, and factors of whole numbers undo it above 0."""
    x, w = half(1, 4, 6, 5), half(8, 4, 1, 1)
    plain = F.conv2d(tensor(x), tensor(w))
    expected = F.leaky_relu(plain, 0.25).numpy()
    data = [Given(x), Made(expected.shape), packed(w), Given(np.full(8, 0.25, np.float16), True)]
    leaky = job(0, 8, (1, 1), 1, False, (1, 0, 1, 4), places=(0, 1, 2, -1, 3))
    (found,) = run_stage(tmp_path, UNIT, jobs(leaky), data, counted=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    (found,) = run_stage(tmp_path, UNIT, jobs(job(0, 8, (1, 1), 1, False, clamp=1.5)), data, counted=True)
    np.testing.assert_allclose(found, plain.clamp(0, 1.5).numpy(), rtol=0, atol=1e-5)


def test_channels_without_weights_may_hold_anything(tmp_path: Path) -> None:
    """A compiler rounds the number of channels up, and memory there holds what was there before."""
    x, w = half(1, 4, 6, 5), half(8, 4, 3, 3)
    x[:, 3], w[:, 3] = np.nan, 0
    expected = F.conv2d(tensor(x[:, :3]), tensor(w[:, :3]), padding=1).numpy()
    (found,) = run_stage(tmp_path, UNIT, jobs(job(0, 8)), [Given(x), Made(expected.shape), packed(w)], counted=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_depthwise_convolution_in_dense_weights(tmp_path: Path) -> None:
    x, own = half(1, 8, 6, 5), half(8, 1, 3, 3)
    w = np.zeros((8, 8, 3, 3), np.float16)
    w[np.arange(8), np.arange(8)] = own[:, 0]
    # A channel without any weights beside a channel of NaN.
    x[:, 0], w[0], own[0] = np.nan, 0, 0
    clean = x.copy()
    clean[:, 0] = 0
    expected = F.conv2d(tensor(clean), tensor(own), padding=1, groups=8).numpy()
    (found,) = run_stage(tmp_path, UNIT, jobs(job(0, 8)), [Given(x), Made(expected.shape), packed(w)], counted=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def pooling(average: bool, kernel: tuple[int, int], stride: int, sides: int, planes: int) -> bytes:
    words = (
        struct.pack("<5I", 4, average, 0, 1 if sides else 0, sides) if sides else struct.pack("<4I", 4, average, 0, 0)
    )
    return words + struct.pack("<5i5I", 0, 1, -1, -1, -1, 0, planes, kernel[1], kernel[0], stride) + bytes(16)


LEFT, TOP, BOTTOM, RIGHT = 8, 4, 2, 1


@pytest.mark.parametrize(
    ("sides", "before", "after"),
    [
        (0, (0, 0), (0, 0)),
        (LEFT | TOP | BOTTOM | RIGHT, (1, 1), (1, 1)),
        (TOP | BOTTOM, (1, 0), (1, 0)),
        (BOTTOM | RIGHT, (0, 0), (1, 1)),
    ],
)
def test_maximum_pooling(sides: int, before: tuple[int, int], after: tuple[int, int], tmp_path: Path) -> None:
    x = half(1, 3, 9, 9) - np.float16(5)
    around = F.pad(tensor(x), (before[1], after[1], before[0], after[0]), value=-torch.inf)
    expected = F.max_pool2d(around, 3, 2).numpy()
    data = [Given(x), Made(expected.shape)]
    (found,) = run_stage(tmp_path, UNIT, jobs(pooling(False, (3, 3), 2, sides, 3)), data, counted=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_average_pooling_counts_the_padding_and_takes_planes_of_all_pictures(tmp_path: Path) -> None:
    x = half(3, 2, 6, 7)
    expected = F.avg_pool2d(tensor(x), 3, 1, 1).numpy()
    data = [Given(x), Made(expected.shape)]
    (found,) = run_stage(tmp_path, UNIT, jobs(pooling(True, (3, 3), 1, 15, 6)), data, counted=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
