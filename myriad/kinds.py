"""The kinds of stages: number, name, parameters, and what each of their data is for.

Every parameter takes 4 bytes, but those of LRN that are marked `e` (2 bytes). `I` is an unsigned number, `i` a signed one,
`f` a float. Axes count from the innermost dimension. The data of a stage come in the order of `roles`; a role that begins with
"out" is written. A `?` marks data that may be missing, a `*` any number of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of stage. `parameters` are (name, letter of module struct); None if their layout is not known.

    `older` are those that compilers before 2021.3 write, where they differ. They are shorter.
    """

    name: str
    parameters: tuple[tuple[str, str], ...] | None = ()
    roles: str = ""
    older: tuple[tuple[str, str], ...] | None = None


def _named(words: str) -> tuple[tuple[str, str], ...]:
    """Return the parameters in "name:letter name:letter"; without a letter it is I."""
    pairs = (word.partition(":") for word in words.split())
    return tuple((name, letter or "I") for name, _, letter in pairs)


_WINDOW = "kernel_x kernel_y stride_x stride_y pad_left pad_top"
_CONVOLUTION = _named(f"{_WINDOW} dilation_x dilation_y")
_POOLING = _named(f"{_WINDOW} exclude_pad")
_ACTIVATION = _named("has_bias negative_slope:f")
# Floats, or signed numbers where the first input is S32.
_ELTWISE = _named("coeff1:f coeff2:f post:i negative_slope:f min:f max:f")
_LRN = _named("size k:e alpha:e beta:e zero:e")
_CONVERT = _named("scale:f bias:f from_detection_output:i have_batch:i")
_REDUCTION = _named("keep_dims:i")
_ELTWISE_ROLES = "in0 out in1 in2"

