"""The table of layer types: every row is consistent, and counts of blobs are checked."""

from __future__ import annotations

import pytest

from caffe_io.caffe_pb2 import V1LayerParameter
from caffe_io.fork_refusals import FORK_REFUSALS
from caffe_io.layer_types import LAYER_TYPES, UNKNOWN, InPlace, LayerType, layer_type
from caffe_io.text.upgrade import current_type

CAFFES = """
    AbsVal Accuracy ArgMax BNLL BatchNorm BatchReindex Bias Clip Concat ContrastiveLoss Convolution Crop Data
    Deconvolution Dropout DummyData ELU Eltwise Embed EuclideanLoss Exp Filter Flatten HDF5Data HDF5Output HingeLoss
    Im2col ImageData InfogainLoss InnerProduct Input LRN LSTM LSTMUnit Log MVN MemoryData MultinomialLogisticLoss PReLU
    Parameter Pooling Power Python RNN ReLU Reduction Reshape SPP Scale Sigmoid SigmoidCrossEntropyLoss Silence Slice
    Softmax SoftmaxWithLoss Split Swish TanH Threshold Tile WindowData
"""
"""What Caffe 1.0 registers."""
OF_REGIONS = {"SmoothL1Loss", "SmoothL1LossOHEM", "SoftmaxWithLossOHEM"}
RECURRENT = {"LSTM", "LSTMUnit", "RNN"}
SSDS = {"DetectionOutput", "Normalize", "Permute", "PriorBox"}
FIRST_FORKS = {"ConvolutionDepthwise", "DepthwiseConvolution", "ReLU6"} | SSDS


def test_caffes_own_types_are_there() -> None:
    assert {name for name, row in LAYER_TYPES.items() if not row.fork} == set(CAFFES.split())
    old = {current_type(name) for name in V1LayerParameter.LayerType.keys()}  # noqa: SIM118
    assert old - {""} <= LAYER_TYPES.keys()


def test_types_that_are_taken_over_from_forks() -> None:
    taken = {name for name, row in LAYER_TYPES.items() if row.fork and row.trained}
    assert taken >= FIRST_FORKS
    assert not FORK_REFUSALS.keys() & taken


@pytest.mark.parametrize("name", LAYER_TYPES)
def test_a_row_is_consistent(name: str) -> None:
    row = LAYER_TYPES[name]
    for reason in (row.not_trained, row.not_converted):
        assert not reason or reason.endswith((".", " }"))
    for least, most in (row.bottoms, row.tops):
        assert least >= 0
        assert most is None or most >= least
    if row.not_trained:
        assert row.not_converted, "nothing is converted that cannot be trained"
    if row.is_loss:
        assert row.predictions, "a device has no labels for a loss"
    if row.predictions:
        assert not row.not_converted
        assert row.predictions < row.bottoms[0]
    if row.force_backward_skips is not None:
        assert row.is_loss or name in RECURRENT
    assert not (row.backward_reads_top and row.top_overwritable)


def test_losses() -> None:
    losses = {name for name, row in LAYER_TYPES.items() if row.is_loss}
    assert losses == {name for name in CAFFES.split() if name.endswith("Loss")} | OF_REGIONS | {"MultiBoxLoss"}
    assert {name: LAYER_TYPES[name].force_backward_skips for name in losses} == {
        **dict.fromkeys(losses, 1),
        "ContrastiveLoss": 2,
        "EuclideanLoss": None,
        "SmoothL1Loss": None,
        "SmoothL1LossOHEM": 2,
    }
    left_out = {name: row.predictions for name, row in LAYER_TYPES.items() if row.predictions}
    assert left_out == {
        **dict.fromkeys(losses | {"Accuracy", "DetectionEvaluate"}, 1),
        "ContrastiveLoss": 2,
        "MultiBoxLoss": 3,
    }


