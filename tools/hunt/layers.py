"""Random settings of each layer type that ncs converts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

Shape = tuple[int, ...]


class NoPlace(Exception):
    """The net has no blob that a layer of this type could take."""


@dataclass
class Draw:
    """Random choices for the next layer: `shapes` are those of the net's blobs, the last ones first in favour."""

    random: np.random.Generator
    shapes: Mapping[str, Shape]
    fresh: int = 0
    before: list[str] = field(default_factory=list)

    def pick(self, *choices: object) -> str:
        """Return one of the choices, as prototxt has it."""
        return str(choices[int(self.random.integers(len(choices)))])

    def whole(self, least: int, most: int) -> int:
        return int(self.random.integers(least, max(least, most) + 1))

    def real(self, least: float, most: float) -> float:
        return round(float(self.random.uniform(least, most)), 3)

    def maybe(self, text: str, chance: float = 0.5) -> str:
        return text if self.random.random() < chance else ""

    def bottom(self, rank: int = 4, *, least: int = 1, same: Shape | None = None, besides: Sequence[str] = ()) -> str:
        """Return a blob of this rank (0: any) whose rows and columns are at least so many; newer ones more often."""
        fitting = [
            name
            for name, shape in self.shapes.items()
            if name not in besides
            and (not rank or len(shape) == rank)
            and (same is None or shape == same)
            and (len(shape) < 4 or min(shape[2:]) >= least)
        ]
        if not fitting:
            raise NoPlace
        place = int(len(fitting) * self.random.random() ** 0.4)
        return fitting[min(place, len(fitting) - 1)]


@dataclass(frozen=True)
class Proposal:
    """A layer that may be added: its bottoms, settings, and number of tops."""

    bottoms: tuple[str, ...]
    settings: str = ""
    tops: int = 1


def _weights(d: Draw, deviation: float) -> str:
    return f"weight_filler {{ type: 'gaussian' std: {deviation:.4f} }} bias_filler {{ type: 'gaussian' std: 0.3 }}"


