"""One row for each layer type: what both rooms need to know of it.

To add a layer: write its row here, its class in training/layers, its function in ncs/layers, and their tests.
A type that a room does not run has a row too, with the reason and what to write instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from .fork_refusals import FORK_REFUSALS

Count = tuple[int, int | None]
"""The fewest and the most blobs; None stands for any number."""

Shapes = Sequence[Sequence[int]]
MultiplyAdds = Callable[[Shapes, Shapes, Shapes], int]
"""Shapes of the bottoms, tops and weights -> multiplications with weights for one item of the batch."""


class InPlace(Enum):
    """What happens if the top has the bottom's name."""

    WORKS = "works"
    SPOILT = "spoilt"  # Caffe's backward pass reads numbers that the forward pass has overwritten
    REFUSED = "refused"  # Caffe aborts


@dataclass(frozen=True)
class LayerType:
    """The facts about a layer type. Where both refusals are empty, training computes it and ncs converts it."""

    bottoms: Count = (1, 1)
    tops: Count = (1, 1)

    fork: str = ""
    """The fork of Caffe that it comes from; empty if Caffe 1.0 has it."""

    is_loss: bool = False
    """Its first top counts in the objective, with weight 1 unless loss_weight says otherwise."""

    predictions: int = 0
    """Of a layer that judges predictions: how many of its bottoms they are; the rest are labels. ncs leaves it out."""

    force_backward_skips: int | None = None
    """The bottom that gets no gradient even under force_backward, such as labels."""

    in_place: InPlace = InPlace.WORKS

    backward_reads_top: bool = False
    """Caffe's backward pass computes with the numbers that its top holds by then."""

    backward_reads_bottom: bool = False
    """Caffe's backward pass computes with the numbers that its bottom holds by then, and so does ours."""

    unfollowed_top: int | None = None
    """The top whose numbers Caffe's backward pass reads and ours does not, so that they differ if a later layer overwrites it."""

    unfollowed_bottom: int | None = None
    """The same of a bottom."""

    passes_on: bool = False
    """With one bottom and one top, these share their memory: it computes nothing. So do all tops of a Split."""

    keeps_top: bool = False
    """Its tops are not filled again in each forward pass, or are its weight or the caller's: what is written there stays."""

    top_overwritable: bool = False
    """Our backward pass reads neither its top nor a view of it, so a later layer may overwrite the top."""

    multiply_adds: MultiplyAdds | None = None

    transforms: bool = False
    """It applies its transform_param to pictures: mean, scale, crop, mirror."""

    not_trained: str = ""
    """Why training refuses it, and what to do instead; follows "layer X is of type Y: "."""

    not_converted: str = ""
    """Why ncs refuses it, and what to do instead."""

    @property
    def trained(self) -> bool:
        """Whether training.layers.LAYERS has a class for it."""
        return not self.not_trained

    @property
    def converted(self) -> bool:
        """Whether ncs makes operations of OpenVINO of it. All that is converted also compiles for Myriad X."""
        return not (self.not_converted or self.predictions)

    def count_problem(self, bottoms: Sequence[str], tops: Sequence[str]) -> str:
        """What is wrong with a layer's number of bottoms or tops, as a sentence; empty if nothing is."""
        for what, names, (least, most) in (("bottom", bottoms, self.bottoms), ("top", tops, self.tops)):
            if len(names) < least or (most is not None and len(names) > most):
                found = f"{len(names)} {what}{'s' * (len(names) > 1)} ({', '.join(names)})" if names else f"no {what}"
                return f"has {found}; expected {_count_text(least, most)}."
        return ""


def _count_text(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} or more"
    if least == most:
        return str(least) if least else "none"
    return f"{least} or {most}" if most == least + 1 else f"{least} to {most}"


def _convolution_adds(bottoms: Shapes, tops: Shapes, weights: Shapes) -> int:
    return sum(math.prod(top[1:]) for top in tops) * math.prod(weights[0][1:])


def _deconvolution_adds(bottoms: Shapes, tops: Shapes, weights: Shapes) -> int:
    return sum(math.prod(bottom[1:]) for bottom in bottoms) * math.prod(weights[0][1:])


def _inner_product_adds(bottoms: Shapes, tops: Shapes, weights: Shapes) -> int:
    return math.prod(tops[0][1:-1]) * math.prod(weights[0])


_ANY: Count = (0, None)
_SOME: Count = (1, None)
_NONE: Count = (0, 0)

_NO_CODE = (
    "code that a prototxt names runs only if you say so, because it may do anything. If you trust it, give "
    "--python-layer MODULE, or --python-layers for all modules, to train or test; or run the net from a script that imports "
    "caffe."
)
_SSD_DATA = "it is the SSD fork's. "
_NO_FILES = (
    "a device is fed pictures, not files. Give --model the deploy net, which has an Input layer instead: "
    'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: HEIGHT dim: WIDTH } } }'
)
_ON_THE_HOST = (
    "how many boxes it finds depends on the picture, and a compiled net has fixed sizes. Name its bottoms with --cut: this "
    "machine then computes it from what the device gives."
)
_NO_OHEM = "it chooses what trains. Take it out of the deploy net, with the losses around it."
_NO_INDICES = "it picks by indices, and a device is fed pictures. Compute it before the net."


