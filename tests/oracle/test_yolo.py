"""Yolo's detection outputs against OpenCV: its reader of darknet nets decodes the boxes, and its NMSBoxes chooses among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from common.cards.host import YoloOutputStep
from host.kinds import KINDS
from kits.ncs import Floats
from kits.oracle import saw
from kits.training_layers import layer_of, param_of, run
from ncs.rest.layers import HOST_LAYERS, HostLayer

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(300)]
HEADER = np.array([0, 2, 0], np.int32).tobytes() + np.array([0], np.int64).tobytes()


def darknets_boxes(
    maps: Floats, anchors: NDArray[np.float64], cell: int, folder: Path, classes: int, section: str
) -> tuple[Floats, Floats, Floats]:
    """Return centres and sizes (boxes x 4), objectness and class scores of one map, as OpenCV's darknet net decodes them.

    The net's input has the map in every `cell`-th pixel, which a convolution of 1 x 1 with that stride takes out. A region
    drops boxes that overlap others of their class, so its boxes are made too small for that, and then as large as they are.
    """
    channels, height, width = maps.shape
    small = 1e-4 if section == "region" else 1.0
    names = ",".join(f"{side * small:.9g}" for side in anchors.ravel())
    (folder / "n.cfg").write_text(
        f"[net]\nwidth={width * cell}\nheight={height * cell}\nchannels={channels}\n"
        f"[convolutional]\nfilters={channels}\nsize=1\nstride={cell}\npad=0\nactivation=linear\n"
        f"[{section}]\nanchors={names}\nclasses={classes}\nnum={len(anchors)}\nthresh=0.0000001\n"
        + ("softmax=1\n" if section == "region" else f"mask={','.join(map(str, range(len(anchors))))}\n")
    )
    weights = np.concatenate([np.zeros(channels), np.eye(channels).ravel()]).astype(np.float32)
    (folder / "n.weights").write_bytes(HEADER + weights.tobytes())
    net = cv2.dnn.readNetFromDarknet(str(folder / "n.cfg"), str(folder / "n.weights"))
    blob = np.zeros((1, channels, height * cell, width * cell), np.float32)
    blob[0, :, ::cell, ::cell] = maps
    net.setInput(blob)
    rows = net.forward()
    return rows[:, :4] / np.array([1, 1, small, small], np.float32), rows[:, 4], rows[:, 5:]


def chosen(rows: Floats, threshold: float) -> Floats:
    """Keep of rows (label, score, centre x, centre y, width, height) those that OpenCV's suppression keeps, best first."""
    rows = rows[np.argsort(-rows[:, 1], kind="stable")]
    boxes = [(float(x - w / 2), float(y - h / 2), float(w), float(h)) for x, y, w, h in rows[:, 2:]]
    kept = np.sort(np.array(cv2.dnn.NMSBoxes(boxes, rows[:, 1].tolist(), 0.0, threshold), int).ravel())
    x, y, w, h = rows[kept, 2:].T
    columns = [0 * x, rows[kept, 0], rows[kept, 1], x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    return np.stack(columns, 1).astype(np.float32)


def on_the_host(text: str, bottoms: Sequence[Floats]) -> Floats:
    """Return what the step of --cut makes of the same maps, without the rows after its last one."""
    param = param_of(text)
    settings = HOST_LAYERS[param.type](HostLayer(param, "n.prototxt"), [bottom.shape for bottom in bottoms])
    step = YoloOutputStep.model_validate({**settings, "inputs": list(param.bottom), "output": "y"})
    rows = KINDS["yolo_output"](step, bottoms)
    kept = rows[:, :, rows[0, 0, :, 0] == 0]
    assert rows[0, 0, kept.shape[2] :, 0].max(initial=-1) == -1
    return kept if kept.size else np.array([0, *[-1] * 6], np.float32).reshape(1, 1, 1, 7)


def compare(found: Floats, expected: Floats) -> None:
    if not len(expected):
        expected = np.array([[0, -1, -1, -1, -1, -1, -1]], np.float32)
    assert found.shape == (1, 1, len(expected), 7), (found.shape, len(expected))
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("seed", range(30))
def test_yolo_v3(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    classes, boxes, groups = int(random.integers(1, 7)), int(random.integers(1, 4)), int(random.integers(1, 4))
    cells = [int(n) for n in random.integers(1, 9, groups)]
    mask = random.permutation(boxes * groups)
    biases = np.round(random.uniform(3, 30, (boxes * groups, 2)), 2)
    least, overlap = round(float(random.uniform(0.05, 0.5)), 3), round(float(random.uniform(0.2, 0.7)), 3)
    bottoms, rows = [], []
    for group, cell in enumerate(cells):
        height, width = (int(n) for n in random.integers(1, 9, 2))
        maps = random.normal(size=(1, boxes * (5 + classes), height, width)).astype(np.float32)
        bottoms.append(maps)
        own = mask[group * boxes : (group + 1) * boxes]
        where, _, scores = darknets_boxes(maps[0], biases[own], cell, tmp_path, classes, "yolo")
        box, label = np.nonzero(scores > least)
        rows.append(np.concatenate([label[:, None] + 1, scores[box, label][:, None], where[box]], 1))
    setting = (
        f"num_classes: {classes} num_box: {boxes} confidence_threshold: {least} nms_threshold: {overlap} "
        f"mask_group_num: {groups} "
        + " ".join(f"biases: {side}" for side in biases.ravel())
        + " ".join(f" mask: {number}" for number in mask)
        + " ".join(f" anchors_scale: {cell}" for cell in cells)
    )
    names = " ".join(f'bottom: "b{number}"' for number in range(groups))
    text = f'type: "Yolov3DetectionOutput" {names} top: "y" yolov3_detection_output_param {{ {setting} }}'
    layer, _ = layer_of(text, *(bottom.shape for bottom in bottoms))
    expected = chosen(np.concatenate(rows), overlap)
    compare(run(layer, *bottoms)[0], expected)
    compare(on_the_host(text, bottoms), expected)
    saw("Yolov3DetectionOutput", "forward")


@pytest.mark.parametrize("seed", range(30))
def test_yolo_v2(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    classes, boxes = int(random.integers(1, 7)), int(random.integers(1, 6))
    biases = np.round(random.uniform(0.3, 3, (boxes, 2)), 2)
    least, overlap = round(float(random.uniform(0.02, 0.4)), 3), round(float(random.uniform(0.2, 0.7)), 3)
    bottoms, rows = [], []
    for size in random.integers(1, 9, 1 + seed % 2):
        maps = random.normal(size=(1, boxes * (5 + classes), size, size)).astype(np.float32)
        bottoms.append(maps)
        # biases are in cells, which are of 4 pixels here.
        where, _, scores = darknets_boxes(maps[0], biases, 4, tmp_path, classes, "region")
        label = scores.argmax(1)
        rows.append(np.concatenate([label[:, None] + 1, scores.max(1)[:, None], where], 1))
    found = np.concatenate(rows)
    setting = (
        f"num_classes: {classes} num_box: {boxes} confidence_threshold: {least} nms_threshold: {overlap} "
        + " ".join(f"biases: {side}" for side in biases.ravel())
    )
    names = " ".join(f'bottom: "b{number}"' for number in range(len(bottoms)))
    text = f'type: "YoloDetectionOutput" {names} top: "y" yolo_detection_output_param {{ {setting} }}'
    layer, _ = layer_of(text, *(bottom.shape for bottom in bottoms))
    expected = chosen(found[found[:, 1] >= least], overlap)
    compare(run(layer, *bottoms)[0], expected)
    compare(on_the_host(text, bottoms), expected)
    saw("YoloDetectionOutput", "forward")
