"""--cut: the device's part and this machine's part together are the whole net."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from caffe_io.prototxt import read_net
from inference import Runner
from inference.answer import Answer
from kits.faces import compiled_res10, portrait
from kits.ncs import pixels
from kits.ssd import HEIGHT, WIDTH, write_small_ssd

Command = Callable[..., Any]


@pytest.fixture
def no_blobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the seconds that the MYRIAD compiler takes."""
    monkeypatch.setattr("ncs.compiler.available", lambda: False)


def compiled(run_command: Command, folder: Path, out: str, *options: object, batch: int = 1) -> Path:
    net, weights = write_small_ssd(folder, batch)
    words = ("--model", net, "--weights", weights, "--data_type", "FP32", "--out", folder / out, "--mean_value", 100)
    done = run_command("ncs", "compile", *words, *options)
    assert done.code == 0, done.err
    return folder / out


def answers_of(graph: Path, picture: Any) -> list[Answer]:
    with Runner(graph, "CPU") as runner:
        return list(runner.answer(picture).answers)


def same(some: Answer, others: Answer, tolerance: float) -> int:
    """Check that two answers have the same detections; return how many."""
    assert [each.label for each in some.detections] == [each.label for each in others.detections]
    for one, other in zip(some.detections, others.detections, strict=True):
        assert abs(one.score - other.score) < tolerance
        assert np.abs(np.subtract(one.box, other.box)).max() < 300 * tolerance
    return len(some.detections)


CUTS = ["loc", "conf", "shares_flat,loc", "loc1,conf1,loc2,conf2", "conf2_perm", "scores", "loc1,loc"]


@pytest.mark.parametrize("cut", CUTS)
def test_the_parts_are_the_whole(cut: str, no_blobs: None, tmp_path: Path, run_command: Command) -> None:
    whole = compiled(run_command, tmp_path, "whole")
    parts = compiled(run_command, tmp_path, "parts", "--cut", cut)
    count = 0
    for seed in range(3):
        picture = np.ascontiguousarray(pixels((HEIGHT, WIDTH, 3), seed))
        (one,), (other,) = answers_of(whole, picture), answers_of(parts, picture)
        count += same(one, other, 1e-5)
    assert count > 3
    card = json.loads((parts / "SmallSsd.json").read_text())
    assert card["host"][-1]["kind"] == "detection_output"
    assert card["outputs"][0]["classes"] == ["0", "1", "2"]
    assert [step["kind"] for step in card["host"]].count("prior_box") == 2


def test_the_whole_is_what_opencv_finds(no_blobs: None, tmp_path: Path, run_command: Command) -> None:
    parts = compiled(run_command, tmp_path, "parts", "--cut", "conf")
    net = cv2.dnn.readNetFromCaffe(*map(str, write_small_ssd(tmp_path / "again")))
    picture = np.ascontiguousarray(pixels((HEIGHT, WIDTH, 3), 5))
    net.setInput(cv2.dnn.blobFromImage(picture, 1, (WIDTH, HEIGHT), (100, 100, 100)), "data")
    rows = np.asarray(net.forward("found"), np.float32).reshape(-1, 7)
    rows = rows[rows[:, 2] >= 0.5]
    rows = rows[np.argsort(-rows[:, 2], kind="stable")]
    (answer,) = answers_of(parts, picture)
    assert len(rows) == len(answer.detections) > 1
    for row, thing in zip(rows, answer.detections, strict=True):
        left, top, across, down = thing.box
        corners = (left / WIDTH, top / HEIGHT, (left + across) / WIDTH, (top + down) / HEIGHT)
        assert np.abs(np.subtract(corners, row[3:])).max() < 1e-4
        assert (thing.label, thing.score) == (row[1], pytest.approx(row[2], abs=1e-4))


def test_opencv_as_a_device_gives_the_blobs_of_the_cut(no_blobs: None, tmp_path: Path, run_command: Command) -> None:
    parts = compiled(run_command, tmp_path, "graph", "--cut", "loc,conf")
    for name in ("SmallSsd.prototxt", "SmallSsd.caffemodel"):
        (parts / name).write_bytes((tmp_path / name).read_bytes())
    picture = np.ascontiguousarray(pixels((HEIGHT, WIDTH, 3), 7))
    (ours,) = answers_of(parts, picture)
    with Runner(parts, "OPENCV") as runner:
        (theirs,) = runner.answer(picture).answers
    assert same(ours, theirs, 1e-4) > 0


