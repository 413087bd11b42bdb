"""Small nets, one for each way in which channels travel, and what is left of them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PrunedNet:
    """A deploy net; which channels are zero (layer -> axis and numbers); the option; the weights' shapes afterwards."""

    name: str
    deploy: str
    zeros: dict[str, tuple[int, list[int]]]
    channels: str
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


def _layer(name: str, kind: str, bottoms: str, top: str = "", settings: str = "") -> str:
    words = [f'name: "{name}" type: "{kind}"', *(f'bottom: "{bottom}"' for bottom in bottoms.split())]
    return f'layer {{ {" ".join(words)} top: "{top or name}" {settings} }}\n'


def _conv(
    name: str, bottom: str, outputs: int, settings: str = "kernel_size: 3 pad: 1", kind: str = "Convolution"
) -> str:
    return _layer(name, kind, bottom, name, f"convolution_param {{ num_output: {outputs} {settings} }}")


def _fc(name: str, bottom: str, outputs: int, settings: str = "") -> str:
    return _layer(name, "InnerProduct", bottom, name, f"inner_product_param {{ num_output: {outputs} {settings} }}")


def _norm(number: int, blob: str) -> str:
    """BatchNorm and Scale, in place."""
    scale = _layer(f"scale{number}", "Scale", blob, blob, "scale_param { bias_term: true }")
    return _layer(f"bn{number}", "BatchNorm", blob, blob) + scale


def _relu(blob: str) -> str:
    return _layer(f"relu_{blob}", "ReLU", blob, blob)


_DATA = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }\n'
_POOL = "pooling_param { pool: MAX kernel_size: 2 stride: 2 }"
_END = _layer("prob", "Softmax", "fc2", "prob")