UNIT = 38
KINDS: dict[int, Kind] = {
    0: Kind("Conv", _CONVOLUTION, "in out weights"),
    1: Kind("MaxPool", _POOLING, "in out"),
    2: Kind("AvgPool", _POOLING, "in out"),
    3: Kind("SoftMax", _named("axis:i"), "in out"),
    4: Kind("FC", (), "in out weights"),
    5: Kind("None"),
    6: Kind("Relu", _ACTIVATION, "in out bias?"),
    8: Kind("DepthConv", _CONVOLUTION, "in out weights"),
    9: Kind("Bias", (), "in out bias"),
    10: Kind("PRelu", (), "in out slope"),
    11: Kind("LRN", _LRN, "in out"),
    12: Kind("Sum", _ELTWISE, _ELTWISE_ROLES),
    13: Kind("Prod", _ELTWISE, _ELTWISE_ROLES),
    14: Kind("Max", _ELTWISE, _ELTWISE_ROLES),
    15: Kind("Scale", (), "in out scale"),
    18: Kind("InnerLRN", _LRN, "in out"),
    19: Kind("Copy", (), "in out"),
    20: Kind("Sigmoid", (), "in out"),
    21: Kind("Tanh", (), "in out"),
    22: Kind("Deconvolution", _named(_WINDOW), "in out weights"),
    23: Kind("Elu", _named("alpha:f"), "in out"),
    26: Kind("Power", _named("shift:f scale:f power:f"), "in out"),
    27: Kind("Crop", None),
    28: Kind("Tile", _named("axis:i tiles:i"), "in out"),
    29: Kind("RegionYolo", _named("classes:i coords:i num:i masks:i do_softmax:i"), "in out"),
    30: Kind("ReorgYolo", _named("stride:i"), "in out"),
    31: Kind("Convert_u8f16", _CONVERT, "in out"),
    32: Kind("Convert_f32f16", _CONVERT, "in out"),
    33: Kind("Convert_f16f32", _CONVERT, "in out"),
    34: Kind("Permute", _named(" ".join(f"axis{i}:i" for i in range(8))), "in out"),
    35: Kind("Normalize", _named("across_spatial:i channel_shared:i eps:f"), "in out scales"),
    37: Kind(
        "DetectionOutput",
        _named(
            "num_classes:i share_location:i background:i nms:f top_k:i code_type:i keep_top_k:i confidence:f "
            "variance_encoded:i num_priors:i clip_before:i clip_after:i decrease_label:i width:i height:i normalized:i "
            "num:i objectness:f has_arm:i"
        ),
        "loc conf priors arm_conf? arm_loc? out temp",
    ),
    UNIT: Kind("MyriadXHwOp", None, "in weights bias? scale? out"),
    43: Kind("CTCDecoder", (), "in lengths out"),
    44: Kind("LeakyRelu", _ACTIVATION, "in out bias?"),
    45: Kind("BiasRelu", _ACTIVATION, "in out bias?"),
    46: Kind("BiasLeakyRelu", _ACTIVATION, "in out bias?"),
    47: Kind("ScaleShift", (), "in out scale shift"),
    49: Kind("Im2ColConvolution", _CONVOLUTION, "in out weights temp"),
    56: Kind("HwFcRelayout", (), "in out"),
    57: Kind("Clamp", _named("min:f max:f"), "in out"),
    58: Kind("RefConvolution", _CONVOLUTION, "in out weights"),
    59: Kind("GlobalAvgPool", _POOLING, "in out"),
    60: Kind("GlobalMaxPool", _POOLING, "in out"),
    61: Kind("GRN", _named("bias:f"), "in out"),
    62: Kind(
        "MVN",
        _named("normalize:i across_channels:i across_width:i eps:f"),
        "in out",
        _named("normalize:i across_channels:i eps:f"),
    ),
    63: Kind("DepthDeconv", _named(_WINDOW), "in out weights"),
    64: Kind("Proposal", None, "scores out out deltas info temp"),
    65: Kind("ROIPooling", _named("width height spatial_scale:f method"), "in out rois"),
    66: Kind("PSROIPooling", _named("group_size output_dim spatial_scale:f"), "in out rois"),
    67: Kind("Interp", _named("align_corners:i mode coordinate_mode"), "in out", _named("align_corners:i")),
    68: Kind("Custom", None),
    69: Kind("MTCNN", None),
    70: Kind(
        "LSTMCell",
        _named("forward:i cells:i batches:i use_cell_state:i outputs:i"),
        "x hidden cell weights biases out out_cell temp?",
    ),
    71: Kind(
        "Pad",
        _named(
            " ".join(f"{end}_{axis}" for axis in ("w", "h", "c", "n") for end in ("begin", "end")) + " value:f mode"
        ),
        "in out",
    ),
    72: Kind("Resample", _named("antialias:i factor:f type coordinate_mode nearest_mode"), "in out"),
    73: Kind(
        "Upsampling",
        _named("factor_x:i factor_y:i factor_z:i pad_left:i pad_right:i pad_top:i pad_bottom:i pad_front:i pad_back:i"),
        "in out",
    ),
    74: Kind("ArgMax", None),
    75: Kind("Div", _ELTWISE, _ELTWISE_ROLES),
    76: Kind("Min", _ELTWISE, _ELTWISE_ROLES),
    77: Kind("Squared_diff", _ELTWISE, _ELTWISE_ROLES),
    78: Kind("Equal", _ELTWISE, _ELTWISE_ROLES),
    79: Kind("Not_equal", _ELTWISE, _ELTWISE_ROLES),
    80: Kind("Greater", _ELTWISE, _ELTWISE_ROLES),
    81: Kind("Greater_equal", _ELTWISE, _ELTWISE_ROLES),
    82: Kind("Less", _ELTWISE, _ELTWISE_ROLES),
    83: Kind("Less_equal", _ELTWISE, _ELTWISE_ROLES),
    84: Kind("Logical_NOT", _ELTWISE, _ELTWISE_ROLES),
    85: Kind("Logical_AND", _ELTWISE, _ELTWISE_ROLES),
    86: Kind("Logical_OR", _ELTWISE, _ELTWISE_ROLES),
    87: Kind("Logical_XOR", _ELTWISE, _ELTWISE_ROLES),
    88: Kind("Pow", _ELTWISE, _ELTWISE_ROLES),
    89: Kind("Floor_mod", _ELTWISE, _ELTWISE_ROLES),
    90: Kind("Select", _ELTWISE, "condition out then else"),
    91: Kind("GEMM", _named("alpha:f beta:f has_third:i transpose_a:i transpose_b:i"), "a b c? out"),
    92: Kind("Log", (), "in out"),
    93: Kind("ReduceAnd", _REDUCTION, "in out axes"),
    94: Kind("ReverseSequence", _named("seq_axis:i batch_axis:i"), "in lengths out"),
    100: Kind("Gather", _named("axis:i"), "in out indices"),
    101: Kind("Exp", (), "in out"),
    102: Kind("Floor", (), "in out"),
    103: Kind("ScatterUpdate", None),
    104: Kind("TopK", _named("axis:i mode:i sort:i values:i indices:i"), "in k out*"),
    105: Kind("ReduceMin", _REDUCTION, "in out axes"),
    106: Kind("ExpDetectionOutput", None),
    108: Kind("ROIFeatureExtractor", None),
    109: Kind("SCRelu", None),
    110: Kind("Erf", (), "in out"),
    111: Kind("Convert", _CONVERT, "in out"),
    112: Kind("ReduceMax", _REDUCTION, "in out axes"),
    113: Kind("ReduceSum", _REDUCTION, "in out axes"),
    114: Kind("ReduceMean", _REDUCTION, "in out axes"),
    115: Kind("Custom", None),
    116: Kind("ConvND", None, "in out weights bias"),
    117: Kind("OneHot", None),
    118: Kind("PoolND", None, "in out"),
    119: Kind("LoopStart", None),
    120: Kind("LoopEnd", None),
    121: Kind("ExpPriorGridGenerator", None),
    122: Kind("NonZero", None),
    123: Kind("ROIAlign", None),
    124: Kind("ExpGenerateProposals", None),
    125: Kind("ExpTopKROIs", None),
    126: Kind("ScatterElementsUpdate", None),
    127: Kind("OutShapeOfReshape", _named("special_zero:i"), "in shape out"),
    128: Kind("Concat", _named("axis count"), "in* out"),
    129: Kind("Broadcast", None),
    130: Kind("StaticShapeNMS", None, "boxes scores most iou score out out_shape"),
    131: Kind("Mish", (), "in out"),
    132: Kind("Gelu", (), "in out"),
    133: Kind(
        "StridedSlice",
        _named("begin_mask end_mask new_axis_mask shrink_axis_mask ellipsis_mask"),
        "in begin end strides out",
    ),
    134: Kind("SoftPlus", (), "in out"),
    135: Kind("Swish", _named("beta:f"), "in out"),
    136: Kind("GatherND", None),
    137: Kind("HSwish", (), "in out"),
    138: Kind("Ceiling", (), "in out"),
    139: Kind("GatherElements", None),
    140: Kind("Round", _named("mode:i"), "in out"),
    141: Kind("CTCGreedyDecoderSeqLen", _named("merge_repeated:i blank:i"), "in lengths out out_lengths"),
    142: Kind("Abs", _ELTWISE, _ELTWISE_ROLES),
}
