"""Priors, boxes and suppression in numpy: against OpenCV, OpenVINO's operations, and a loop that decides box by box."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import openvino as ov
import openvino.opset1 as op
import pytest
from google.protobuf import text_format
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import NetParameter
from common.cards.host import DetectionOutputStep, PriorBoxStep
from host.boxes import decode, detection_output, overlaps, prior_box, suppress
from ncs.rest.layers import HOST_LAYERS, HostLayer

Floats = NDArray[np.float32]


def one_of(random: np.random.Generator, *values: Any) -> Any:
    return values[int(random.integers(len(values)))]


@pytest.mark.parametrize("seed", range(40))
def test_priors_are_those_of_opencv(seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(20, 200, 2))
    cells = [int(count) for count in random.integers(1, 9, 2)]
    small = int(random.integers(5, 60))
    texts = [f"min_size: {small}"]
    if random.random() < 0.6:
        texts.append(f"max_size: {small + int(random.integers(1, 60))}")
    texts += [f"aspect_ratio: {ratio}" for ratio in random.permutation([2, 3, 1.5])[: int(random.integers(0, 4))]]
    texts.append(f"flip: {one_of(random, 'true', 'false')} clip: {one_of(random, 'true', 'false')}")
    texts.append(one_of(random, "variance: 0.2", "variance: 0.1 variance: 0.2 variance: 0.3 variance: 0.4"))
    texts.append(one_of(random, "", "step: 8", "step_h: 5 step_w: 9"))
    texts.append(f"offset: {one_of(random, 0.5, 0.25)}")
    text = "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ dim: 1 dim: 3 dim: {h} dim: {w} }} }} }}\n'
        for name, (h, w) in (("map", cells), ("data", (height, width)))
    )
    param = f"prior_box_param {{ {' '.join(texts)} }}"
    prior = f'layer {{ name: "prior" type: "PriorBox" bottom: "map" bottom: "data" top: "prior" {param} }}'
    net = cv2.dnn.readNetFromCaffe(np.frombuffer((text + prior).encode(), np.uint8))
    for name, (h, w) in (("map", cells), ("data", (height, width))):
        net.setInput(np.zeros((1, 3, h, w), np.float32), name)
    (layer,) = text_format.Parse(prior, NetParameter()).layer
    settings = HOST_LAYERS["PriorBox"](HostLayer(layer, "net"), [(1, 3, *cells), (1, 3, height, width)])
    step = PriorBoxStep.model_validate({**settings, "inputs": [], "output": "prior"})
    expected = np.asarray(net.forward("prior"))
    assert np.abs(prior_box(step, []) - expected.reshape(1, 2, -1)).max() < 1e-6


def settings_of(random: np.random.Generator, priors: int, batch: int, **changes: Any) -> DetectionOutputStep:
    classes = int(random.integers(2, 6))
    keep = one_of(random, -1, 3, 20, 200)
    top_k = one_of(random, -1, 10, 400)
    content: dict[str, Any] = {
        "kind": "detection_output",
        "inputs": ["loc", "conf", "prior"],
        "output": "out",
        "classes": classes,
        "background": one_of(random, -1, 0, classes - 1),
        "share_location": bool(random.integers(2)),
        "code": one_of(random, "CORNER", "CENTER_SIZE"),
        "variance_encoded_in_target": bool(random.integers(2)),
        "confidence_threshold": one_of(random, 0.01, 0.3, 0.6),
        "nms_threshold": one_of(random, 0.2, 0.45, 0.8),
        "eta": 1,
        "top_k": top_k,
        "keep_top_k": keep,
        "rows": batch * (keep if keep > 0 else classes * (top_k if top_k > 0 else priors)),
    }
    return DetectionOutputStep.model_validate(content | changes)


def inputs_of(random: np.random.Generator, step: DetectionOutputStep, priors: int, batch: int) -> list[Floats]:
    low = random.uniform(0, 0.7, (priors, 2))
    boxes = np.hstack([low, low + random.uniform(0.05, 0.3, (priors, 2))])
    variances = np.broadcast_to([0.1, 0.1, 0.2, 0.2], boxes.shape)
    count = 1 if step.share_location else step.classes
    loc = random.normal(0, 0.3 if step.variance_encoded_in_target else 1, (batch, priors * count * 4))
    conf = random.uniform(0, 1, (batch, priors * step.classes))
    return [np.asarray(each, np.float32) for each in (loc, conf, np.stack([boxes.ravel(), variances.ravel()])[None])]


def by_openvino(step: DetectionOutputStep, arrays: list[Floats]) -> Floats:
    settings = {
        "num_classes": step.classes,
        "background_label_id": step.background,
        "top_k": step.top_k,
        "keep_top_k": [step.keep_top_k],
        "variance_encoded_in_target": step.variance_encoded_in_target,
        "code_type": f"caffe.PriorBoxParameter.{step.code}",
        "share_location": step.share_location,
        "nms_threshold": step.nms_threshold,
        "confidence_threshold": step.confidence_threshold,
        "normalized": True,
    }
    if step.variance_encoded_in_target:
        arrays = [*arrays[:2], np.ascontiguousarray(arrays[2][:, :1])]
    sources = [op.parameter(list(array.shape), np.float32) for array in arrays]
    model = ov.Model([op.result(op.detection_output(*sources, settings))], sources, "net")
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(arrays)[0], np.float32)


def found_in(rows: Floats) -> Floats:
    """Rows up to the end, in an order of their own."""
    rows = rows.reshape(-1, 7)
    ends = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ends[0]] if ends.size else rows
    return rows[np.lexsort((-rows[:, 2], rows[:, 1], rows[:, 0]))]


@pytest.mark.parametrize("seed", range(60))
def test_boxes_are_those_of_openvino(seed: int) -> None:
    random = np.random.default_rng(seed)
    priors, batch = int(random.integers(1, 80)), int(random.integers(1, 4))
    step = settings_of(random, priors, batch)
    arrays = inputs_of(random, step, priors, batch)
    ours, theirs = found_in(detection_output(step, arrays)), found_in(by_openvino(step, arrays))
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max(initial=0) < 1e-5


def one_by_one(boxes: Floats, threshold: float, eta: float) -> list[int]:
    """The SSD fork's suppression as its paper and options describe it: a box after the other."""
    kept: list[int] = []
    for number, box in enumerate(boxes.tolist()):
        free = True
        for other in kept:
            x0, y0, x1, y1 = boxes[other].tolist()
            across, down = min(x1, box[2]) - max(x0, box[0]), min(y1, box[3]) - max(y0, box[1])
            common = across * down if across > 0 and down > 0 else 0.0
            whole = (x1 - x0) * (y1 - y0) + (box[2] - box[0]) * (box[3] - box[1]) - common
            free = free and not common / whole > threshold
        if free:
            kept.append(number)
            threshold *= eta if eta < 1 and threshold > 0.5 else 1
    return kept


