"""Random settings of each layer type that ncs converts."""

from __future__ import annotations

from collections.abc import Callable

from .arrangement import concat, crop, flatten, permute, reorg, reshape, shuffle, slice_, tile
from .draw import Draw, NoPlace, Proposal
from .windows import convolution, deconvolution, depthwise, inner_product, pooling


def _lrn(d: Draw) -> Proposal:
    region = d.pick("ACROSS_CHANNELS", "ACROSS_CHANNELS", "WITHIN_CHANNEL")
    settings = f"local_size: {d.pick(3, 5, 7)} alpha: {d.pick(0.0001, 0.5, 1, 2)} beta: {d.pick(0.75, 0.5)} norm_region: {region}"
    return Proposal((d.bottom(least=3),), f"lrn_param {{ {settings} {d.maybe('k: 2', 0.3)} }}")


def _eltwise(d: Draw) -> Proposal:
    x = d.bottom(0)
    others = [name for name, shape in d.shapes.items() if shape == d.shapes[x] and name != x]
    if not others:
        raise NoPlace
    bottoms = [x, *others[: d.whole(1, 2)]]
    how = d.pick("SUM", "SUM", "PROD", "MAX")
    coefficients = " ".join(f"coeff: {d.real(-2, 2)}" for _ in bottoms) if how == "SUM" and d.whole(0, 1) else ""
    return Proposal(tuple(bottoms), f"eltwise_param {{ operation: {how} {coefficients} }}")


def _reduction(d: Draw) -> Proposal:
    x = d.bottom(0)
    axis = d.whole(1, len(d.shapes[x]) - 1)
    how = d.pick("SUM", "ASUM", "SUMSQ", "MEAN")
    return Proposal((x,), f"reduction_param {{ operation: {how} axis: {axis} coeff: {d.real(0.01, 0.5)} }}")


def _softmax(d: Draw) -> Proposal:
    x = d.bottom(0)
    axis = d.whole(1, len(d.shapes[x]) - 1) if d.random.random() < 0.4 else 1
    return Proposal((x,), f"softmax_param {{ axis: {axis} }}")


def _arg_max(d: Draw) -> Proposal:
    x = d.bottom(0)
    shape = d.shapes[x]
    axis = d.whole(1, len(shape) - 1)
    top = d.whole(1, min(3, shape[axis]))
    return Proposal((x,), f"argmax_param {{ axis: {axis} top_k: {top} {d.maybe('out_max_val: true')} }}")


def _scale(d: Draw) -> Proposal:
    filler = "filler { type: 'gaussian' mean: 1 std: 0.5 }"
    if d.random.random() < 0.25:
        x = d.bottom(0)
        others = [name for name, shape in d.shapes.items() if shape == d.shapes[x] and name != x]
        if others:
            return Proposal((x, others[0]), "scale_param { axis: 0 }")
    bias = d.maybe("bias_term: true bias_filler { type: 'gaussian' std: 0.5 }")
    x = d.bottom(0)
    last = len(d.shapes[x]) - 1
    axis = d.whole(1, last) if d.random.random() < 0.25 else 1
    return Proposal((x,), f"scale_param {{ axis: {axis} {filler} {bias} }}")


def _bias(d: Draw) -> Proposal:
    x = d.bottom(0)
    axis = d.whole(1, len(d.shapes[x]) - 1) if d.random.random() < 0.25 else 1
    return Proposal((x,), f"bias_param {{ axis: {axis} filler {{ type: 'gaussian' std: 0.5 }} }}")


def _mvn(d: Draw) -> Proposal:
    across, variance = d.pick("true", "false"), d.pick("true", "true", "false")
    return Proposal(
        (d.bottom(least=2),), f"mvn_param {{ across_channels: {across} normalize_variance: {variance} eps: 0.01 }}"
    )


def _axpy(d: Draw) -> Proposal:
    x = d.bottom()
    size = d.shapes[x]
    y = d.bottom(same=size)
    scale = d.bottom(same=(*size[:2], 1, 1))
    return Proposal((scale, x, y))


def _interp(d: Draw) -> Proposal:
    x = d.bottom(least=2)
    if d.random.random() < 0.5:
        return Proposal((x,), f"interp_param {{ zoom_factor: {d.whole(2, 3)} }}")
    return Proposal((x,), f"interp_param {{ height: {d.whole(2, 20)} width: {d.whole(2, 20)} }}")


