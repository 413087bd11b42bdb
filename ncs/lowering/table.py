"""The table of operations: from the name of a type of today's OpenVINO to the function that makes it of older ones.

Each function rebuilds its operation, whatever the version of the type, so nothing gets into the new model that this
table does not name.
"""

from __future__ import annotations

from .activation import (
    absolute,
    attention,
    gelu,
    hard_sigmoid,
    hsigmoid,
    log_softmax,
    negative,
    prelu,
    selu,
    softmax,
    softsign,
    swish,
)
from .arrangement import (
    broadcast,
    convert,
    depth_to_space,
    gather,
    nothing,
    pad,
    shuffle_channels,
    slice_,
    space_to_depth,
    strided_slice,
    to_shape,
    transpose,
)
from .normalisation import batch_norm, lrn, mvn, normalize_l2, reduce_l1, reduce_l2, reduction, top_k
from .operation import Build, refused, same
from .pooling import avg_pool, max_pool
from .resizing import interpolate

__all__ = ["LOWERINGS", "Build"]

_HOST = "End the net before it with --output NAME, and do the rest on the host."
_QUANTISED = (
    "The stick computes in FP16 and cannot run quantised nets. Export the net before its quantisation, in float."
)
_RECURRENT = "Recurrent operations of today's OpenVINO are not brought down. Unroll the net when you export it."

LOWERINGS: dict[str, Build] = {
    # The same in opset1.
    **dict.fromkeys(
        (
            *("Add", "Subtract", "Multiply", "Divide", "Power", "Maximum", "Minimum", "FloorMod", "SquaredDifference"),
            *("Relu", "Sigmoid", "Tanh", "Elu", "Exp", "Log", "Sqrt", "Floor", "Ceiling", "Erf", "Clamp"),
            *("Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MatMul"),
            *("Concat", "Split", "VariadicSplit", "Tile", "Select"),
            *("Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"),
            *("LogicalAnd", "LogicalOr", "LogicalNot", "LogicalXor"),
        ),
        same(),
    ),
    # Younger, but known to 2021.4.2.
    **dict.fromkeys(("HSwish", "Mish", "SoftPlus"), same("opset4")),
    "Round": same("opset5"),
    # Numbers stay in their order.
    **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze"), to_shape),
    "Identity": nothing,
    "Convert": convert,
    "ConvertLike": convert,
    "Abs": absolute,
    "Negative": negative,
    "HardSigmoid": hard_sigmoid,
    "HSigmoid": hsigmoid,
    "Swish": swish,
    "Gelu": gelu,
    "SoftSign": softsign,
    "Selu": selu,
    "PRelu": prelu,
    "Softmax": softmax,
    "LogSoftmax": log_softmax,
    "ScaledDotProductAttention": attention,
    "MaxPool": max_pool,
    "AvgPool": avg_pool,
    "BatchNormInference": batch_norm,
    "MVN": mvn,
    "NormalizeL2": normalize_l2,
    "LRN": lrn,
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"), reduction),
    "ReduceL1": reduce_l1,
    "ReduceL2": reduce_l2,
    "TopK": top_k,
    "Slice": slice_,
    "StridedSlice": strided_slice,
    "Gather": gather,
    "Pad": pad,
    "Transpose": transpose,
    "ShuffleChannels": shuffle_channels,
    "Broadcast": broadcast,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "Interpolate": interpolate,
    # Known, and refused with the next step.
    **dict.fromkeys(("FakeQuantize", "FakeConvert"), refused(_QUANTISED)),
    **dict.fromkeys(
        ("NonMaxSuppression", "MulticlassNms", "MatrixNms", "NonZero", "Unique", "DetectionOutput", "Proposal"),
        refused(_HOST),
    ),
    **dict.fromkeys(
        (
            "LSTMSequence",
            "GRUSequence",
            "RNNSequence",
            "LSTMCell",
            "GRUCell",
            "RNNCell",
            "TensorIterator",
            "Loop",
            "If",
        ),
        refused(_RECURRENT),
    ),
}
