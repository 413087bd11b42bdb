"""Each layer type that ncs converts, against Caffe and through the MYRIAD compiler."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.layer_types import layer_type
from kits.ncs import Floats, run_feed
from kits.oracle import movidius, saw
from kits.oracle_layers import Judge, net_text
from ncs.layers import LAYERS

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(600)]
SHAPES = {
    "x": (1, 6, 10, 9),
    "y": (1, 6, 10, 9),
    "small": (1, 6, 7, 5),
    "steps": (5, 2, 4),
    "cont": (5, 2),
    "state_h": (1, 2, 6),
    "state_c": (1, 2, 6),
    "gates": (1, 2, 24),
    "static": (2, 3),
    "on": (1, 2),
    "w18": (1, 2, 18, 18),
    "w20": (1, 2, 20, 20),
    "w33": (1, 2, 33, 33),
    "w42": (1, 2, 42, 42),
}


def case(
    kind: str, settings: str = "", bottoms: str = "x", tops: int = 1, before: str = "", caffes: str = ""
) -> tuple[str, ...]:
    return kind, settings, bottoms, str(tops), before, caffes


_CONV = (
    "num_output: 8 kernel_size: 3 bias_filler { type: 'gaussian' std: 1 } weight_filler { type: 'gaussian' std: 0.3 }"
)
_DEPTH = "num_output: 12 kernel_size: 3 pad: 1 weight_filler { type: 'gaussian' std: 0.3 }"
_WIDE = "weight_filler { type: 'gaussian' std: 0.5 } bias_filler { type: 'gaussian' std: 1 }"
_FILL = "filler { type: 'gaussian' mean: 1 std: 0.5 }"
_PARAMETER = (
    'layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 6 } } } '
    'layer { name: "p0" type: "Bias" bottom: "p" top: "factor" bias_param { axis: 0 filler { type: "gaussian" std: 1 } } }'
)
# Ones and zeros.
_TIES = 'layer { name: "steps" type: "Threshold" bottom: "small" top: "ties" } '
_SILENCE = (
    'layer { name: "loud" type: "Sigmoid" bottom: "x" top: "loud" } '
    'layer { name: "quiet" type: "Silence" bottom: "loud" } '
)
CASES: dict[str, tuple[str, ...]] = {
    "absval": case("AbsVal"),
    "argmax": case("ArgMax", "argmax_param { axis: 1 top_k: 2 }", "small"),
    "argmax_one": case("ArgMax", "argmax_param { axis: 2 }", "small"),
    "argmax_ties": case("ArgMax", "argmax_param { out_max_val: true }", "ties", 1, _TIES),
    "argmax_axis_ties": case("ArgMax", "argmax_param { axis: 1 }", "ties"),
    "argmax_all": case("ArgMax", "argmax_param { top_k: 3 }", "small"),
    "argmax_values": case("ArgMax", "argmax_param { top_k: 3 out_max_val: true }", "small"),
    "argmax_axis_values": case("ArgMax", "argmax_param { axis: -1 out_max_val: true }", "small"),
    "bnll": case("BNLL"),
    "bias": case("Bias", f"bias_param {{ {_FILL} }}"),
    "bias_all": case("Bias", f"bias_param {{ axis: 2 num_axes: -1 {_FILL} }}"),
    "bias_two": case("Bias", "bias_param { axis: 0 }", "x y"),
    "batch_norm": case("BatchNorm"),
    "clip": case("Clip", "clip_param { min: -0.5 max: 0.7 }"),
    "concat": case("Concat", "concat_param { axis: 2 }", "x y"),
    "conv": case("Convolution", f"convolution_param {{ {_CONV} dilation: 2 stride: 2 pad: 2 group: 2 }}"),
    "conv_wide": case(
        "Convolution",
        "convolution_param { num_output: 4 kernel_h: 11 kernel_w: 2 stride: 2 weight_filler { type: 'gaussian' std: 0.1 } }",
    ),
    "conv_two": case("Convolution", f"convolution_param {{ {_CONV} }}", "x y", 2),
    "crop": case("Crop", "crop_param { axis: 2 offset: 1 offset: 3 }", "x small"),
    "deconv": case("Deconvolution", f"convolution_param {{ {_CONV} stride: 2 pad: 1 }}"),
    "deconv_group": case("Deconvolution", f"convolution_param {{ {_CONV} stride: 2 group: 2 }}"),
    "deconv_dilated": case("Deconvolution", f"convolution_param {{ {_CONV} dilation: 2 }}"),
    "depthwise": case(
        "DepthwiseConvolution",
        f"convolution_param {{ {_DEPTH} }}",
        caffes=f'type: "Convolution" convolution_param {{ {_DEPTH} group: 6 }}',
    ),
    "depthwise2": case(
        "ConvolutionDepthwise",
        f"convolution_param {{ {_DEPTH} }}",
        caffes=f'type: "Convolution" convolution_param {{ {_DEPTH} group: 6 }}',
    ),
    "dropout": case("Dropout"),
    "elu": case("ELU", "elu_param { alpha: 0.5 }"),
    "product": case("Eltwise", "eltwise_param { operation: PROD }", "x y"),
    "sum": case("Eltwise", "eltwise_param { coeff: 0.5 coeff: -2 }", "x y"),
    "maximum": case("Eltwise", "eltwise_param { operation: MAX }", "x y"),
    "exp": case("Exp", "exp_param { base: 2 scale: 0.5 shift: 1 }"),
    "flatten": case("Flatten", "flatten_param { axis: 2 }"),
    "inner_product": case(
        "InnerProduct", "inner_product_param { num_output: 7 weight_filler { type: 'gaussian' std: 0.1 } }"
    ),
    "lrn": case("LRN", "lrn_param { local_size: 3 alpha: 0.5 k: 1.5 }"),
    "lrn_within": case("LRN", "lrn_param { local_size: 3 alpha: 2 norm_region: WITHIN_CHANNEL }"),
    "log": case("Log", "log_param { base: 10 scale: 0.1 shift: 3 }"),
    "mvn": case("MVN"),
    "mvn_all": case("MVN", "mvn_param { across_channels: true eps: 0.01 }"),
    "mvn_mean": case("MVN", "mvn_param { normalize_variance: false }"),
    "prelu": case("PReLU", "prelu_param { filler { type: 'gaussian' std: 0.5 } }"),
    "parameter": case("Scale", "", "x factor", 1, _PARAMETER),
    "permute": case("Permute", "permute_param { order: 0 order: 2 order: 3 }", caffes="PERMUTE"),
    "pool_max": case("Pooling", "pooling_param { kernel_size: 3 stride: 2 pad: 1 }"),
    "pool_ave": case("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }"),
    "pool_floor": case("Pooling", "pooling_param { kernel_size: 2 stride: 2 round_mode: FLOOR }"),
    "pool_wide": case("Pooling", "pooling_param { kernel_h: 11 kernel_w: 3 stride: 2 }"),
    "pool_ave_wide": case("Pooling", "pooling_param { pool: AVE kernel_size: 11 stride: 3 }"),
    "pool_ave_3_3": case("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 3 }", "w20"),
    "pool_ave_3_3_1": case("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 3 pad: 1 }", "w20"),
    "pool_ave_5_2": case("Pooling", "pooling_param { pool: AVE kernel_size: 5 stride: 2 }", "w18"),
    "pool_ave_7_4": case("Pooling", "pooling_param { pool: AVE kernel_size: 7 stride: 4 }", "w33"),
    "pool_ave_6_5_1": case("Pooling", "pooling_param { pool: AVE kernel_size: 6 stride: 5 pad: 1 }", "w42"),
    "pool_ave_one_side": case("Pooling", "pooling_param { pool: AVE kernel_size: 3 pad_h: 1 pad_w: 0 }", "w20"),
    "pool_outside": case("Pooling", "pooling_param { pool: AVE kernel_size: 1 stride_h: 5 stride_w: 3 }", "small"),
    "pool_all": case("Pooling", "pooling_param { pool: AVE global_pooling: true }"),
    "power": case("Power", "power_param { power: 2 scale: 0.5 shift: 1 }"),
    "relu": case("ReLU"),
    "leaky": case("ReLU", "relu_param { negative_slope: 0.1 }"),
    "relu6": case("ReLU6", caffes='type: "Clip" clip_param { min: 0 max: 6 }'),
    "lstm": case("LSTM", f"recurrent_param {{ num_output: 6 {_WIDE} }}", "steps cont"),
    "lstm_states": case(
        "LSTM",
        f"recurrent_param {{ num_output: 6 expose_hidden: true {_WIDE} }}",
        "steps cont static state_h state_c",
        3,
    ),
    "lstm_unit": case("LSTMUnit", "", "state_c gates on", 2),
    "rnn": case("RNN", f"recurrent_param {{ num_output: 6 {_WIDE} }}", "steps cont static"),
    "rnn_states": case(
        "RNN", f"recurrent_param {{ num_output: 6 expose_hidden: true {_WIDE} }}", "steps cont state_h", 2
    ),
    "sum_of": case("Reduction", "reduction_param { axis: 1 coeff: 0.1 }"),
    "asum_of": case("Reduction", "reduction_param { operation: ASUM axis: 2 }"),
    "sumsq_of": case("Reduction", "reduction_param { operation: SUMSQ axis: -1 }"),
    "mean_of": case("Reduction", "reduction_param { operation: MEAN axis: 1 }"),
    "reshape": case("Reshape", "reshape_param { shape { dim: 0 dim: 3 dim: -1 dim: 10 } }"),
    "scale": case("Scale", f"scale_param {{ bias_term: true {_FILL} bias_{_FILL} }}"),
    "scale_two": case("Scale", f"scale_param {{ axis: 0 bias_term: true bias_{_FILL} }}", "x y"),
    "sigmoid": case("Sigmoid"),
    "silence": case("ReLU", before=_SILENCE),
    "slice": case("Slice", "slice_param { slice_point: 1 slice_point: 4 }", tops=3),
    "slice_even": case("Slice", "slice_param { axis: 2 }", tops=2),
    "softmax": case("Softmax"),
    "split": case("Split", tops=2),
    "swish": case("Swish", "swish_param { beta: 1.5 }"),
    "tanh": case("TanH"),
    "threshold": case("Threshold", "threshold_param { threshold: 0.3 }"),
    "tile": case("Tile", "tile_param { axis: 1 tiles: 3 }"),
}
"""Name -> layer type, settings, bottoms, number of tops, layers before it, what Caffe 1.0 runs instead."""


def layers(name: str, for_caffe: bool = False) -> str:
    """Write the case's layers as prototxt; its tops have the case's name."""
    kind, settings, bottoms, tops, before, caffes = CASES[name]
    names = [name] if tops == "1" else [f"{name}{number}" for number in range(int(tops))]
    blobs = " ".join([f'bottom: "{b}"' for b in bottoms.split()] + [f'top: "{top}"' for top in names])
    if for_caffe and caffes == "PERMUTE":
        return ""
    rest = caffes if for_caffe and caffes else f'type: "{kind}" {settings}'
    return f'{before} layer {{ name: "{name}" {blobs} {rest} }}\n'


def steps(names: list[str], for_caffe: bool = False) -> str:
    scaled = "".join(
        f'layer {{ name: "{blob}_c" type: "Power" bottom: "{blob}_in" top: "{blob}"'
        " power_param { scale: 0.02 shift: -2.56 } }\n"
        for blob in SHAPES
        if any(blob in CASES[name][2].split() for name in names)
    )
    return scaled + "".join(layers(name, for_caffe) for name in names)


def inputs_of(names: list[str]) -> dict[str, tuple[int, ...]]:
    return {
        f"{blob}_in": shape for blob, shape in SHAPES.items() if any(blob in CASES[name][2].split() for name in names)
    }


@pytest.fixture(scope="module")
def both(judge: Judge) -> tuple[dict[str, Floats], dict[str, Floats], dict[str, list[Floats]]]:
    """Compute the same random pictures with Caffe and with our FP32 model; also return the weights."""
    from ncs.converter import convert

    names, shapes = list(CASES), inputs_of(list(CASES))
    random = np.random.default_rng(3)
    feed = {name: random.integers(0, 256, shape).astype(np.uint8) for name, shape in shapes.items()}
    # No two are equal, because of ArgMax.
    feed["small_in"] = random.permutation(210).astype(np.uint8).reshape(SHAPES["small"])
    given = {
        ("batch_norm", 0): random.standard_normal(6).astype(np.float32),
        ("batch_norm", 1): random.random(6).astype(np.float32) + 1,
        ("batch_norm", 2): np.array([1.9], np.float32),
        ("p", 0): random.standard_normal(6).astype(np.float32),
    }
    data = {name: values.astype(np.float32) for name, values in feed.items()}
    theirs = judge.run(net_text(steps(names, True), shapes, False), data, given, phase="TEST", backward=False)
    weights: dict[str, list[Floats]] = {}
    for (layer, _), values in sorted(theirs.weights.items()):
        weights.setdefault(layer, []).append(values)
    net = text_format.Parse(net_text(steps(names), shapes, False), NetParameter())
    ours = run_feed(convert(net, weights), feed)
    theirs.data["permute"] = theirs.data["x"].transpose(0, 2, 3, 1)
    return ours, theirs.data, weights


def tops(name: str) -> list[str]:
    count = int(CASES[name][3])
    return [name] if count == 1 else [f"{name}{number}" for number in range(count)]


@pytest.mark.parametrize("name", CASES)
def test_openvino(name: str, both: tuple[dict[str, Floats], dict[str, Floats], dict[str, list[Floats]]]) -> None:
    ours, theirs, _ = both
    for top in tops(name):
        assert ours[top].shape == theirs[top].shape
        scale = np.abs(theirs[top]).max()
        assert scale > 0
        right = bool(np.abs(ours[top] - theirs[top]).max() <= 1e-4 * scale)
        saw(CASES[name][0], "openvino", right)
        saw("Input", "openvino", right)
        if name == "silence":
            saw("Silence", "openvino", "loud" not in ours)
            assert "loud" not in ours
        if name == "parameter":
            saw("Parameter", "openvino", right)
        assert right, f"{top}: off by {np.abs(ours[top] - theirs[top]).max():g} where Caffe's reach {scale:g}"


def test_every_type_has_a_case() -> None:
    """Those of forks may have their cases in other files, with other judges."""
    of_caffe = {kind for kind in LAYERS if not layer_type(kind).fork}
    assert of_caffe <= {kind for kind, *_ in CASES.values()} | {"Parameter", "Silence"} <= set(LAYERS)


def compile_cases(names: list[str], weights: dict[str, list[Floats]], folder: Path) -> Path:
    from ncs import compiler
    from ncs.converter import convert
    from ncs.ir import write_ir

    net = text_format.Parse(net_text(steps(names), inputs_of(names), False), NetParameter())
    write_ir(convert(net, weights), folder / "net.xml", folder / "net.bin")
    compiler.compile_blob(
        *(folder / f"net.{kind}" for kind in ("xml", "bin", "blob")), folder, compiler.Resources(4, 4, 1)
    )
    return folder / "net.blob"


def test_myriad(both: tuple[dict[str, Floats], dict[str, Floats], dict[str, list[Floats]]], tmp_path: Path) -> None:
    """Compile all of them in one net."""
    import depthai

    movidius("python")
    names = list(CASES)
    blob = depthai.OpenVINO.Blob(compile_cases(names, both[2], tmp_path))
    for name in names:
        for top in tops(name):
            expected = list(reversed(both[1][top].shape))
            # The plugin numbers the outputs of an operation that has two (ArgMax's maxima).
            output = blob.networkOutputs.get(top) or blob.networkOutputs[f"{top}.0"]
            right = [n for n in output.dims if n > 1] == [n for n in expected if n > 1]
            saw(CASES[name][0], "myriad", right)
            assert right, (top, output.dims, expected)
    saw("Parameter", "myriad")
    saw("Input", "myriad")
    saw("Silence", "myriad", "loud" not in blob.networkOutputs)
    assert "loud" not in blob.networkOutputs


def test_the_blob_computes_them(
    both: tuple[dict[str, Floats], dict[str, Floats], dict[str, list[Floats]]], tmp_path: Path
) -> None:
    """The blob, computed with all numbers in float32, against today's OpenVINO on the same IR."""
    from kits.blob_runs import differences
    from myriad import read_blob
    from myriad.execution import Machine

    movidius("python")
    names = list(CASES)
    blob = read_blob(compile_cases(names, both[2], tmp_path))
    random = np.random.default_rng(4)
    feed = {name: random.integers(0, 256, shape).astype(np.uint8) for name, shape in inputs_of(names).items()}
    feed["small_in"] = random.permutation(210).astype(np.uint8).reshape(SHAPES["small"])
    expected = run_feed(str(tmp_path / "net.xml"), feed)
    found = differences(expected, Machine(blob, wide=True, fill=255).run(feed))
    assert {top for name in names for top in tops(name)} <= set(found)
    # LRN's alpha is a number of FP16 in a blob.
    wrong = {top: off for top, off in found.items() if off > (2e-4 if "lrn" in top else 5e-5)}
    assert not wrong