def _kernel(d: Draw, size: Shape, most: int = 7) -> str:
    """Kernel, stride and pad of a window in a bottom of `size`, the same in both directions or not."""
    height, width = size[2:]
    if d.random.random() < 0.7:
        kernel = d.whole(1, min(most, height, width))
        stride, pad = d.whole(1, 3), d.whole(0, kernel // 2)
        if d.random.random() < 0.15 and kernel > 1:
            pad = d.whole(0, kernel - 1)
        return f"kernel_size: {kernel} stride: {stride} pad: {pad}"
    rows, columns = d.whole(1, min(most, height)), d.whole(1, min(most, width))
    pads = f"pad_h: {d.whole(0, rows // 2)} pad_w: {d.whole(0, columns // 2)}"
    return f"kernel_h: {rows} kernel_w: {columns} stride_h: {d.whole(1, 3)} stride_w: {d.whole(1, 3)} {pads}"


def _group(d: Draw, channels: int) -> int:
    divisors = [number for number in (1, 1, 2, 3, 4, channels) if channels % number == 0]
    return divisors[d.whole(0, len(divisors) - 1)] if d.random.random() < 0.3 else 1


def _convolution(d: Draw) -> Proposal:
    x = d.bottom(least=2)
    size = d.shapes[x]
    group = _group(d, size[1])
    outputs = group * d.whole(1, max(1, 40 // group))
    dilation = d.maybe("dilation: 2", 0.15)
    settings = f"num_output: {outputs} group: {group} {_kernel(d, size)} {dilation} {d.maybe('bias_term: false', 0.2)}"
    return Proposal((x,), f"convolution_param {{ {settings} {_weights(d, 1 / np.sqrt(9 * size[1] / group))} }}")


def _deconvolution(d: Draw) -> Proposal:
    x = d.bottom()
    size = d.shapes[x]
    group = _group(d, size[1])
    kernel = d.whole(1, 5)
    outputs = group * d.whole(1, max(1, 16 // group))
    settings = (
        f"num_output: {outputs} group: {group} kernel_size: {kernel} stride: {d.whole(1, 3)} pad: {d.whole(0, kernel // 2)}"
        f" {d.maybe('bias_term: false', 0.3)}"
    )
    return Proposal((x,), f"convolution_param {{ {settings} {_weights(d, 0.3)} }}")


def _depthwise(d: Draw) -> Proposal:
    x = d.bottom(least=2)
    size = d.shapes[x]
    settings = f"num_output: {size[1] * d.whole(1, 2)} {_kernel(d, size, 5)}"
    return Proposal((x,), f"convolution_param {{ {settings} {_weights(d, 0.3)} }}")


def _pooling(d: Draw) -> Proposal:
    x = d.bottom(least=2)
    how = d.pick("MAX", "AVE")
    if d.random.random() < 0.12:
        return Proposal((x,), f"pooling_param {{ pool: {how} global_pooling: true }}")
    mode = d.maybe("round_mode: FLOOR", 0.15)
    return Proposal((x,), f"pooling_param {{ pool: {how} {_kernel(d, d.shapes[x], 11)} {mode} }}")


def _inner_product(d: Draw) -> Proposal:
    x = d.bottom(0)
    shape = d.shapes[x]
    axis = d.whole(1, len(shape) - 1) if len(shape) > 2 and d.random.random() < 0.2 else 1
    count = int(np.prod(shape[axis:]))
    settings = (
        f"num_output: {d.whole(1, 40)} axis: {axis} {d.maybe('bias_term: false', 0.2)} {_weights(d, count**-0.5)}"
    )
    # Caffe keeps the weights turned over with `transpose`.
    return Proposal((x,), f"inner_product_param {{ {settings} {d.maybe('transpose: true', 0.1)} }}")


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


def _concat(d: Draw) -> Proposal:
    x = d.bottom(0)
    shape = d.shapes[x]
    axis = d.whole(1, len(shape) - 1) if d.random.random() < 0.4 else 1
    others = [
        name
        for name, other in d.shapes.items()
        if len(other) == len(shape) and other[:axis] + other[axis + 1 :] == shape[:axis] + shape[axis + 1 :]
    ]
    chosen = [x, *(others[d.whole(0, len(others) - 1)] for _ in range(d.whole(1, 2)))]
    return Proposal(tuple(chosen), f"concat_param {{ axis: {axis} }}")


def _slice(d: Draw) -> Proposal:
    x = d.bottom(0)
    shape = d.shapes[x]
    axes = [axis for axis in range(1, len(shape)) if shape[axis] > 1]
    if not axes:
        raise NoPlace
    axis = axes[d.whole(0, len(axes) - 1)] if d.random.random() < 0.5 else axes[0]
    points = sorted({d.whole(1, shape[axis] - 1) for _ in range(d.whole(1, 2))})
    text = " ".join(f"slice_point: {point}" for point in points)
    return Proposal((x,), f"slice_param {{ axis: {axis} {text} }}", len(points) + 1)


def _crop(d: Draw) -> Proposal:
    x = d.bottom(least=3)
    shape = d.shapes[x]
    fitting = [
        name
        for name, other in d.shapes.items()
        if len(other) == 4 and other[:2] == shape[:2] and other[2] <= shape[2] and other[3] <= shape[3] and name != x
    ]
    if not fitting:
        raise NoPlace
    y = fitting[d.whole(0, len(fitting) - 1)]
    offsets = " ".join(f"offset: {d.whole(0, shape[axis] - d.shapes[y][axis])}" for axis in (2, 3))
    return Proposal((x, y), f"crop_param {{ axis: 2 {offsets} }}")


def _reshape(d: Draw) -> Proposal:
    x = d.bottom(0)
    count = int(np.prod(d.shapes[x][1:]))
    divisors = [number for number in range(1, 33) if count % number == 0]
    first = divisors[d.whole(0, len(divisors) - 1)]
    rest = [number for number in divisors if count // first % number == 0]
    second = rest[d.whole(0, len(rest) - 1)]
    dims = [f"dim: {first}", f"dim: {second}", "dim: -1"][d.pick("a", "b") == "b" :]
    if len(dims) == 2:
        dims = [f"dim: {first}", "dim: -1"]
    return Proposal((x,), f"reshape_param {{ shape {{ dim: 0 {' '.join(dims)} }} }}")


def _flatten(d: Draw) -> Proposal:
    x = d.bottom(0)
    last = len(d.shapes[x]) - 1
    if last < 2:
        raise NoPlace
    return Proposal((x,), f"flatten_param {{ axis: {d.whole(1, last - 1)} end_axis: {d.pick(-1, last)} }}")


def _permute(d: Draw) -> Proposal:
    order = [0, *(1 + d.random.permutation(3)).tolist()]
    return Proposal((d.bottom(),), f"permute_param {{ {' '.join(f'order: {axis}' for axis in order)} }}")


def _tile(d: Draw) -> Proposal:
    x = d.bottom(0)
    if np.prod(d.shapes[x]) > 20000:
        raise NoPlace
    return Proposal((x,), f"tile_param {{ axis: {d.whole(1, len(d.shapes[x]) - 1)} tiles: {d.whole(1, 3)} }}")


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


def _reorg(kind: str) -> Callable[[Draw], Proposal]:
    def draw(d: Draw) -> Proposal:
        x = d.bottom(least=2)
        _, channels, height, width = d.shapes[x]
        if height % 2 or width % 2 or (kind == "reorg" and channels % 4):
            raise NoPlace
        return Proposal((x,), f"{kind}_param {{ stride: 2 }}")

    return draw


def _shuffle(d: Draw) -> Proposal:
    x = d.bottom()
    groups = [number for number in range(2, 9) if d.shapes[x][1] % number == 0]
    if not groups:
        raise NoPlace
    return Proposal((x,), f"shuffle_channel_param {{ group: {groups[d.whole(0, len(groups) - 1)]} }}")


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
    "Concat": _concat,
    "Convolution": _convolution,
    "ConvolutionDepthwise": _depthwise,
    "Crop": _crop,
    "Deconvolution": _deconvolution,
    "DepthwiseConvolution": _depthwise,
    "Dropout": _plain(),
    "ELU": _plain(lambda d: f"elu_param {{ alpha: {d.real(0.1, 2)} }}"),
    "Eltwise": _eltwise,
    "Exp": _plain(
        lambda d: f"exp_param {{ base: {d.pick(-1, 2, 10)} scale: {d.real(-0.3, 0.3)} shift: {d.real(-1, 1)} }}"
    ),
    "Flatten": _flatten,
    "HardSigmoid": _plain(lambda d: f"hardsigmoid_param {{ alpha: {d.real(0.1, 0.5)} beta: {d.real(0.2, 0.7)} }}"),
    "HardSwish": _plain(),
    "InnerProduct": _inner_product,
    "Interp": _interp,
    "LRN": _lrn,
    "MVN": _mvn,
    "Mish": _plain(),
    "NormL2": _plain(rank=2),
    "Normalize": _normalize,
    "PReLU": _plain(
        lambda d: f"prelu_param {{ channel_shared: {d.pick('true', 'false')} filler {{ type: 'gaussian' std: 0.5 }} }}"
    ),
    "Permute": _permute,
    "Pooling": _pooling,
    "Power": _plain(
        lambda d: f"power_param {{ power: {d.pick(1, 1, 2, 3)} scale: {d.real(-1, 1)} shift: {d.real(-1, 1)} }}"
    ),
    "ReLU": _plain(lambda d: d.maybe(f"relu_param {{ negative_slope: {d.pick(0.1, 0.25, 0.3)} }}", 0.3)),
    "ReLU6": _plain(),
    "Reduction": _reduction,
    "Reorg": _reorg("reorg"),
    "ReorgYolo": _reorg("reorg_yolo"),
    "Reshape": _reshape,
    "Scale": _scale,
    "ShuffleChannel": _shuffle,
    "Sigmoid": _plain(),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": lambda d: Proposal((d.bottom(0),), "", 2),
    "Swish": _plain(lambda d: f"swish_param {{ beta: {d.real(0.5, 2)} }}"),
    "TanH": _plain(),
    "Threshold": _plain(lambda d: f"threshold_param {{ threshold: {d.real(-1, 1)} }}"),
    "Tile": _tile,
    "Upsample": _upsample,
}
"""Layer type -> what draws one. Types whose inputs mean something (boxes, states) have tests of their own."""
OFTEN = ("Convolution", "Pooling", "ReLU", "Eltwise", "Concat", "InnerProduct", "Deconvolution", "Slice", "Scale")
"""Types that are drawn more often, as they are in real nets."""
