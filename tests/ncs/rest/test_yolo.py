"""YOLO v2 and v3 with --cut: the device's maps and this machine's boxes are what the training room's net finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, NetParameter
from caffe_io.weights import write_weights
from inference import Runner
from kits.fork_nets import random_weights
from kits.ncs import pixels
from tools.zoo.forks import FORK_NETS
from training.nets.net import Net

Command = Callable[..., Any]


@pytest.mark.parametrize(("name", "cut"), [("YOLO v2", "conv9"), ("YOLO v3", "conv9,conv12")])
def test_the_parts_are_the_whole(
    name: str, cut: str, tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ncs.compiler.available", lambda: False)
    entry = FORK_NETS[name]
    net = text_format.Parse(entry.writer(entry.small, entry.width).text, NetParameter())
    weights = random_weights(net, 1)
    files = tmp_path / "Yolo.prototxt", tmp_path / "Yolo.caffemodel"
    files[0].write_text(text_format.MessageToString(net))
    write_weights(files[1], net, weights)
    words = ("--model", files[0], "--weights", files[1], "--data_type", "FP32", "--mean_value", 128, "--scale", 64)
    refused = run_command("ncs", "compile", *words, "--out", tmp_path / "none")
    assert "Name its bottoms with --cut" in refused.err
    done = run_command("ncs", "compile", *words, "--out", tmp_path / "graph", "--cut", cut)
    assert done.code == 0, done.err
    card = json.loads((tmp_path / "graph/Yolo.json").read_text())
    assert [step["kind"] for step in card["host"]] == ["yolo_output"]
    assert card["outputs"][0]["classes"] == ["0", "1", "2", "3"]

    picture = np.ascontiguousarray(pixels((entry.small, entry.small, 3), 3))
    with Runner(tmp_path / "graph", "CPU") as runner:
        (answer,) = runner.answer(picture).answers
    room = Net(net, TEST)
    for layer in room.layers:
        for blob, values in zip(layer.blobs, weights.get(layer.name, ()), strict=True):
            blob.data.copy_(torch.from_numpy(values).reshape(blob.shape))
    data = (picture.transpose(2, 0, 1)[None].astype(np.float32) - 128) / 64
    room.forward({"data": torch.from_numpy(data)})
    rows = room.blobs["detection_out"].numpy().reshape(-1, 7)
    rows = rows[rows[:, 2] >= 0.5]
    assert len(rows) == len(answer.detections) > 1
    for row, thing in zip(rows, answer.detections, strict=True):
        assert (thing.label, thing.score) == (row[1], pytest.approx(row[2], abs=1e-4))
        left, top, across, down = (side / entry.small for side in thing.box)
        np.testing.assert_allclose([left, top, left + across, top + down], row[3:], rtol=1e-3, atol=1e-3)