def test_what_no_device_computes_is_computed_here(no_blobs: None, tmp_path: Path, run_command: Command) -> None:
    """OpenVINO's operation has no eta. The training room, whose suppression is another program, is the judge."""
    import torch

    from caffe_io.caffe_pb2 import TEST
    from caffe_io.weights import read_weights
    from training.nets.net import Net

    net, weights = write_small_ssd(tmp_path)
    net.write_text(net.read_text().replace("nms_threshold: 0.45", "nms_threshold: 0.8 eta: 0.7"))
    words = ("--model", net, "--weights", weights, "--data_type", "FP32", "--mean_value", 100)
    done = run_command("ncs", "compile", *words)
    assert done.code == 1 and "eta is 0.7" in done.err
    done = run_command("ncs", "compile", *words, "--cut", "conf")
    assert done.code == 0, done.err
    picture = np.ascontiguousarray(pixels((HEIGHT, WIDTH, 3), 5))
    (answer,) = answers_of(tmp_path / "graph", picture)
    trained = Net(read_net(net), TEST)
    with torch.no_grad():
        for layer in trained.layers:
            for blob, values in zip(layer.blobs, read_weights(weights).get(layer.name, ()), strict=False):
                blob.copy_(torch.from_numpy(np.array(values)).reshape(blob.shape))
        trained.forward({"data": torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32) - 100)})
    rows = trained.blobs["found"].numpy().reshape(-1, 7)
    rows = rows[rows[:, 2] >= 0.5]
    assert sorted(rows[:, 2].tolist()) == pytest.approx(sorted(each.score for each in answer.detections), abs=1e-4)
    assert len(rows) > 1


def test_a_batch(tmp_path: Path, run_command: Command) -> None:
    """The runner shows one picture at a time; the steps work for several."""
    from common.card import read_card
    from host.rest import Rest

    parts = compiled(run_command, tmp_path, "parts", "--cut", "conf", "--batch", "2", batch=2)
    card = read_card(parts / "SmallSsd.json")
    assert card.outputs[0].size == 2 * 20 * 7
    import openvino

    network = openvino.Core().compile_model(parts / "SmallSsd.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pictures = pixels((2, 3, HEIGHT, WIDTH), 5)
    values = {name: np.array(value, np.float32) for port, value in network([pictures]).items() for name in port.names}
    rows = Rest(card.host, card.path).finish(values)["found"].reshape(-1, 7)
    single = compiled(run_command, tmp_path, "single")
    for number in range(2):
        (answer,) = answers_of(single, np.ascontiguousarray(pictures[number].transpose(1, 2, 0)))
        own = rows[(rows[:, 0] == number) & (rows[:, 2] >= 0.5)]
        assert sorted(own[:, 2].tolist()) == pytest.approx(sorted(each.score for each in answer.detections), abs=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cut", "found"], "--cut found: no layer that the outputs need follows"),
        (
            ["--cut", "conv1"],
            r'layer "relu1" \(ReLU\): follows --cut conv1, but this machine has no step for it',
        ),
        (["--cut", "lok"], r'--cut lok: the net has no layer and no blob of that name\. .*Did you mean "loc"'),
        (["--cut", "loc", "--output", "conf"], "no layer that the outputs need follows"),
        (["--cut", ","], r'--cut ",": names no layer'),
    ],
)
def test_what_cannot_be_cut(
    options: list[str], words: str, no_blobs: None, tmp_path: Path, run_command: Command
) -> None:
    import re

    net, weights = write_small_ssd(tmp_path)
    done = run_command("ncs", "compile", "--model", net, "--weights", weights, *options)
    assert done.code != 0
    assert re.search(words, done.err), done.err
    assert not list(tmp_path.glob("graph/*"))


def test_the_output_may_lie_before_the_end(no_blobs: None, tmp_path: Path, run_command: Command) -> None:
    """--output names what is wanted in the end, and --cut where the device's part of that ends."""
    parts = compiled(run_command, tmp_path, "parts", "--cut", "conf", "--output", "shares")
    card = json.loads((parts / "SmallSsd.json").read_text())
    assert [step["kind"] for step in card["host"]] == ["reshape", "softmax"]
    assert [output["blob"] for output in card["outputs"]] == ["shares"]


@pytest.mark.parametrize("cut", ["mbox_loc,mbox_conf_flatten", "mbox_conf"])
def test_res10_in_parts(cut: str, tmp_path: Path) -> None:
    whole = compiled_res10(tmp_path / "whole", "--data_type", "FP32")
    parts = compiled_res10(tmp_path / "parts", "--data_type", "FP32", "--cut", cut)
    count = 0
    for picture in (portrait(3), portrait(5), np.hstack([portrait(7), portrait(8)])):
        (one,), (other,) = answers_of(whole, picture), answers_of(parts, picture)
        count += same(one, other, 1e-5)
    assert count >= 4