def _refused(fork: str, reason: str, device_reason: str = "") -> LayerType:
    """A type that neither room runs."""
    return LayerType(_ANY, _ANY, fork, not_trained=reason, not_converted=device_reason or reason)


_DATA = LayerType(_NONE, _SOME, not_converted=_NO_FILES)
_CONVOLUTION = LayerType(
    _SOME,
    _SOME,
    in_place=InPlace.SPOILT,
    backward_reads_bottom=True,
    top_overwritable=True,
    multiply_adds=_convolution_adds,
)
_DEPTHWISE = replace(_CONVOLUTION, fork="MobileNet", in_place=InPlace.WORKS)
_LOSS = LayerType((2, 2), is_loss=True, predictions=1, force_backward_skips=1)
_RECURRENT = LayerType((2, 4), (1, 2), in_place=InPlace.REFUSED, force_backward_skips=1)

LAYER_TYPES: dict[str, LayerType] = {
    # Data
    "Data": replace(_DATA, tops=(1, 2), transforms=True),
    "DummyData": replace(_DATA, keeps_top=True),
    "HDF5Data": _DATA,
    "ImageData": replace(_DATA, tops=(2, 2), transforms=True),
    "Input": LayerType(_NONE, _SOME),
    "MemoryData": replace(_DATA, tops=(2, 2), transforms=True, keeps_top=True),
    "Parameter": LayerType(_NONE, keeps_top=True),
    "WindowData": replace(_DATA, tops=(2, 2), transforms=True),
    "AnnotatedData": _refused(
        "SSD",
        _SSD_DATA
        + "Write pictures and boxes into HDF5 files and read them with HDF5Data (docs/forks.md#ssd). To run the net "
        "alone, give the deploy net, which has an Input layer instead.",
        _NO_FILES,
    ),
    "VideoData": _refused(
        "SSD", _SSD_DATA + "Write the pictures of the video into an LMDB and read them with Data.", _NO_FILES
    ),
    # Weights
    "Bias": LayerType((1, 2)),
    "Convolution": _CONVOLUTION,
    "ConvolutionDepthwise": _DEPTHWISE,
    "Deconvolution": replace(_CONVOLUTION, multiply_adds=_deconvolution_adds),
    "DepthwiseConvolution": _DEPTHWISE,
    "Embed": LayerType(unfollowed_bottom=0, not_converted=_NO_INDICES),
    "InnerProduct": LayerType(backward_reads_bottom=True, top_overwritable=True, multiply_adds=_inner_product_adds),
    "PReLU": LayerType(backward_reads_bottom=True),
    "Scale": LayerType((1, 2), backward_reads_bottom=True, top_overwritable=True),
    "LSTM": replace(_RECURRENT, bottoms=(2, 5), tops=(1, 3)),
    "LSTMUnit": LayerType((3, 3), (2, 2), in_place=InPlace.REFUSED, force_backward_skips=2),
    "RNN": _RECURRENT,
    # Windows
    "Im2col": LayerType(in_place=InPlace.SPOILT, not_converted="it is a step of Convolution. Write the Convolution."),
    "Pooling": LayerType(tops=(1, 2), in_place=InPlace.SPOILT, unfollowed_top=1),
    "SPP": LayerType(not_converted="write its pyramid as Pooling, Flatten and Concat layers."),
    # Each number by itself
    "AbsVal": LayerType(in_place=InPlace.REFUSED, backward_reads_bottom=True),
    "BNLL": LayerType(backward_reads_bottom=True),
    "Clip": LayerType(backward_reads_bottom=True),
    "Dropout": LayerType(),
    "ELU": LayerType(backward_reads_top=True, backward_reads_bottom=True),
    "Exp": LayerType(backward_reads_top=True),
    "Log": LayerType(backward_reads_bottom=True),
    "Power": LayerType(backward_reads_top=True, backward_reads_bottom=True),
    "ReLU": LayerType(backward_reads_bottom=True),
    "ReLU6": LayerType(fork="MobileNet"),
    "Sigmoid": LayerType(backward_reads_top=True),
    "Swish": LayerType(unfollowed_top=0),
    "TanH": LayerType(backward_reads_top=True),
    "Threshold": LayerType(),
    # Normalisation
    "BatchNorm": LayerType(),
    "LRN": LayerType(in_place=InPlace.SPOILT, unfollowed_top=0, unfollowed_bottom=0),
    "MVN": LayerType(in_place=InPlace.SPOILT, unfollowed_top=0),
    "Normalize": LayerType(fork="SSD", in_place=InPlace.SPOILT, unfollowed_top=0, unfollowed_bottom=0),
    "Softmax": LayerType(backward_reads_top=True),
    # Several blobs to one, and one number of many
    "ArgMax": LayerType(),
    "Eltwise": LayerType((2, None), in_place=InPlace.SPOILT, backward_reads_bottom=True),
    "Reduction": LayerType(backward_reads_bottom=True),
    # Arrangement
    "BatchReindex": LayerType((2, 2), not_converted=_NO_INDICES),
    "Concat": LayerType(_SOME, passes_on=True),
    "Crop": LayerType((2, 2)),
    "Filter": LayerType(
        (2, None),
        _SOME,
        not_converted="the size of its tops depends on the numbers in its bottoms, and a compiled net has fixed sizes.",
    ),
    "Flatten": LayerType(in_place=InPlace.REFUSED, passes_on=True),
    "Permute": LayerType(fork="SSD"),
    "Reshape": LayerType(in_place=InPlace.REFUSED, passes_on=True),
    "Silence": LayerType(_SOME, _NONE),
    "Slice": LayerType(tops=_SOME, passes_on=True),
    "Split": LayerType(tops=_SOME, in_place=InPlace.REFUSED, passes_on=True),
    "Tile": LayerType(),
    # Detection
    "DetectionEvaluate": LayerType((2, 2), fork="SSD", predictions=1),
    "DetectionOutput": LayerType((3, 4), fork="SSD"),
    "PriorBox": LayerType((2, 2), fork="SSD"),
    "PriorBoxClustered": LayerType((2, 2), fork="Model Optimizer"),
    "BoxAnnotatorOHEM": LayerType((4, 4), (2, 2), fork="R-FCN", in_place=InPlace.REFUSED, not_converted=_NO_OHEM),
    "Proposal": LayerType((3, 3), (1, 2), fork="py-faster-rcnn", in_place=InPlace.REFUSED),
    "PSROIPooling": LayerType((2, 2), fork="R-FCN", in_place=InPlace.REFUSED),
    "ROIPooling": LayerType((2, 2), fork="py-faster-rcnn", in_place=InPlace.REFUSED),
    # Of forks
    "Axpy": LayerType((3, 3), fork="SENet", in_place=InPlace.SPOILT),
    "BN": LayerType(fork="SegNet and PSPNet"),
    "HardSigmoid": LayerType(fork="MobileNet v3"),
    "HardSwish": LayerType(fork="MobileNet v3"),
    "Interp": LayerType((1, 2), fork="DeepLab", in_place=InPlace.REFUSED),
    "Mish": LayerType(fork="YOLO"),
    "NormL2": LayerType(fork="ArcFace"),
    "RegionYolo": LayerType(fork="Model Optimizer", in_place=InPlace.REFUSED),
    "Reorg": LayerType(fork="YOLO", in_place=InPlace.REFUSED),
    "ReorgYolo": LayerType(fork="Model Optimizer", in_place=InPlace.REFUSED),
    "ShuffleChannel": LayerType(fork="ShuffleNet", in_place=InPlace.REFUSED),
    "YoloDetectionOutput": LayerType((1, 2), fork="YOLO", not_converted=_ON_THE_HOST),
    "Yolov3DetectionOutput": LayerType(_SOME, fork="YOLO", not_converted=_ON_THE_HOST),
    "Upsample": LayerType((1, 2), fork="SegNet and YOLO", in_place=InPlace.REFUSED),
    # Losses, and Accuracy
    "Accuracy": LayerType((2, 2), (1, 2), predictions=1),
    "ContrastiveLoss": replace(_LOSS, bottoms=(3, 3), predictions=2, force_backward_skips=2),
    "EuclideanLoss": replace(_LOSS, force_backward_skips=None),
    "HingeLoss": _LOSS,
    "InfogainLoss": replace(_LOSS, bottoms=(2, 3), tops=(1, 2)),
    "MultiBoxLoss": replace(_LOSS, fork="SSD", bottoms=(4, 4), predictions=3),
    "MultinomialLogisticLoss": replace(_LOSS, unfollowed_bottom=0),
    "SigmoidCrossEntropyLoss": _LOSS,
    "SmoothL1Loss": replace(_LOSS, bottoms=(2, 4), force_backward_skips=None, fork="py-faster-rcnn"),
    "SmoothL1LossOHEM": replace(_LOSS, bottoms=(2, 3), tops=(1, 2), force_backward_skips=2, fork="R-FCN"),
    "SoftmaxWithLoss": replace(_LOSS, tops=(1, 2)),
    "SoftmaxWithLossOHEM": replace(_LOSS, tops=(1, 3), fork="R-FCN"),
    # Code and files
    "HDF5Output": _refused(
        "",
        "a net here writes no files. Leave it out: extract_features writes any blob.",
        "a device writes no files. Leave the layer out; its bottoms become outputs.",
    ),
    "Python": _refused("", _NO_CODE, "a device runs no Python. Cut the net before it, and run the rest elsewhere."),
    # Forks
    **{name: _refused(fork, reason) for name, (fork, reason) in FORK_REFUSALS.items()},
    "DenseImageData": _refused(*FORK_REFUSALS["DenseImageData"], _NO_FILES),
    "ImageSegData": _refused(*FORK_REFUSALS["ImageSegData"], _NO_FILES),
}

UNKNOWN = LayerType(_ANY, _ANY)
"""Stands for a type without a row."""


def layer_type(name: str) -> LayerType:
    """The row of a type; UNKNOWN if there is none."""
    return LAYER_TYPES.get(name, UNKNOWN)
