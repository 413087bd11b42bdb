"""Operations of today's OpenVINO with random parameters, each a small model, for the tests of ncs/lowering."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset1, opset3, opset4, opset5, opset6, opset7, opset8, opset9, opset11, opset12, opset13, opset14

Random = np.random.Generator
Make = Callable[[Random, Any], Any]
"""From random numbers and the input to the operation."""


class Case(NamedTuple):
    """The shape of the input, and what makes the operation; `positive` for one that needs numbers above 0."""

    shape: tuple[int, ...]
    make: Make
    positive: bool = False


def _pick(random: Random, *choices: Any) -> Any:
    return choices[int(random.integers(len(choices)))]


def _ints(random: Random, low: int, high: int, count: int = 2) -> list[int]:
    return [int(v) for v in random.integers(low, high + 1, count)]


def _i(*values: int) -> Any:
    return opset1.constant(np.array(values, np.int64))


def _avg_pool(random: Random, x: Any) -> Any:
    kernel = _ints(random, 1, 5)
    begin, end = ([int(random.integers(0, side)) for side in kernel] for _ in range(2))
    if random.random() < 0.3:
        begin = end = [0, 0]
    rounding = _pick(random, "floor", "ceil", "ceil_torch")
    strides = [int(random.integers(1, side + 1)) for side in kernel]
    # With a padding that counts, OpenVINO's CPU plugin divides by another number than PyTorch, which is asked elsewhere.
    exclude = bool(random.integers(2)) or (rounding == "ceil_torch" and any((*begin, *end)))
    auto = _pick(random, "explicit", "explicit", "same_upper")
    return opset14.avg_pool(x, strides, begin, end, kernel, exclude, rounding, auto)


def _max_pool(random: Random, x: Any) -> Any:
    kernel = _ints(random, 1, 5)
    begin, end = ([int(random.integers(0, side)) for side in kernel] for _ in range(2))
    strides = _ints(random, 1, 3)
    auto = _pick(random, "explicit", "explicit", "same_upper", "same_lower", "valid")
    return opset8.max_pool(
        x, strides, [1, 1], begin, end, kernel, _pick(random, "floor", "ceil"), auto_pad=auto
    ).output(0)


def _convolution(random: Random, x: Any) -> Any:
    kernel, dilations = _ints(random, 1, 3), _ints(random, 1, 2)
    weights = random.standard_normal((4, 12, *kernel)).astype(np.float32)
    auto = _pick(random, "explicit", "same_upper", "same_lower", "valid")
    return opset1.convolution(
        x, weights, _ints(random, 1, 2), _ints(random, 0, 2), _ints(random, 0, 2), dilations, auto
    )


def _group_convolution(random: Random, x: Any) -> Any:
    groups = _pick(random, 2, 3, 6)
    weights = random.standard_normal((groups, 2, 12 // groups, *_ints(random, 1, 3))).astype(np.float32)
    return opset1.group_convolution(x, weights, _ints(random, 1, 2), _ints(random, 0, 2), _ints(random, 0, 2), [1, 1])


def _deconvolution(random: Random, x: Any) -> Any:
    side = int(random.integers(2, 5))
    weights = random.standard_normal((12, 3, side, side)).astype(np.float32)
    pad = int(random.integers(0, 2))
    stride = int(random.integers(1, 3))
    return opset1.convolution_backprop_data(
        x, weights, [stride, stride], None, [pad, pad], [pad, pad], output_padding=[stride - 1, stride - 1]
    )


def _interpolate(random: Random, x: Any) -> Any:
    mode = _pick(random, "nearest", "linear_onnx")
    coordinates = _pick(random, "half_pixel", "asymmetric", "pytorch_half_pixel")
    if mode == "linear_onnx":
        coordinates = _pick(random, coordinates, "align_corners")
    nearest = _pick(random, "floor", "round_prefer_floor", "round_prefer_ceil") if mode == "nearest" else "floor"
    sizes = _pick(random, [20, 16], [10, 24], [15, 9], [5, 4])
    return opset11.interpolate(
        x, np.array(sizes), mode, "sizes", None, None, coordinates, nearest, axes=np.array([2, 3])
    )


def _slice(random: Random, x: Any) -> Any:
    start, stop = sorted(_ints(random, 0, 9))
    axis = _pick(random, 1, 2, 3)
    size = (1, 12, 10, 8)[axis]
    start = min(start, size - 1)
    stop = _pick(random, max(start + 1, min(stop, size)), 2**31 - 1)
    if random.random() < 0.3:
        start -= size
    return opset8.slice(x, _i(start), _i(stop), _i(_pick(random, 1, 1, 2)), _i(_pick(random, axis, axis - 4)))


def _strided_slice(random: Random, x: Any) -> Any:
    row = int(random.integers(0, 10))
    shrink = int(random.integers(2))
    return opset1.strided_slice(
        x, _i(0, row, 1), _i(0, row + 1, 9), _i(1, 1, 2), [1, 0, 0], [1, 0, 0], [], [0, shrink, 0]
    )


def _gather(random: Random, x: Any) -> Any:
    axis = _pick(random, 1, 2, 3, -1)
    size = (1, 12, 10, 8)[axis]
    if random.random() < 0.3:
        return opset8.gather(x, opset1.constant(np.array(int(random.integers(-size, size)), np.int64)), _i(axis))
    rows = random.integers(-size, size, int(random.integers(1, 5)))
    return opset8.gather(x, _i(*rows), _i(axis))


def _pad(random: Random, x: Any) -> Any:
    mode = _pick(random, "constant", "edge", "reflect")
    begin, end = ([0, 0, *_ints(random, -1, 3)] for _ in range(2))
    return opset12.pad(x, _i(*begin), _i(*end), mode, np.float32(_pick(random, 0, 1.5)) if mode == "constant" else None)


def _transpose(random: Random, x: Any) -> Any:
    return opset1.transpose(x, _i(0, *(int(v) for v in 1 + random.permutation(3))))


def _reduce(random: Random, x: Any) -> Any:
    reduce = _pick(
        random,
        opset1.reduce_mean,
        opset1.reduce_sum,
        opset1.reduce_max,
        opset1.reduce_min,
        opset4.reduce_l1,
        opset4.reduce_l2,
    )
    axes = _pick(random, [2, 3], [1], [-1], [1, 2, 3])
    return reduce(x, _i(*axes), bool(random.integers(2)))


def _mvn(random: Random, x: Any) -> Any:
    axes = _pick(random, [2, 3], [1, 2, 3], [-1])
    return opset6.mvn(x, _i(*axes), bool(random.integers(2)), 1e-3, _pick(random, "INSIDE_SQRT", "OUTSIDE_SQRT"))


def _batch_norm(random: Random, x: Any) -> Any:
    gamma, beta, mean = (random.standard_normal(12).astype(np.float32) for _ in range(3))
    variance = random.uniform(0.5, 2, 12).astype(np.float32)
    return opset5.batch_norm_inference(x, *map(opset1.constant, (gamma, beta, mean, variance)), 1e-3)


def _attention(random: Random, x: Any) -> Any:
    query = opset1.reshape(x, _i(1, 12, 10, 8), False)
    return opset13.scaled_dot_product_attention(query, opset1.tanh(query), opset1.sigmoid(query))


def _plus_axis(random: Random, x: Any) -> Any:
    return opset1.squeeze(opset1.unsqueeze(opset1.relu(x), _i(2)), _i(0))


# More channels than rows and columns: no pictures, which would take bytes.
IMAGE = (1, 12, 10, 8)
ODD = (1, 14, 11, 13)
CASES: Mapping[str, Case] = {
    "abs": Case(IMAGE, lambda random, x: opset1.absolute(x)),
    "add": Case(IMAGE, lambda random, x: opset1.add(x, random.standard_normal((12, 1, 1)).astype(np.float32))),
    "attention": Case(IMAGE, _attention),
    "avg_pool": Case(IMAGE, _avg_pool),
    "avg_pool_odd": Case(ODD, _avg_pool),
    "batch_norm": Case(IMAGE, _batch_norm),
    "broadcast": Case((1, 12, 1, 8), lambda random, x: opset3.broadcast(x, _i(1, 12, int(random.integers(1, 5)), 8))),
    "clamp": Case(IMAGE, lambda random, x: opset1.clamp(x, -0.5, float(random.uniform(0, 1)))),
    "convolution": Case(IMAGE, _convolution),
    "deconvolution": Case(IMAGE, _deconvolution),
    "depth_to_space": Case(
        (1, 8, 3, 5), lambda random, x: opset1.depth_to_space(x, _pick(random, "blocks_first", "depth_first"), 2)
    ),
    "divide": Case(IMAGE, lambda random, x: opset1.divide(x, random.uniform(1, 2, (12, 1, 1)).astype(np.float32))),
    "elu": Case(IMAGE, lambda random, x: opset1.elu(x, float(random.uniform(0.1, 2)))),
    "exp": Case(IMAGE, lambda random, x: opset1.exp(x)),
    "gather": Case(IMAGE, _gather),
    "gelu": Case(IMAGE, lambda random, x: opset7.gelu(x, _pick(random, "erf", "tanh"))),
    "group_convolution": Case(IMAGE, _group_convolution),
    "hard_sigmoid": Case(
        IMAGE, lambda random, x: opset1.hard_sigmoid(x, np.float32(random.uniform(0.1, 1)), np.float32(0.4))
    ),
    "hsigmoid": Case(IMAGE, lambda random, x: opset5.hsigmoid(x)),
    "hswish": Case(IMAGE, lambda random, x: opset4.hswish(x)),
    "interpolate": Case(IMAGE, _interpolate),
    "log": Case(IMAGE, lambda random, x: opset1.log(x), True),
    "log_softmax": Case(IMAGE, lambda random, x: opset5.log_softmax(x, _pick(random, 1, -1))),
    "lrn": Case(IMAGE, lambda random, x: opset1.lrn(x, _i(1), 0.5, 0.75, _pick(random, 1.0, 2.0), 3)),
    "matmul": Case(
        IMAGE, lambda random, x: opset1.matmul(x, random.standard_normal((5, 8)).astype(np.float32), False, True)
    ),
    "max_pool": Case(ODD, _max_pool),
    "mish": Case(IMAGE, lambda random, x: opset4.mish(x)),
    "mvn": Case(IMAGE, _mvn),
    "negative": Case(IMAGE, lambda random, x: opset1.negative(x)),
    "normalize_l2": Case(IMAGE, lambda random, x: opset1.normalize_l2(x, _i(1), 1e-3, _pick(random, "add", "max"))),
    "pad": Case(IMAGE, _pad),
    "power": Case(IMAGE, lambda random, x: opset1.power(x, np.float32(random.uniform(0.5, 3))), True),
    "prelu": Case(
        IMAGE, lambda random, x: opset1.prelu(x, random.uniform(0, 1, _pick(random, 1, 12)).astype(np.float32))
    ),
    "prelu_image": Case(IMAGE, lambda random, x: opset1.prelu(x, random.uniform(0, 1, IMAGE).astype(np.float32))),
    "reduce": Case(IMAGE, _reduce),
    "selu": Case(IMAGE, lambda random, x: opset1.selu(x, np.float32(1.67), np.float32(1.05))),
    "shuffle_channels": Case(IMAGE, lambda random, x: opset3.shuffle_channels(x, 1, _pick(random, 2, 3))),
    "slice": Case(IMAGE, _slice),
    "softmax": Case(IMAGE, lambda random, x: opset8.softmax(x, _pick(random, 1, -1, 2))),
    "softplus": Case(IMAGE, lambda random, x: opset4.softplus(x)),
    "softsign": Case(IMAGE, lambda random, x: opset9.softsign(x)),
    "space_to_depth": Case(
        IMAGE, lambda random, x: opset1.space_to_depth(x, _pick(random, "blocks_first", "depth_first"), 2)
    ),
    "split": Case(
        IMAGE, lambda random, x: opset1.split(x, opset1.constant(np.int64(1)), _pick(random, 2, 3)).output(1)
    ),
    "sqrt": Case(IMAGE, lambda random, x: opset1.sqrt(x), True),
    "squeeze": Case(IMAGE, _plus_axis),
    "strided_slice": Case(IMAGE, _strided_slice),
    "swish": Case(IMAGE, lambda random, x: opset4.swish(x, np.float32(_pick(random, 1, 1.7)))),
    "tile": Case(IMAGE, lambda random, x: opset1.tile(x, _i(1, 1, int(random.integers(1, 3)), 2))),
    "top_k": Case(IMAGE, lambda random, x: opset11.topk(x, opset1.constant(np.int64(3)), 1, "max", "value").output(0)),
    "transpose": Case(IMAGE, _transpose),
}


def model_of(names: Sequence[str], seed: int) -> tuple[Any, dict[str, NDArray[np.float32]]]:
    """Return a model of the cases `names`, each from an input of its own, with random parameters, and what to feed it."""
    parameters, results, feed = [], [], {}
    for name in names:
        case, random = CASES[name], np.random.default_rng([seed, *name.encode()])
        source = opset1.parameter(list(case.shape), np.float32, name=f"{name}_in")
        source.output(0).set_names({f"{name}_in"})
        values = random.uniform(0.2, 3, case.shape) if case.positive else random.standard_normal(case.shape)
        feed[f"{name}_in"] = values.astype(np.float32)
        top = case.make(random, source)
        top = top if isinstance(top, openvino.Output) else top.output(0)
        top.set_names({name})
        parameters.append(source)
        results.append(opset1.result(top))
    return openvino.Model(results, parameters, "cases"), feed
