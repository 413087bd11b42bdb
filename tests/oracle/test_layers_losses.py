"""Losses and Accuracy, against Caffe."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from caffe_io.blobs import array_to_blob
from kits.oracle_layers import Array, CaffeRefuses, Judge, both_refuse, compare, net_text, our_net, run_ours
from training.errors import LayerError

pytestmark = pytest.mark.oracle

MODES = ["", "normalization: VALID", "normalization: FULL", "normalization: BATCH_SIZE", "normalization: NONE"]


def loss(kind: str, settings: str = "", bottoms: Sequence[str] = "xy", tops: str = 'top: "loss"') -> str:
    takes = " ".join(f'bottom: "{name}"' for name in bottoms)
    return f'layer {{ name: "it" type: "{kind}" {takes} {tops} {settings} }}'


def matrix_file(folder: Path, matrix: Array) -> str:
    (folder / "h.binaryproto").write_bytes(array_to_blob(matrix, legacy_shape=True).SerializeToString())
    return f'source: "{folder}/h.binaryproto"'


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def classes(seed: int, count: int, *shape: int) -> Array:
    return np.random.default_rng(seed).integers(count, size=shape).astype(np.float32)


def test_softmax(judge: Judge) -> None:
    for shape, axis in (((2, 3, 4, 5), 1), ((4, 6), -1), ((2, 3, 4), 2), ((5,), 0), ((3, 2, 3, 2), -4)):
        compare(
            judge, loss("Softmax", f"softmax_param {{ axis: {axis} }}", "x", 'top: "p"'), {"x": 3 * normal(0, *shape)}
        )
    compare(judge, loss("Softmax", "", "x", 'top: "x"'), {"x": normal(1, 3, 7)})


@pytest.mark.parametrize(
    "mode", [*MODES, "normalize: true", "normalize: false", "normalize: false normalization: FULL"]
)
def test_softmax_with_loss(judge: Judge, mode: str) -> None:
    for (shape, axis), ignored in itertools.product(
        (((5, 4), 1), ((2, 3, 4, 5), 1), ((2, 3, 4), -1)), ("", "ignore_label: 1")
    ):
        labels = classes(1, shape[axis], *(size for index, size in enumerate(shape) if index != axis % len(shape)))
        settings = f"softmax_param {{ axis: {axis} }} loss_param {{ {mode} {ignored} }}"
        compare(judge, loss("SoftmaxWithLoss", settings), {"x": 4 * normal(0, *shape), "y": labels}, still=["y"])


def test_softmax_with_loss_s_weight_and_nothing_to_count(judge: Judge) -> None:
    """Its second top cannot be judged: Caffe 1.0 refuses it, with any number of loss_weight."""
    data = {"x": normal(0, 3, 4, 2, 2), "y": classes(1, 4, 3, 1, 2, 2)}
    compare(judge, loss("SoftmaxWithLoss", "loss_weight: 0.3"), data, still=["y"])
    none = loss("SoftmaxWithLoss", "loss_param { ignore_label: 9 }")
    compare(judge, none, {**data, "y": data["y"] * 0 + 9}, still=["y"])


def test_probabilities_too_small_for_a_logarithm(judge: Judge, tmp_path: Path) -> None:
    scores, labels = np.float32([[500, 0], [0, 300], [60, 0]]), np.float32([1, 0, 1])
    compare(judge, loss("SoftmaxWithLoss"), {"x": scores, "y": labels}, still=["y"])
    source = matrix_file(tmp_path, np.float32([[1, 0.5], [0, 2]]))
    compare(judge, loss("InfogainLoss", f"infogain_loss_param {{ {source} }}"), {"x": scores, "y": labels}, still=["y"])
    shares = np.float32([[1, 0], [1e-30, 1], [0.5, 0.5]])
    compare(judge, loss("MultinomialLogisticLoss"), {"x": shares, "y": labels}, still=["y"])


def test_euclidean_loss(judge: Judge) -> None:
    for seed, shape in enumerate(((5, 4), (2, 3, 4, 5), (7,))):
        data = {"x": normal(seed, *shape), "y": normal(seed + 9, *shape)}
        compare(judge, loss("EuclideanLoss", "loss_weight: 0.7"), data)
    compare(judge, loss("EuclideanLoss"), {"x": normal(0, 3, 4, 1, 1), "y": normal(1, 3, 4)})


@pytest.mark.parametrize("mode", [*MODES, "normalize: true", "normalize: false"])
def test_sigmoid_cross_entropy_loss(judge: Judge, mode: str) -> None:
    for shape, ignored in itertools.product(((5, 4), (2, 3, 4, 5)), ("", "ignore_label: 1", "ignore_label: -1")):
        targets = np.where(classes(0, 2, *shape) > 0, classes(1, 3, *shape) - 1, normal(2, *shape) % 1).astype(
            np.float32
        )
        settings = f"loss_param {{ {mode} {ignored} }}"
        compare(
            judge, loss("SigmoidCrossEntropyLoss", settings), {"x": 6 * normal(3, *shape), "y": targets}, still=["y"]
        )


def test_hinge_loss(judge: Judge) -> None:
    for norm, shape in itertools.product(
        ("", "hinge_loss_param { norm: L1 }", "hinge_loss_param { norm: L2 }"), ((6, 4), (3, 2, 2, 2))
    ):
        labels = classes(1, int(np.prod(shape[1:])), shape[0])
        compare(
            judge, loss("HingeLoss", norm + " loss_weight: 2"), {"x": 2 * normal(0, *shape), "y": labels}, still=["y"]
        )
    edge = {"x": np.float32([[1, -1, 0], [0.5, -1, -1]]), "y": np.float32([0, 0])}  # just no loss: no gradient
    compare(judge, loss("HingeLoss"), edge, still=["y"])


def test_multinomial_logistic_loss(judge: Judge) -> None:
    for shape in ((6, 4), (3, 2, 2, 2)):
        shares = np.random.default_rng(0).dirichlet(np.ones(np.prod(shape[1:])), shape[0]).astype(np.float32)
        data = {"x": shares.reshape(shape), "y": classes(1, shares.shape[1], shape[0])}
        compare(judge, loss("MultinomialLogisticLoss", "loss_weight: 3"), data, still=["y"])


@pytest.mark.parametrize("mode", MODES)
def test_infogain_loss(judge: Judge, tmp_path: Path, mode: str) -> None:
    for (shape, axis), ignored in itertools.product(
        (((5, 4), 1), ((2, 3, 4), 2), ((2, 3, 2, 2), -3)), ("", "ignore_label: 0")
    ):
        source = matrix_file(tmp_path, np.abs(normal(5, shape[axis], shape[axis])))
        labels = classes(1, shape[axis], *(size for index, size in enumerate(shape) if index != axis % len(shape)))
        text = f"infogain_loss_param {{ axis: {axis} {source} }} loss_param {{ {mode} {ignored} }}"
        compare(judge, loss("InfogainLoss", text), {"x": 2 * normal(0, *shape), "y": labels}, still=["y"])
        # Caffe adds the second top to the objective, but takes no gradient from it.
        both = loss("InfogainLoss", text + " loss_weight: 0.3 loss_weight: 2", tops='top: "loss" top: "p"')
        compare(judge, both, {"x": 2 * normal(0, *shape), "y": labels}, still=["y"])


def test_infogain_loss_of_a_matrix_in_a_blob(judge: Judge) -> None:
    """Under force_backward Caffe wants a gradient for the matrix, and then refuses to give one; so without."""
    inner = 'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: 4 } }'
    data = {"x": normal(0, 3, 5), "y": classes(1, 4, 3), "h": normal(2, 3, 4, 4)[0]}
    for shape in ((4, 4), (2, 2, 4)):
        data["h"] = data["h"].reshape(shape)
        text = net_text(inner + loss("InfogainLoss", "", ["fc", "y", "h"]), {k: v.shape for k, v in data.items()})
        text = text.replace("force_backward: true", "")
        weights = {("fc", 0): normal(3, 4, 5), ("fc", 1): normal(4, 4)}
        ours = run_ours(our_net(text), data, weights, {}, force=False)
        theirs = judge.run(text, data, weights)
        assert ours.data["loss"] == pytest.approx(theirs.data["loss"], rel=1e-5)
        for key, want in theirs.weight_diffs.items():
            np.testing.assert_allclose(ours.weight_diffs[key], want, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("legacy", ["", "legacy_version: true"])
def test_contrastive_loss(judge: Judge, legacy: str) -> None:
    first, similar = normal(0, 8, 3), np.float32([0, 1, 0, 2, 0, 1, 0, 0])
    second = (
        first + normal(1, 8, 3) * np.float32([0, 0, 0.2, 0.4, 0.6, 1, 3, 5])[:, None]
    )  # the first pair is one point
    for margin, shape in itertools.product((1, 2.5), ((8, 3), (8, 3, 1, 1))):
        text = loss(
            "ContrastiveLoss", f"contrastive_loss_param {{ margin: {margin} {legacy} }} loss_weight: 1.5", "xyz"
        )
        compare(judge, text, {"x": first.reshape(shape), "y": second.reshape(shape), "z": similar}, still=["z"])


def test_accuracy(judge: Judge) -> None:
    for (shape, axis), top, ignored in itertools.product(
        (((6, 5), 1), ((2, 4, 3, 3), 1), ((3, 4, 5), -1)), (1, 2, 4), ("", "ignore_label: 2")
    ):
        labels = classes(1, shape[axis], *(size for index, size in enumerate(shape) if index != axis % len(shape)))
        scores = classes(0, 5, *shape)  # whole numbers, so that many are equal
        text = f"accuracy_param {{ axis: {axis} top_k: {top} {ignored} }}"
        for tops in ('top: "a"', 'top: "a" top: "each"'):
            compare(judge, loss("Accuracy", text, tops=tops), {"x": scores, "y": labels}, backward=False, phase="TEST")


def test_labels_that_depend_on_weights(judge: Judge) -> None:
    """Both give up in backward, unless propagate_down says that no gradient is wanted."""
    inner = 'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: 1 } }'
    data = {"x": np.abs(normal(0, 3, 2))}
    weights = {("fc", 0): np.float32([[0.1, 0.1]]), ("fc", 1): np.zeros(1, np.float32)}
    for kind in ("SigmoidCrossEntropyLoss", "HingeLoss"):
        text = net_text(inner + loss(kind, "", ["x", "fc"] if kind == "HingeLoss" else ["fc", "fc"]), {"x": (3, 2)})
        with pytest.raises(CaffeRefuses, match="cannot backpropagate to label inputs"):
            judge.run(text, data, weights)
        with pytest.raises(LayerError, match="propagate_down: false"):
            run_ours(our_net(text), data, weights, {})
        cut = text.replace(f'type: "{kind}"', f'type: "{kind}" propagate_down: true propagate_down: false')
        theirs, ours = judge.run(cut, data, weights), run_ours(our_net(cut), data, weights, {})
        for key, want in theirs.weight_diffs.items():
            np.testing.assert_allclose(ours.weight_diffs[key], want, atol=1e-5 * np.abs(want).max())


def test_what_both_refuse(judge: Judge) -> None:
    for kind, settings, shapes, wanted in (
        ("SoftmaxWithLoss", "", {"x": (4, 3), "y": (3,)}, "3 labels; expected 4"),
        ("SoftmaxWithLoss", "", {"x": (4, 3, 2), "y": (2, 4)}, "same first axis"),
        ("SoftmaxWithLoss", "softmax_param { axis: 2 }", {"x": (4, 3), "y": (4,)}, "axis 2 is outside"),
        ("EuclideanLoss", "", {"x": (4, 3), "y": (4, 2)}, "as many numbers in both"),
        ("EuclideanLoss", "", {"x": (4, 3), "y": (3, 4)}, "same first axis"),
        ("SigmoidCrossEntropyLoss", "", {"x": (4, 3), "y": (4,)}, "one target for each score"),
        ("InfogainLoss", "", {"x": (4, 3), "y": (4,)}, "has no matrix H"),
        ("InfogainLoss", "loss_param { normalize: true }", {"x": (4, 3), "y": (4,)}, 'old "normalize"'),
        (
            "InfogainLoss",
            'infogain_loss_param { source: "nowhere" }',
            {"x": (4, 3), "y": (4,)},
            "nowhere: cannot be read",
        ),
        ("InfogainLoss", "", {"x": (4, 3), "y": (4,), "h": (3, 2)}, "expected 3x3"),
        ("MultinomialLogisticLoss", "", {"x": (4, 3), "y": (4, 2)}, "one for each picture"),
        ("ContrastiveLoss", "", {"x": (4, 3), "y": (4, 2), "z": (4,)}, "expected N x C twice"),
        ("ContrastiveLoss", "", {"x": (4, 3, 2, 1), "y": (4, 3, 2, 1), "z": (4,)}, "expected N x C twice"),
        ("Accuracy", "accuracy_param { top_k: 4 }", {"x": (4, 3), "y": (4,)}, "top_k is 4; expected at most 3"),
        ("Accuracy", "", {"x": (4, 3), "y": (5,)}, "5 labels; expected 4"),
    ):
        ours, _ = both_refuse(judge, loss(kind, settings, "".join(shapes)), shapes)
        assert wanted in ours
