"""Convolutions of the SHAVEs against PyTorch's, in all orders of weights."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from kits.written_blobs import Given, Made, half, run_stage

CONV, DEPTH, FC, DECONV, IM2COL, DEPTH_DECONV = 0, 8, 4, 22, 49, 63


def tensor(values: NDArray[np.float16]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))


@pytest.mark.parametrize(
    ("kind", "order", "kernel", "outputs", "stored"),
    [
        (CONV, "", (3, 3), 5, "kkoi"),
        (CONV, "", (1, 1), 5, "oikk"),
        (CONV, "NHWC", (3, 3), 5, "kkio"),
        (CONV, "NHWC", (3, 3), 70, "kkoi"),
        (CONV, "NHWC", (1, 3), 5, "kkoi"),
        (CONV, "NHWC", (2, 2), 5, "kkoi"),
        (IM2COL, "", (3, 2), 5, "okki"),
    ],
)
def test_convolution(kind: int, order: str, kernel: tuple[int, int], outputs: int, stored: str, tmp_path: Path) -> None:
    x, w = half(1, 4, 11, 9), half(outputs, 4, *kernel)
    expected = F.conv2d(tensor(x), tensor(w), stride=(2, 1), padding=(1, 0), dilation=(1, 2)).numpy()
    orders = {"kkoi": (2, 3, 0, 1), "oikk": (0, 1, 2, 3), "kkio": (2, 3, 1, 0), "okki": (0, 2, 3, 1)}
    raw = w.transpose(orders[stored])
    parameters = struct.pack("<8I", kernel[1], kernel[0], 1, 2, 0, 1, 2, 1)
    weights = Given(w.reshape(outputs, 4, -1), True, raw=raw)
    (found,) = run_stage(
        tmp_path, kind, parameters, [Given(x, order=order), Made(expected.shape, order=order), weights]
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_depthwise_convolution(tmp_path: Path) -> None:
    x, w = half(1, 4, 8, 9), half(4, 1, 3, 3)
    expected = F.conv2d(tensor(x), tensor(w), stride=2, padding=1, groups=4).numpy()
    weights = Given(w.reshape(4, 1, 9), True, raw=w.transpose(2, 3, 0, 1))
    data = [Given(x), Made(expected.shape), weights]
    (found,) = run_stage(tmp_path, DEPTH, struct.pack("<8I", 3, 3, 2, 2, 1, 1, 1, 1), data)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_inner_product_follows_pixels_and_then_channels(tmp_path: Path) -> None:
    x, w = half(1, 3, 2, 4), half(5, 3, 2, 4)
    expected = np.einsum("ncyx,ocyx->no", x.astype(np.float32), w.astype(np.float32))
    weights = Given(w.reshape(5, 3, 8), True, raw=w.transpose(2, 3, 1, 0))
    (found,) = run_stage(tmp_path, FC, b"", [Given(x, order="NHWC"), Made((1, 5)), weights])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("kernel", "stride", "pad"), [((3, 4), (2, 1), (1, 0)), ((2, 2), (3, 3), (0, 0))])
def test_deconvolution(kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], tmp_path: Path) -> None:
    x, w = half(1, 3, 5, 4), half(3, 6, *kernel)
    expected = F.conv_transpose2d(tensor(x), tensor(w), stride=stride, padding=pad).numpy()
    weights = Given(w.reshape(6, 3, -1), True, raw=w[:, :, ::-1, ::-1].transpose(2, 3, 1, 0))
    parameters = struct.pack("<6I", *kernel[::-1], *stride[::-1], *pad[::-1])
    (found,) = run_stage(tmp_path, DECONV, parameters, [Given(x), Made(expected.shape), weights])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("order", "stored"), [("", (0, 1, 2)), ("NHWC", (1, 2, 0))])
def test_depthwise_deconvolution(order: str, stored: tuple[int, int, int], tmp_path: Path) -> None:
    x, w = half(1, 3, 5, 4), half(3, 1, 4, 4)
    expected = F.conv_transpose2d(tensor(x), tensor(w), stride=2, padding=1, groups=3).numpy()
    weights = Given(w.reshape(3, 1, 16), True, raw=w[:, 0, ::-1, ::-1].transpose(stored))
    data = [Given(x, order=order), Made(expected.shape, order=order), weights]
    (found,) = run_stage(tmp_path, DEPTH_DECONV, struct.pack("<6I", 4, 4, 2, 2, 1, 1), data)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