def test_what_backward_and_layers_in_place_read() -> None:
    def those(fact: str, value: object = True) -> set[str]:
        known = FIRST_FORKS | {*CAFFES.split()}
        return {name for name, row in LAYER_TYPES.items() if name in known and getattr(row, fact) == value}

    assert those("backward_reads_top") == {"ELU", "Exp", "Power", "Sigmoid", "Softmax", "TanH"}
    convolutions = {"Convolution", "ConvolutionDepthwise", "Deconvolution", "DepthwiseConvolution"}
    assert those("top_overwritable") == convolutions | {"InnerProduct", "Scale"}
    neurons = {"AbsVal", "BNLL", "Clip", "ELU", "Log", "Power", "PReLU", "ReLU"}
    assert those("backward_reads_bottom") == convolutions | neurons | {"Eltwise", "InnerProduct", "Reduction", "Scale"}
    assert those("unfollowed_top", 0) == {"LRN", "MVN", "Normalize", "Swish"}
    assert those("unfollowed_top", 1) == {"Pooling"}
    assert those("unfollowed_bottom", 0) == {"Embed", "LRN", "MultinomialLogisticLoss", "Normalize"}
    assert those("passes_on") == {"Concat", "Flatten", "Reshape", "Slice", "Split"}
    assert those("keeps_top") == {"DummyData", "MemoryData", "Parameter"}
    spoilt = {"Convolution", "Deconvolution", "Eltwise", "Im2col", "LRN", "MVN", "Normalize", "Pooling"}
    assert those("in_place", InPlace.SPOILT) == spoilt
    assert those("in_place", InPlace.REFUSED) == {"AbsVal", "Flatten", "Reshape", "Split"} | RECURRENT


@pytest.mark.parametrize(
    ("kind", "bottoms", "tops", "problem"),
    [
        ("ReLU", "x", "y", ""),
        ("ReLU", "", "y", "has no bottom; expected 1."),
        ("ReLU", "a b", "y", "has 2 bottoms (a, b); expected 1."),
        ("Pooling", "a", "x y z", "has 3 tops (x, y, z); expected 1 or 2."),
        ("Convolution", "", "y", "has no bottom; expected 1 or more."),
        ("Silence", "x", "y", "has 1 top (y); expected none."),
        ("Data", "x", "y", "has 1 bottom (x); expected none."),
        ("InfogainLoss", "a", "y", "has 1 bottom (a); expected 2 or 3."),
        ("Eltwise", "a b c d", "y", ""),
        ("NoSuchLayer", "", "a b", ""),
    ],
)
def test_counts_of_blobs(kind: str, bottoms: str, tops: str, problem: str) -> None:
    assert layer_type(kind).count_problem(bottoms.split(), tops.split()) == problem


def test_counts_with_a_wide_range() -> None:
    row = LayerType(bottoms=(1, 3))
    assert row.count_problem([], ["y"]) == "has no bottom; expected 1 to 3."


@pytest.mark.parametrize(
    ("kind", "bottoms", "tops", "weights", "count"),
    [
        # 8 x 5 x 5 numbers, each the sum of 3 x 3 x 3 products
        ("Convolution", [(2, 3, 11, 11)], [(2, 8, 5, 5)], [(8, 3, 3, 3), (8,)], 5400),
        ("Convolution", [(2, 3, 11, 11)] * 2, [(2, 8, 5, 5)] * 2, [(8, 3, 3, 3), (8,)], 10800),
        ("DepthwiseConvolution", [(1, 3, 5, 5)], [(1, 6, 5, 5)], [(6, 1, 3, 3)], 1350),
        ("ConvolutionDepthwise", [(1, 3, 5, 5)], [(1, 6, 5, 5)], [(6, 1, 3, 3)], 1350),
        # 4 x 5 x 5 numbers, each multiplied by 2 x 2 x 4 weights
        ("Deconvolution", [(2, 4, 5, 5)], [(2, 2, 10, 12)], [(4, 2, 2, 4)], 1600),
        ("InnerProduct", [(2, 2, 10, 12)], [(2, 10)], [(10, 240), (10,)], 2400),
        ("InnerProduct", [(2, 7, 12)], [(2, 7, 10)], [(10, 12)], 840),
    ],
)
def test_multiply_adds(
    kind: str, bottoms: list[tuple[int, ...]], tops: list[tuple[int, ...]], weights: list[tuple[int, ...]], count: int
) -> None:
    rule = LAYER_TYPES[kind].multiply_adds
    assert rule is not None
    assert rule(bottoms, tops, weights) == count


def test_a_type_without_a_row() -> None:
    assert layer_type("Convolutoin") is UNKNOWN
    assert layer_type("Convolution") is LAYER_TYPES["Convolution"]