@pytest.mark.parametrize("seed", range(40))
def test_suppression_is_that_of_a_loop(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.boxes._BLOCK", 16)
    random = np.random.default_rng(seed)
    low = random.uniform(0, 1, (int(random.integers(0, 90)), 2))
    boxes = np.hstack([low, low + random.uniform(0.2, 0.9, low.shape)]).astype(np.float32)
    threshold, eta = one_of(random, 0.3, 0.5, 0.7, 0.9), one_of(random, 1.0, 0.9, 0.7)
    assert suppress(boxes, threshold, eta).tolist() == one_by_one(boxes, threshold, eta)


def test_corner_size_counts_in_sizes_of_the_prior() -> None:
    prior, variances = np.array([0.2, 0.4, 0.4, 0.8]), np.array([0.1, 0.1, 0.2, 0.2])
    found = decode("CORNER_SIZE", *(np.asarray(each, np.float32) for each in (prior, variances, [1, -1, 2, 0.5])))
    assert found.tolist() == pytest.approx(
        [0.2 + 0.1 * 0.2, 0.4 - 0.1 * 0.4, 0.4 + 0.2 * 2 * 0.2, 0.8 + 0.2 * 0.5 * 0.4]
    )


def test_boxes_that_touch_or_are_turned_round_share_nothing() -> None:
    boxes = np.array([[0, 0, 1, 1], [1, 0, 2, 1], [1, 1, 0, 0], [0, 0, 0, 0]], np.float32)
    assert overlaps(boxes, boxes).tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_many_boxes_are_quick_and_small() -> None:
    """All of 20,000 boxes without a limit: no matrix of all of them."""
    random = np.random.default_rng(3)
    low = random.uniform(0, 1, (20000, 2))
    boxes = np.hstack([low, low + 0.05]).astype(np.float32)
    assert 100 < len(suppress(boxes, 0.45)) < 3000
