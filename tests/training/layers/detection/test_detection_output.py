"""DetectionOutput, by hand; tests/oracle/test_ssd_layers.py compares it with other programs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.training_layers import layer_of, run
from training.errors import LayerError

PRIORS = np.float32([[0.1, 0.1, 0.3, 0.3], [0.12, 0.1, 0.32, 0.3], [0.5, 0.5, 0.9, 0.9]])
VARIANCES = np.float32([[0.1, 0.1, 0.2, 0.2]] * 3)
BOTH = np.stack([PRIORS.ravel(), VARIANCES.ravel()])[None]
# Rows of background, class 1, class 2.
SCORES = np.float32([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]])


def detection(param: str, batch: int = 1, classes: int = 3, locations: int = 12) -> object:
    text = 'type: "DetectionOutput" bottom: "l" bottom: "s" bottom: "p" top: "y"'
    layer, shapes = layer_of(
        f"{text} detection_output_param {{ {param} }}", (batch, locations), (batch, 3 * classes), (1, 2, 12)
    )
    assert shapes == [(1, 1, 1, 7)]
    return layer


def answer(param: str, locations: np.ndarray | None = None, scores: np.ndarray = SCORES) -> np.ndarray:
    locations = np.zeros((1, 12), np.float32) if locations is None else locations
    layer = detection(param, len(locations), locations=locations.shape[1])
    return run(layer, locations, scores.reshape(len(locations), -1), BOTH)[0]  # type: ignore[arg-type]


def test_labels_scores_and_boxes() -> None:
    top = answer("num_classes: 3 nms_param { nms_threshold: 0.45 } confidence_threshold: 0.25")
    assert top.shape == (1, 1, 3, 7)
    expected = [[0, 1, 0.8, *PRIORS[0]], [0, 1, 0.3, *PRIORS[2]], [0, 2, 0.6, *PRIORS[2]]]
    np.testing.assert_allclose(top[0, 0], expected)


def test_the_best_of_all_labels_stay_sorted_by_label() -> None:
    top = answer("num_classes: 3 nms_param { nms_threshold: 0.9 } confidence_threshold: 0.25 keep_top_k: 3")
    np.testing.assert_allclose(top[0, 0, :, 1:3], [[1, 0.8], [1, 0.7], [2, 0.6]])


def test_no_background() -> None:
    top = answer("num_classes: 3 background_label_id: -1 nms_param { nms_threshold: 0.45 } confidence_threshold: 0.15")
    np.testing.assert_allclose(top[0, 0, :, 1:3], [[0, 0.2], [1, 0.8], [1, 0.3], [2, 0.6]])


@pytest.mark.parametrize(
    ("code", "box"),
    [
        # From the prior (0.5, 0.5, 0.9, 0.9) with differences 1, 2, -1, 0.5.
        ("code_type: CORNER", [0.6, 0.7, 0.7, 1.0]),
        ("code_type: CORNER variance_encoded_in_target: true", [1.5, 2.5, -0.1, 1.4]),
        ("code_type: CORNER_SIZE", [0.54, 0.58, 0.82, 0.94]),
        ("code_type: CORNER_SIZE variance_encoded_in_target: true", [0.9, 1.3, 0.5, 1.1]),
        (
            "code_type: CENTER_SIZE",
            [0.74 - 0.2 * np.exp(-0.2), 0.78 - 0.2 * np.exp(0.1), 0.74 + 0.2 * np.exp(-0.2), 0.78 + 0.2 * np.exp(0.1)],
        ),
        (
            "code_type: CENTER_SIZE variance_encoded_in_target: true",
            [1.1 - 0.2 * np.exp(-1), 1.5 - 0.2 * np.exp(0.5), 1.1 + 0.2 * np.exp(-1), 1.5 + 0.2 * np.exp(0.5)],
        ),
    ],
)
@pytest.mark.parametrize("shared", [True, False])
def test_codes(code: str, box: list[float], shared: bool) -> None:
    locations = np.zeros((1, 3, 1 if shared else 3, 4), np.float32)
    locations[0, 2, 0 if shared else 2] = [1, 2, -1, 0.5]
    param = f"num_classes: 3 share_location: {str(shared).lower()} confidence_threshold: 0.55 {code}"
    top = answer(param, locations.reshape(1, -1))
    np.testing.assert_allclose(top[0, 0, -1], [0, 2, 0.6, *box], rtol=1e-5)


def test_pictures_without_a_box() -> None:
    scores = np.stack([SCORES * 0, SCORES])
    locations = np.zeros((2, 12), np.float32)
    top = answer("num_classes: 3 confidence_threshold: 0.75", locations, scores)
    np.testing.assert_allclose(top[0, 0], [[1, 1, 0.8, *PRIORS[0]]])
    top = answer("num_classes: 3 confidence_threshold: 0.99", locations, scores)
    assert top.shape == (1, 1, 2, 7)
    np.testing.assert_array_equal(top[0, 0], [[0, *[-1] * 6], [1, *[-1] * 6]])


def test_a_gradient_is_refused() -> None:
    layer = detection("num_classes: 3")
    locations = torch.zeros(1, 12, requires_grad=True)
    top = layer.forward([locations, torch.from_numpy(SCORES.reshape(1, -1)), torch.from_numpy(BOTH)])[0]  # type: ignore[attr-defined]
    with pytest.raises(LayerError, match="has no gradient"):
        top.sum().backward()


@pytest.mark.parametrize(
    ("param", "words"),
    [
        ("", "num_classes is missing"),
        ("num_classes: 3 nms_param { nms_threshold: -1 }", "nms_threshold is -1 and eta 1; expected"),
        ("num_classes: 3 nms_param { eta: 0 }", "and eta 0; expected"),
        ("num_classes: 3 background_label_id: 3", "background_label_id is 3, but there are 3 classes"),
        ("num_classes: 4", r"second bottom \(scores\) is 1x9; expected 1 x 12, 4 for each of 3 priors"),
        ("num_classes: 3 share_location: false", r"first bottom \(locations\) is 1x12; expected 1 x 36"),
    ],
)
def test_settings_that_are_refused(param: str, words: str) -> None:
    with pytest.raises(LayerError, match=words):
        detection(param)


def test_a_prior_without_area_is_refused_where_codes_are_divided_by_it() -> None:
    priors = BOTH.copy()
    priors[0, 0, 4:8] = 0.5
    bottoms = (np.zeros((1, 12), np.float32), SCORES.reshape(1, -1), priors)
    with pytest.raises(LayerError, match="prior 1 has no area"):
        run(detection("num_classes: 3 code_type: CENTER_SIZE"), *bottoms)  # type: ignore[arg-type]
    assert run(detection("num_classes: 3"), *bottoms)[0].shape[2] == 6  # type: ignore[arg-type]