def _upsample(d: Draw) -> Proposal:
    return Proposal((d.bottom(),), f"upsample_param {{ scale: {d.whole(2, 3)} }}")


def _normalize(d: Draw) -> Proposal:
    scale = "scale_filler { type: 'gaussian' mean: 1 std: 0.5 }"
    across, shared = d.pick("false", "false", "true"), d.pick("false", "true")
    return Proposal((d.bottom(),), f"norm_param {{ across_spatial: {across} channel_shared: {shared} {scale} }}")


def _plain(settings: Callable[[Draw], str] = lambda _: "", rank: int = 0) -> Callable[[Draw], Proposal]:
    """Return what draws a layer with one bottom, and its settings."""
    return lambda d: Proposal((d.bottom(rank),), settings(d))


LAYERS: dict[str, Callable[[Draw], Proposal]] = {
    "AbsVal": _plain(),
    "ArgMax": _arg_max,
    "Axpy": _axpy,
    "BN": _plain(rank=4),
    "BNLL": _plain(),
    "BatchNorm": _plain(rank=4),
    "Bias": _bias,
    "Clip": _plain(lambda d: f"clip_param {{ min: {d.real(-2, 0)} max: {d.real(0.1, 2)} }}"),
    "Concat": concat,
    "Convolution": convolution,
    "ConvolutionDepthwise": depthwise,
    "Crop": crop,
    "Deconvolution": deconvolution,
    "DepthwiseConvolution": depthwise,
    "Dropout": _plain(),
    "ELU": _plain(lambda d: f"elu_param {{ alpha: {d.real(0.1, 2)} }}"),
    "Eltwise": _eltwise,
    "Exp": _plain(
        lambda d: f"exp_param {{ base: {d.pick(-1, 2, 10)} scale: {d.real(-0.3, 0.3)} shift: {d.real(-1, 1)} }}"
    ),
    "Flatten": flatten,
    "HardSigmoid": _plain(lambda d: f"hardsigmoid_param {{ alpha: {d.real(0.1, 0.5)} beta: {d.real(0.2, 0.7)} }}"),
    "HardSwish": _plain(),
    "InnerProduct": inner_product,
    "Interp": _interp,
    "LRN": _lrn,
    "MVN": _mvn,
    "Mish": _plain(),
    "NormL2": _plain(rank=2),
    "Normalize": _normalize,
    "PReLU": _plain(
        lambda d: f"prelu_param {{ channel_shared: {d.pick('true', 'false')} filler {{ type: 'gaussian' std: 0.5 }} }}"
    ),
    "Permute": permute,
    "Pooling": pooling,
    "Power": _plain(
        lambda d: f"power_param {{ power: {d.pick(1, 1, 2, 3)} scale: {d.real(-1, 1)} shift: {d.real(-1, 1)} }}"
    ),
    "ReLU": _plain(lambda d: d.maybe(f"relu_param {{ negative_slope: {d.pick(0.1, 0.25, 0.3)} }}", 0.3)),
    "ReLU6": _plain(),
    "Reduction": _reduction,
    "Reorg": reorg("reorg"),
    "ReorgYolo": reorg("reorg_yolo"),
    "Reshape": reshape,
    "Scale": _scale,
    "ShuffleChannel": shuffle,
    "Sigmoid": _plain(),
    "Slice": slice_,
    "Softmax": _softmax,
    "Split": lambda d: Proposal((d.bottom(0),), "", 2),
    "Swish": _plain(lambda d: f"swish_param {{ beta: {d.real(0.5, 2)} }}"),
    "TanH": _plain(),
    "Threshold": _plain(lambda d: f"threshold_param {{ threshold: {d.real(-1, 1)} }}"),
    "Tile": tile,
    "Upsample": _upsample,
}
"""Layer type -> what draws one. Types whose inputs mean something (boxes, states) have tests of their own."""
OFTEN = ("Convolution", "Pooling", "ReLU", "Eltwise", "Concat", "InnerProduct", "Deconvolution", "Slice", "Scale")
"""Types that are drawn more often, as they are in real nets."""
