"""OpenCV's reader of Caffe nets against the compiled network."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_io import caffe_pb2
from common.card import read_cards
from common.errors import CardError
from inference.devices import open_device
from inference.devices.cpu import CpuDevice
from inference.devices.opencv_dnn import OpenCvDevice
from kits.inference import card_of, with_mean, write_card, write_network

DEPLOY = """
name: "ColourNet"
input: "data" input_shape { dim: 1 dim: 3 dim: 24 dim: 20 }
layer { name: "scores" type: "InnerProduct" bottom: "data" top: "scores" inner_product_param { num_output: 3 bias_term: false } }
layer { name: "prob" type: "Softmax" bottom: "scores" top: "prob" }
"""


def write_both(folder: Path, **changes: Any) -> dict[str, Any]:
    """One net twice, as an IR and as a caffemodel, in graph/, models/ and prototxt/."""
    weights = np.random.default_rng(8).normal(0, 1e-3, (3, 3 * 24 * 20)).astype(np.float32)
    model = caffe_pb2.NetParameter(name="ColourNet")
    layer = model.layer.add(name="scores", type="InnerProduct")
    blob = layer.blobs.add()
    blob.shape.dim.extend(weights.shape)
    blob.data.extend(weights.ravel().tolist())
    data = model.SerializeToString()
    for path, content in (
        ("models/ColourNet/ColourNet_iter_1.caffemodel", data),
        ("prototxt/ColourNet/deploy.prototxt", DEPLOY.encode()),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    source = {"caffemodel": "ColourNet_iter_1.caffemodel", "sha256": hashlib.sha256(data).hexdigest()}
    card = card_of(**{"source": source, **changes})
    graph = folder / "graph"
    graph.mkdir(exist_ok=True)
    write_network(graph, card, {"prob": weights})
    write_card(graph, card)
    return card


def tensors(count: int = 5) -> list[Any]:
    return list(np.random.default_rng(1).integers(0, 256, (count, 1, 3, 24, 20), dtype=np.uint8))


def test_it_answers_as_the_compiled_network_does(tmp_path: Path) -> None:
    write_both(tmp_path)
    (card,) = cards = read_cards(tmp_path / "graph")
    device = OpenCvDevice(cards)
    assert device.runtime.startswith("OpenCV 4.")
    found, reference = device.infer_many(card, tensors()), CpuDevice(cards).infer_many(card, tensors())
    for ours, theirs in zip(found, reference, strict=True):
        assert np.abs(ours["prob"] - theirs["prob"]).max() < 1e-5
    device.close()


def test_what_training_did_to_its_input_is_done_here(tmp_path: Path) -> None:
    """Values, scale, a mean image larger than the net, and reversed channels: each against the same arithmetic by hand."""
    write_both(tmp_path)
    plain = OpenCvDevice(read_cards(tmp_path / "graph"))
    (first,) = tensors(1)
    mean = np.random.default_rng(3).uniform(0, 99, (3, 28, 26)).astype(np.float32)
    np.save(tmp_path / "graph/zmean.npy", mean)
    (tmp_path / "graph/another.npy").write_bytes(b"no array")
    values = {"mean": {"inside": True, "kind": "values", "sha256": None, "channel_means": [9, 8, 7]}}
    given = {**card_of()["input"], "scale": [0.5, 0.25, 2], "channels_reversed": True}
    by_value = (first[:, ::-1] - np.array([9, 8, 7]).reshape(1, 3, 1, 1)) * np.array([0.5, 0.25, 2]).reshape(1, 3, 1, 1)
    by_image = first - mean[None, :, 2:26, 3:23]
    for card, expected in (
        (card_of(**values, input=given), by_value),
        (with_mean(card_of(), mean), by_image),
    ):
        write_both(tmp_path, **{key: card[key] for key in ("mean", "input")})
        (read,) = read_cards(tmp_path / "graph")
        found = OpenCvDevice([read]).infer(read, first)["prob"]
        (network,) = plain._networks.values()
        network._net.setInput(expected.astype(np.float32))
        assert found == pytest.approx(network._net.forward("prob"), abs=1e-5)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda folder: (folder / "models/ColourNet/ColourNet_iter_1.caffemodel").unlink(), "not found (looked in "),
        (
            lambda folder: (folder / "models/ColourNet/ColourNet_iter_1.caffemodel").write_bytes(b"x"),
            "is not the file that",
        ),
        (lambda folder: (folder / "prototxt/ColourNet/deploy.prototxt").unlink(), "Copy the net's deploy.prototxt to"),
        (
            lambda folder: (folder / "prototxt/ColourNet/deploy.prototxt").write_text("layer { name: }"),
            "OpenCV cannot read it with",
        ),
        (
            lambda folder: (folder / "prototxt/ColourNet/deploy.prototxt").write_text(
                DEPLOY.replace('"prob"', '"other"')
            ),
            'has no layer "prob"',
        ),
    ],
)
def test_files_that_are_missing_or_wrong(
    tmp_path: Path, break_it: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_both(tmp_path)
    break_it(tmp_path)
    with pytest.raises(CardError) as caught:
        open_device("OPENCV", read_cards(tmp_path / "graph"))
    assert said in str(caught.value)


def test_a_mean_image_that_is_not_there(tmp_path: Path) -> None:
    mean = with_mean(card_of(), np.ones((3, 24, 20), np.float32))["mean"]
    write_both(tmp_path, mean=mean)
    with pytest.raises(CardError, match=r"its net subtracts a mean image, which --device OPENCV needs"):
        open_device("OPENCV", read_cards(tmp_path / "graph"))


def test_a_card_without_its_source(tmp_path: Path) -> None:
    write_both(tmp_path, source=None)
    with pytest.raises(CardError, match="names no caffemodel"):
        open_device("OPENCV", read_cards(tmp_path / "graph"))
