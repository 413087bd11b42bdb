"""All other stages that compute numbers, against formulas of PyTorch or numpy."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from kits.written_blobs import NOTHING, Given, Made, half, run_stage
from myriad import BlobError
from myriad.execution.table import FUNCTIONS
from myriad.kinds import KINDS

NUMBERS = {kind.name: number for number, kind in KINDS.items()}
Tensor = torch.Tensor
Floats = NDArray[np.float32]


def tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def check(
    folder: Path, name: str, parameters: bytes, x: NDArray[Any], expected: Any, *more: Any, tolerance: float = 2e-6
) -> None:
    """Run a stage with one input and one output, and compare with `expected`."""
    wanted = np.asarray(expected, np.float32)
    (found,) = run_stage(folder, NUMBERS[name], parameters, [Given(x), Made(wanted.shape), *more])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * max(1, np.abs(wanted).max()))


def floats(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}i", *numbers)


ACTIVATIONS: dict[str, tuple[bytes, Callable[[Tensor], Tensor]]] = {
    "Sigmoid": (b"", torch.sigmoid),
    "Tanh": (b"", torch.tanh),
    "Exp": (b"", torch.exp),
    "Floor": (b"", torch.floor),
    "Ceiling": (b"", torch.ceil),
    "Erf": (b"", torch.erf),
    "Gelu": (b"", F.gelu),
    "Mish": (b"", F.mish),
    "SoftPlus": (b"", F.softplus),
    "HSwish": (b"", F.hardswish),
    "Elu": (floats(0.7), lambda x: F.elu(x, 0.7)),
    "Swish": (floats(1.5), lambda x: x * torch.sigmoid(1.5 * x)),
    "Clamp": (floats(-0.5, 0.75), lambda x: x.clamp(-0.5, 0.75)),
    "Round": (words(0), torch.round),
    "Power": (floats(2.0, 0.5, 3.0), lambda x: (x * 0.5 + 2) ** 3),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str, tmp_path: Path) -> None:
    parameters, function = ACTIVATIONS[name]
    x = half(2, 3, 4, 5) * np.float16(3)
    check(tmp_path, name, parameters, x, function(tensor(x)))


def test_logarithm_and_the_rounding_of_halves(tmp_path: Path) -> None:
    x = np.abs(half(1, 3, 4, 5)) + np.float16(0.1)
    check(tmp_path, "Log", b"", x, torch.log(tensor(x)))
    halves = np.array([[-2.5, -0.5, 0.5, 1.5, 2.5]], np.float16)
    check(tmp_path, "Round", words(1), halves, [[-3, -1, 1, 2, 3]])
    with pytest.raises(BlobError, match="rounds in mode 7"):
        check(tmp_path, "Round", words(7), halves, halves)


@pytest.mark.parametrize(
    ("name", "vectors", "function"),
    [
        ("Bias", 1, lambda x, a: x + a),
        ("Scale", 1, lambda x, a: x * a),
        ("ScaleShift", 2, lambda x, a, b: x * a + b),
        ("PRelu", 1, lambda x, a: np.where(x > 0, x, x * a)),
    ],
)
def test_numbers_for_each_channel(name: str, vectors: int, function: Any, tmp_path: Path) -> None:
    x, numbers = half(1, 6, 4, 5), [half(6, seed=seed) for seed in range(vectors)]
    expected = function(x.astype(np.float32), *(vector.astype(np.float32)[:, None, None] for vector in numbers))
    check(tmp_path, name, b"", x, expected, *(Given(vector, True) for vector in numbers))


@pytest.mark.parametrize("name", ["Relu", "LeakyRelu", "BiasRelu", "BiasLeakyRelu"])
def test_relu(name: str, tmp_path: Path) -> None:
    x, bias = half(1, 6, 4, 5), half(6)
    has_bias, slope = name.startswith("Bias"), 0.25 if "Leaky" in name else 0.0
    before = tensor(x) + (tensor(bias)[:, None, None] if has_bias else 0)
    more = [Given(bias, True)] if has_bias else []
    check(tmp_path, name, struct.pack("<If", has_bias, slope), x, F.leaky_relu(before, slope), *more)


COMBINATIONS: dict[str, Callable[[Floats, Floats], Any]] = {
    "Sum": lambda a, b: 0.5 * a - 2 * b,
    "Prod": np.multiply,
    "Max": np.maximum,
    "Min": np.minimum,
    "Div": np.divide,
    "Squared_diff": lambda a, b: (a - b) ** 2,
    "Floor_mod": np.mod,
    "Equal": np.equal,
    "Greater": np.greater,
    "Less_equal": np.less_equal,
    "Logical_AND": np.logical_and,
    "Logical_XOR": np.logical_xor,
}


def eltwise(first: float = 0.5, second: float = -2.0, post: int = -1, low: float = 0.0, high: float = 1.0) -> bytes:
    return struct.pack("<2fi3f", first, second, post, 0.25, low, high)


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (1, 3, 1, 5), (1, 1, 1, 1), (5,)])
@pytest.mark.parametrize("name", COMBINATIONS)
def test_arithmetic_broadcasts_as_numpy(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    a, b = half(1, 3, 4, 5), half(*shape, seed=1)
    a[0, 0, 0], b.ravel()[0] = 0, a[0, 1, 1, 0]
    expected = COMBINATIONS[name](a.astype(np.float32), b.astype(np.float32))
    check(tmp_path, name, eltwise(), a, expected, Given(b), NOTHING)


@pytest.mark.parametrize(
    ("post", "function"),
    [
        (6, lambda x: np.maximum(x, 0)),
        (44, lambda x: np.where(x > 0, x, x / 4)),
        (57, lambda x: np.clip(x, -0.5, 0.75)),
    ],
)
def test_what_is_done_after_a_sum(post: int, function: Any, tmp_path: Path) -> None:
    a, b = half(1, 3, 4, 5), half(1, 3, 4, 5, seed=1)
    expected = function(a.astype(np.float32) + b.astype(np.float32))
    check(tmp_path, "Sum", eltwise(1, 1, post, -0.5, 0.75), a, expected, Given(b), NOTHING)
    with pytest.raises(BlobError, match="followed by stage type 9"):
        check(tmp_path, "Sum", eltwise(1, 1, 9), a, expected, Given(b), NOTHING)


def test_select_and_matrices(tmp_path: Path) -> None:
    condition, a, b = np.array([[1, 0, 1, 0]], np.int32), half(1, 4), half(1, 4, seed=1)
    parts = [Given(condition), Made((1, 4)), Given(a), Given(b)]
    (found,) = run_stage(tmp_path, NUMBERS["Select"], bytes(24), parts)
    np.testing.assert_array_equal(found, np.where(condition, a, b))
    a, b = half(1, 2, 6, 4), half(1, 2, 6, 5)
    expected = 0.5 * np.einsum("nckm,nckp->ncmp", a.astype(np.float32), b.astype(np.float32))
    parts = [Given(a), Given(b), Made(expected.shape)]
    (found,) = run_stage(tmp_path, NUMBERS["GEMM"], struct.pack("<2f3i", 0.5, 1, 0, 1, 0), parts)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("exclude", [False, True])
def test_pooling(exclude: bool, tmp_path: Path) -> None:
    x = half(2, 3, 9, 8)
    window = struct.pack("<7I", 2, 3, 2, 1, 0, 1, exclude)
    average = F.avg_pool2d(tensor(x), (3, 2), (1, 2), (1, 0), count_include_pad=not exclude)
    check(tmp_path, "AvgPool", window, x, average)
    maximum = F.max_pool2d(tensor(x), (3, 2), (1, 2), (1, 0))
    check(tmp_path, "MaxPool", window, x, maximum)
    check(tmp_path, "GlobalMaxPool", window, x, tensor(x).amax((2, 3), keepdim=True))


def test_the_last_average_hangs_over_the_edge(tmp_path: Path) -> None:
    """As Caffe has it, whose sizes are rounded up."""
    x = half(1, 3, 8, 8)
    expected = F.avg_pool2d(tensor(x), 3, 3, ceil_mode=True, count_include_pad=False)
    assert expected.shape[2:] == (3, 3)
    check(tmp_path, "AvgPool", struct.pack("<7I", 3, 3, 3, 3, 0, 0, 1), x, expected)


def test_normalisation(tmp_path: Path) -> None:
    x = half(1, 6, 4, 5)
    t = tensor(x)
    for axis, dim in ((2, 1), (0, 3)):
        check(tmp_path, "SoftMax", words(axis), x, F.softmax(t, dim))
    lrn = struct.pack("<I", 3) + np.array([1, 0.5, 0.75, 0], np.float16).tobytes()
    check(tmp_path, "LRN", lrn, x, F.local_response_norm(t, 3, 0.5, 0.75, 1))
    around = F.avg_pool2d(t**2, 3, 1, 1)
    check(tmp_path, "InnerLRN", lrn, x, t * (1 + 0.5 * around) ** -0.75)
    check(tmp_path, "GRN", floats(0.25), x, t / torch.sqrt((t**2).sum(1, keepdim=True) + 0.25))
    check(tmp_path, "MVN", struct.pack("<3if", 1, 0, 0, 1e-3), x, F.instance_norm(t, eps=1e-3))
    check(tmp_path, "MVN", struct.pack("<3if", 1, 1, 0, 1e-3), x, F.group_norm(t, 1, eps=1e-3))
    scales = half(6)
    expected = F.normalize(t, dim=1) * tensor(scales)[:, None, None]
    check(tmp_path, "Normalize", struct.pack("<2if", 0, 0, 1e-12), x, expected, Given(scales, True))
    whole = t / torch.linalg.vector_norm(t) * tensor(scales)[0]
    check(tmp_path, "Normalize", struct.pack("<2if", 1, 1, 1e-12), x, whole, Given(scales[:1], True))


@pytest.mark.parametrize(
    ("name", "function"), [("ReduceMean", np.mean), ("ReduceSum", np.sum), ("ReduceMax", np.max), ("ReduceMin", np.min)]
)
def test_reduction_counts_axes_from_the_innermost(name: str, function: Any, tmp_path: Path) -> None:
    x, axes = half(1, 6, 4, 5), Given(np.array([0, 2], np.int32), True)
    check(tmp_path, name, words(1), x, function(x.astype(np.float32), axis=(1, 3), keepdims=True), axes)


def test_the_largest_numbers(tmp_path: Path) -> None:
    x = half(1, 6, 4, 5)
    values, places = torch.topk(tensor(x), 2, 1)
    parts = [Given(x), Given(np.array([2], np.int32), True), Made(values.shape), Made(values.shape, "int32")]
    found = run_stage(tmp_path, NUMBERS["TopK"], words(2, 0, 1, 1, 1), parts)
    np.testing.assert_array_equal(found[0], values)
    np.testing.assert_array_equal(found[1], places)
    found = run_stage(tmp_path, NUMBERS["TopK"], words(2, 1, 2, 1, 1), parts)
    lowest = np.sort(np.argsort(x, axis=1)[:, :2], axis=1)
    np.testing.assert_array_equal(found[1], lowest)
    np.testing.assert_array_equal(found[0], np.take_along_axis(x, lowest, 1))


def test_arrangement(tmp_path: Path) -> None:
    x = half(1, 6, 4, 5)
    check(tmp_path, "Copy", b"", x, x)
    permuted = words(2, 0, 1, 3, -1, -1, -1, -1)
    # The new innermost dimension is C, then W, then H.
    check(tmp_path, "Permute", permuted, x, x.transpose(0, 2, 3, 1))
    check(tmp_path, "Tile", words(2, 3), x, np.tile(x, (1, 3, 1, 1)))
    for number, mode in enumerate(("constant", "edge", "reflect", "symmetric")):
        sides = struct.pack("<8IfI", 1, 2, 2, 1, 0, 1, 0, 0, 1.5, number)
        extra: dict[str, Any] = {"constant_values": 1.5} if mode == "constant" else {}
        expected = np.pad(x, [(0, 0), (0, 1), (2, 1), (1, 2)], mode, **extra)  # type: ignore[call-overload]
        check(tmp_path, "Pad", sides, x, expected)
    check(tmp_path, "Gather", words(2), x, x[:, [4, 0]], Given(np.array([4, 0], np.int32), True))
    with pytest.raises(BlobError, match="takes number 6 of 6"):
        check(tmp_path, "Gather", words(2), x, x[:, [4, 0]], Given(np.array([6, 0], np.int32), True))


def test_bytes_become_numbers(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (1, 3, 4, 5), np.uint8)
    check(tmp_path, "Convert", struct.pack("<2f2i", 0.5, -3, 0, 1), x, x * 0.5 - 3)


def test_resizing(tmp_path: Path) -> None:
    x = half(1, 3, 5, 4)
    t = tensor(x)
    nearest = struct.pack("<if3I", 0, -1, 0, 2, 2)
    check(tmp_path, "Resample", nearest, x, F.interpolate(t, (11, 7), mode="nearest"))
    exact = struct.pack("<if3I", 0, -1, 0, 0, 1)
    check(tmp_path, "Resample", exact, x, F.interpolate(t, (10, 12), mode="nearest-exact"))
    corners = F.interpolate(t, (11, 7), mode="bilinear", align_corners=True)
    check(tmp_path, "Interp", struct.pack("<i2I", 1, 2, 4), x, corners, tolerance=1e-5)
    middles = F.interpolate(t, (11, 7), mode="bilinear", align_corners=False)
    check(tmp_path, "Interp", struct.pack("<i2I", 0, 2, 0), x, middles, tolerance=1e-5)
    zeros = np.zeros((1, 3, 1 + 4 * 2 + 1 + 2, 3 * 3 + 1 + 1), np.float16)
    zeros[:, :, 1:10:2, 0:10:3] = x
    check(tmp_path, "Upsampling", words(3, 2, 1, 0, 1, 1, 2, 0, 0), x, zeros)


def test_one_step_of_an_lstm(tmp_path: Path) -> None:
    """PyTorch's gates come in the order input, forget, cell, output."""
    cell = torch.nn.LSTMCell(6, 5)
    for blob in cell.parameters():
        blob.data = torch.from_numpy(half(*blob.shape).astype(np.float32))
    x, hidden, state = half(1, 6), half(1, 5), half(1, 5, seed=1)
    expected = cell(tensor(x), (tensor(hidden), tensor(state)))
    order = [1, 0, 2, 3]
    own = [blob.detach().numpy().reshape(4, 5, -1)[order].reshape(20, -1) for blob in cell.parameters()]
    weights = np.concatenate([own[0].ravel(), own[1].ravel()]).astype(np.float16)
    bias = own[2] + own[3]
    parts = [Given(x), Given(hidden), Given(state), Given(weights, True)]
    # Sums of two halves need not be halves.
    parts += [Given(bias.ravel().astype(np.float32), True), Made((1, 5)), Made((1, 5))]
    found = run_stage(tmp_path, NUMBERS["LSTMCell"], words(1, 1, 1, 1, 2), parts)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-5)


def test_every_function_belongs_to_a_kind() -> None:
    assert set(FUNCTIONS) < set(KINDS)
    assert len(FUNCTIONS) > 60
