"""Programs that know layers of Caffe's forks: OpenCV's DNN, Model Optimizer 2021.4.2, and OpenVINO 2021.4.2's CPU plugin."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import TEST, NetParameter
from caffe_io.weights import write_weights
from common.places import ROOT
from kits.ncs import Floats
from kits.oracle import Worker, movidius
from training.nets.net import Net

Weights = Mapping[str, Sequence[Floats]]


def with_inputs(layers: str, feed: Mapping[str, NDArray[np.float32]]) -> NetParameter:
    """Make the net of `layers` (prototxt text) with an Input layer for each array of `feed`."""
    net = NetParameter()
    for name, values in feed.items():
        # Model Optimizer calls an input after its layer, others call it after its top.
        layer = net.layer.add(name=name, type="Input", top=[name])
        layer.input_param.shape.add(dim=values.shape)
    net.MergeFrom(text_format.Parse(layers, NetParameter()))
    return net


def by_opencv(
    net: NetParameter, feed: Mapping[str, NDArray[np.float32]], blobs: Sequence[str], weights: Weights | None = None
) -> list[Floats]:
    """Return what OpenCV's DNN computes as `blobs`."""
    import cv2

    trained = NetParameter()
    trained.CopyFrom(net)
    for layer in trained.layer:
        for values in (weights or {}).get(layer.name, ()):
            blob = layer.blobs.add()
            blob.shape.dim.extend(values.shape or (1,))
            blob.data.extend(values.ravel().tolist())
    text = text_format.MessageToString(net).encode()
    reader = cv2.dnn.readNetFromCaffe(
        np.frombuffer(text, np.uint8), np.frombuffer(trained.SerializeToString(), np.uint8)
    )
    for name, values in feed.items():
        reader.setInput(values, name)
    return [np.array(blob) for blob in reader.forward(list(blobs))]


def by_us(
    net: NetParameter, feed: Mapping[str, NDArray[np.float32]], blobs: Sequence[str], weights: Weights | None = None
) -> list[Floats]:
    """Return what training computes as `blobs`, in the TEST phase."""
    import torch

    ours = Net(net, TEST)
    with torch.no_grad():
        for layer in ours.layers:
            for blob, values in zip(layer.blobs, (weights or {}).get(layer.name, ()), strict=False):
                blob.copy_(torch.from_numpy(np.asarray(values)).reshape(blob.shape))
        ours.forward({name: torch.from_numpy(values) for name, values in feed.items()})
    return [ours.blobs[name].numpy() for name in blobs]


def model_optimizer(net: NetParameter, folder: Path, weights: Weights | None = None, *options: str) -> Path:
    """Return the FP32 IR that Model Optimizer writes into `folder`."""
    (folder / "mo.prototxt").write_text(text_format.MessageToString(net))
    write_weights(folder / "mo.caffemodel", net, weights or {}, force=True)
    words = ["--framework", "caffe", "--input_model", str(folder / "mo.caffemodel"), "--data_type", "FP32"]
    words += ["--input_proto", str(folder / "mo.prototxt"), "--output_dir", str(folder), "--model_name", "mo", *options]
    done = subprocess.run([movidius("mo"), *words], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "mo.xml"


class OldOpenVINO:
    """OpenVINO 2021.4.2's CPU plugin, in a process of its own."""

    def __init__(self) -> None:
        self._worker = Worker(movidius("python"), ROOT / "tests/oracle/feed_worker.py")

    def run(self, xml: Path, feed: Mapping[str, NDArray[np.float32]], folder: Path) -> dict[str, Floats]:
        """Return output -> numbers of an IR. `folder` is for the arrays on their way."""
        np.savez(folder / "feed.npz", **feed)  # type: ignore[arg-type]
        self._worker.ask(
            model=xml, weights=xml.with_suffix(".bin"), feed=folder / "feed.npz", answers=folder / "answers.npz"
        )
        with np.load(folder / "answers.npz") as answers:
            return dict(answers)

    def close(self) -> None:
        """End the process."""
        self._worker.close()


@pytest.fixture(scope="module")
def old_openvino() -> Iterator[OldOpenVINO]:
    """OpenVINO 2021.4.2 for the tests of one module; they are skipped if the tool chain lacks it."""
    old = OldOpenVINO()
    yield old
    old.close()
