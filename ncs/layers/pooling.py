"""Pooling with Caffe's window rule."""

from __future__ import annotations

import openvino.opset1 as op
from openvino import Output

from caffe_io.caffe_pb2 import PoolingParameter
from common.messages import shape_text

from .layer import Layer, constant, integers, shape

_TINY = 2**-14  # the smallest normal number of FP16


def pooling(layer: Layer, inputs: list[Output]) -> list[Output]:
    """MAX, AVE and STOCHASTIC pooling. An AVE window counts the zeros of the padding, but nothing beyond it, as in Caffe."""
    param = layer.parameter.pooling_param
    size = list(shape(inputs[0])[2:])
    if len(size) != 2:
        raise layer.error(f"bottom of shape {shape_text(shape(inputs[0]))}; wanted N x C x H x W.")
    if len(layer.parameter.top) > 1:
        raise layer.error("a second top (the mask) has no counterpart in OpenVINO.")
    pad, stride = _height_width(param, "pad", "pad"), _height_width(param, "stride", "stride")
    kernel = size if param.global_pooling else _height_width(param, "kernel_size", "kernel")
    floor = param.round_mode == PoolingParameter.FLOOR
    if min(kernel) < 1 or min(stride) < 1 or any(p >= k for p, k in zip(pad, kernel, strict=True)):
        raise layer.error(f"kernel {kernel}, stride {stride}, pad {pad}: wanted stride of 1 or more, pad < kernel.")
    starts = [_last_start(s, k, t, p, any(pad), floor) for s, k, t, p in zip(size, kernel, stride, pad, strict=True)]
    if min(starts) < 0:
        raise layer.error(f"a window of {kernel} does not fit into its bottom of {size} with pad {pad}.")
    outside = [int(start >= s) if not any(pad) else 0 for start, s in zip(starts, size, strict=True)]
    if any(outside) and (param.pool != PoolingParameter.AVE or any(b == s for b, s in zip(starts, size, strict=True))):
        raise layer.error(
            f"with stride {stride} the last window of {kernel} lies outside its bottom of {size}, and Caffe makes no number "
            "of it (-FLT_MAX, or NaN). Choose a stride that is no larger than the kernel, or round_mode: FLOOR."
        )
    starts = [start - t * out for start, t, out in zip(starts, stride, outside, strict=True)]
    # how far the last window reaches past the padding; negative: it leaves some of it unused
    beyond = [start + k - (s + 2 * p) for start, k, s, p in zip(starts, kernel, size, pad, strict=True)]
    if param.pool == PoolingParameter.MAX:
        end = [max(0, p + b) for p, b in zip(pad, beyond, strict=True)]
        return [op.max_pool(inputs[0], stride, pad, end, kernel, "floor").output(0)]
    if param.pool == PoolingParameter.STOCHASTIC:
        layer.refuse_training("choose by chance")
        if any(pad):
            raise layer.error(f"pad {pad}: STOCHASTIC pooling takes none, only MAX and AVE do.")
        return [_weighted_mean(inputs[0], stride, [max(0, b) for b in beyond], kernel)]
    if any(outside):  # an average of no numbers is 0 in Caffe
        inside = op.avg_pool(inputs[0], stride, pad, pad, kernel, False, "floor")
        return [op.pad(inside, integers([0] * 4), integers([0, 0, *outside]), "constant", constant(0.0)).output(0)]
    if max(beyond) <= 0:
        return [op.avg_pool(inputs[0], stride, pad, pad, kernel, False, "floor").output(0)]
    padded = inputs[0]
    if any(pad):  # its zeros count as pixels, what lies beyond does not: so they are made before the pooling
        around = integers([0, 0, *pad])
        padded = op.pad(padded, around, around, "constant", constant(0.0)).output(0)
    end = [max(0, b) for b in beyond]
    return [op.avg_pool(padded, stride, [0, 0], end, kernel, True, "floor").output(0)]


def _weighted_mean(x: Output, stride: list[int], end: list[int], kernel: list[int]) -> Output:
    """What STOCHASTIC gives in the TEST phase: the sum of squares over the sum; 0 where the sum is not above 0."""
    total = op.avg_pool(x, stride, [0, 0], end, kernel, True, "floor")
    squares = op.avg_pool(op.multiply(x, x), stride, [0, 0], end, kernel, True, "floor")
    share = op.divide(squares, op.maximum(total, constant(_TINY)))
    return op.select(op.greater(total, constant(0.0)), share, constant(0.0)).output(0)


def _last_start(size: int, kernel: int, stride: int, pad: int, padded: bool, floor: bool) -> int:
    """Where the last window begins (0 is the first row of the padding). The count of windows is rounded up; if there
    is padding on any axis, a last window that would begin in it is dropped."""
    room = size + 2 * pad - kernel
    start = (room // stride if floor else -(-room // stride)) * stride
    return start - stride if padded and start >= size + pad else start


def _height_width(param: PoolingParameter, both: str, single: str) -> list[int]:
    if param.HasField(f"{single}_h"):  # type: ignore[arg-type]
        return [getattr(param, f"{single}_h"), getattr(param, f"{single}_w")]
    return [getattr(param, both)] * 2