NETS = [
    PrunedNet(
        "chain",
        _DATA + _conv("conv1", "data", 6) + _relu("conv1") + _conv("conv2", "conv1", 8) + _relu("conv2")
        + _layer("pool", "Pooling", "conv2", "pool", _POOL) + _fc("fc1", "pool", 10) + _relu("fc1")
        + _layer("drop", "Dropout", "fc1", "fc1") + _fc("fc2", "fc1", 3) + _END,
        {"conv1": (0, [0, 4]), "conv2": (0, [1, 2, 7]), "fc1": (0, [3, 9])},
        "conv1=4,conv2=5,fc1=8",
        {"conv1": (4, 3, 3, 3), "conv2": (5, 4, 3, 3), "fc1": (8, 80), "fc2": (3, 8)},
    ),
    PrunedNet(
        "transposed",
        _DATA + _conv("conv1", "data", 6) + _layer("prelu", "PReLU", "conv1", "p") + _layer("shift", "Power", "p", "q")
        + _layer("lrn", "LRN", "q", "q2", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }")
        + _fc("fc1", "q2", 7, "transpose: true") + _layer("tanh", "TanH", "fc1", "fc1")
        + _fc("fc2", "fc1", 3, "transpose: true bias_term: false") + _END,
        {"conv1": (0, [2, 3]), "fc1": (1, [0, 6])},
        "conv1=4,fc1=5",
        {"conv1": (4, 3, 3, 3), "prelu": (4,), "fc1": (256, 5), "fc2": (5, 3)},
    ),
    PrunedNet(
        "residual",
        _DATA + _conv("conv1", "data", 6) + _norm(1, "conv1") + _relu("conv1") + _conv("conv2", "conv1", 5) + _norm(2, "conv2")
        + _relu("conv2") + _conv("conv3", "conv2", 6) + _norm(3, "conv3") + _layer("sum", "Eltwise", "conv1 conv3", "sum")
        + _relu("sum") + _conv("conv4", "sum", 4) + _fc("fc2", "conv4", 3) + _END,
        {name: (0, [1, 5]) for name in ("conv1", "scale1", "conv3", "scale3")}
        | {name: (0, [0]) for name in ("conv2", "scale2")},
        "conv1=4,conv2=4",
        {"conv1": (4, 3, 3, 3), "bn1": (4,), "scale3": (4,), "conv2": (4, 4, 3, 3), "conv3": (4, 4, 3, 3), "conv4": (4, 4, 3, 3)},
    ),
    PrunedNet(
        "concat",
        _DATA + _conv("conv1", "data", 4) + _conv("conv2", "data", 5) + _conv("conv3", "data", 3)
        + _layer("cat", "Concat", "conv1 conv2 conv3", "cat") + _norm(1, "cat") + _relu("cat") + _conv("conv4", "cat", 4)
        + _layer("cat2", "Concat", "conv4 conv2", "cat2") + _layer("bias", "Bias", "cat2", "cat2") + _fc("fc2", "cat2", 3) + _END,
        {"conv1": (0, [0]), "conv2": (0, [1, 4]), "scale1": (0, [0, 5, 8]), "bias": (0, [5, 8])},
        "conv1=3,conv2=3",
        {"bn1": (9,), "conv4": (4, 9, 3, 3), "bias": (7,), "fc2": (3, 7 * 64)},
    ),
    PrunedNet(
        "depthwise",
        _DATA + _conv("conv1", "data", 6) + _norm(1, "conv1") + _relu("conv1")
        + _conv("dw", "conv1", 6, "kernel_size: 3 pad: 1 group: 6") + _norm(2, "dw") + _relu("dw")
        + _conv("own", "dw", 6, "kernel_size: 3 pad: 1", "DepthwiseConvolution") + _conv("pw", "own", 8, "kernel_size: 1")
        + _norm(3, "pw") + _fc("fc2", "pw", 3) + _END,
        {name: (0, [0, 3]) for name in ("conv1", "scale1", "dw", "scale2", "own")} | {"pw": (0, [7]), "scale3": (0, [7])},
        "conv1=4,pw=7",
        {"dw": (4, 1, 3, 3), "own": (4, 1, 3, 3), "pw": (7, 4, 1, 1), "fc2": (3, 7 * 64)},
    ),
    PrunedNet(
        "maxout",
        _DATA + _conv("conv1", "data", 8) + 'layer { name: "cut" type: "Slice" bottom: "conv1" top: "a" top: "b" }\n'
        + _layer("max", "Eltwise", "a b", "max", "eltwise_param { operation: MAX }") + _conv("conv2", "max", 4)
        + _fc("fc2", "conv2", 3) + _END,
        {"conv1": (0, [1, 5])},
        "conv1=6",
        {"conv1": (6, 3, 3, 3), "conv2": (4, 3, 3, 3)},
    ),
    PrunedNet(
        "slice",
        _DATA + _conv("conv1", "data", 8)
        + 'layer { name: "cut" type: "Slice" bottom: "conv1" top: "a" top: "b" top: "c" '
        + "slice_param { slice_point: 2 slice_point: 5 } }\n"
        + _conv("conv2", "a", 3) + _conv("conv3", "b", 3) + _conv("conv4", "c", 3)
        + _layer("sum", "Eltwise", "conv2 conv3 conv4", "sum", "eltwise_param { coeff: 1 coeff: -2 coeff: 0.5 }")
        + _fc("fc2", "sum", 3) + _END,
        {"conv1": (0, [1, 2, 3, 6])},
        "conv1=4",
        {"conv2": (3, 1, 3, 3), "conv3": (3, 1, 3, 3), "conv4": (3, 2, 3, 3)},
    ),
    PrunedNet(
        "equal_slice",
        _DATA + _conv("conv1", "data", 8) + 'layer { name: "cut" type: "Slice" bottom: "conv1" top: "a" top: "b" }\n'
        + _conv("conv2", "a", 3) + _conv("conv3", "b", 3) + _layer("sum", "Eltwise", "conv2 conv3", "sum")
        + _fc("fc2", "sum", 3) + _END,
        {"conv1": (0, [1, 2, 7]), "conv2": (0, [0]), "conv3": (0, [0])},
        "conv1=5,conv3=2",
        {"conv2": (2, 2, 3, 3), "conv3": (2, 3, 3, 3), "fc2": (3, 128)},
    ),
    PrunedNet(
        "flatten",
        _DATA + _conv("conv1", "data", 4) + _layer("pool", "Pooling", "conv1", "pool", _POOL) + _conv("conv2", "pool", 5)
        + _layer("flat1", "Flatten", "pool", "flat1") + _layer("flat2", "Flatten", "conv2", "flat2")
        + _layer("pool2", "Pooling", "conv2", "pool2", _POOL) + _layer("flat3", "Flatten", "pool2", "flat3")
        + _layer("cat", "Concat", "flat3 flat1 flat2", "cat") + _fc("fc2", "cat", 3) + _END,
        {"conv1": (0, [2]), "conv2": (0, [0, 3])},
        "conv1=3,conv2=3",
        {"conv2": (3, 3, 3, 3), "fc2": (3, 3 * 4 + 3 * 16 + 3 * 16)},
    ),
    PrunedNet(
        "crop",
        _DATA + _conv("conv1", "data", 4) + _conv("conv2", "data", 5, "kernel_size: 3")
        + _layer("crop", "Crop", "conv1 conv2", "crop", "crop_param { axis: 2 offset: 1 }")
        + _layer("cat", "Concat", "crop conv2", "cat") + _fc("fc2", "cat", 3) + _END,
        {"conv1": (0, [2]), "conv2": (0, [0, 3])},
        "conv1=3,conv2=3",
        {"conv1": (3, 3, 3, 3), "fc2": (3, 6 * 36)},
    ),
    PrunedNet(
        "deconvolution",
        _DATA + _conv("conv1", "data", 4) + _conv("up", "conv1", 6, "kernel_size: 2 stride: 2", "Deconvolution")
        + _conv("up2", "up", 6, "kernel_size: 2 stride: 2 group: 6 bias_term: false", "Deconvolution") + _relu("up2")
        + _conv("conv2", "up2", 3, "kernel_size: 4 stride: 4") + _fc("fc2", "conv2", 3) + _END,
        {"conv1": (0, [3]), "up": (1, [1, 4])},
        "conv1=3,up=4",
        {"up": (3, 4, 2, 2), "up2": (4, 1, 2, 2), "conv2": (3, 4, 4, 4)},
    ),
]  # fmt: skip
