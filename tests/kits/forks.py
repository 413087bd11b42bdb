"""Nets with layers of forks, as our two rooms and the programs that know such layers compute them."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from google.protobuf import text_format
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import TEST, NetParameter
from caffe_io.weights import write_weights
from common.places import ROOT
from kits.ncs import Floats, run_feed
from kits.oracle import Worker, movidius
from training.nets.net import Net

Weights = Mapping[str, Sequence[Floats]]


@dataclass
class ForkNet:
    """A net of many small branches: the text of its layers, its inputs of bytes, and its weights.

    Every input has a Power layer after it, which brings its bytes to about -3 to 3.
    """

    layers: list[str] = field(default_factory=list)
    feed: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    weights: dict[str, list[Floats]] = field(default_factory=dict)
    tops: list[str] = field(default_factory=list)
    seed: int = 0

    def __post_init__(self) -> None:
        """Seed the random numbers."""
        self.random = np.random.default_rng(self.seed)

    def bottom(self, *shape: int, distinct: bool = False, again: bool = False) -> str:
        """Add an input and return the name of the blob that holds it, spread around 0; `again` takes an earlier one.

        Model Optimizer takes a second for three inputs.
        """
        earlier = [name for name, values in self.feed.items() if values.shape == shape]
        if again and earlier:
            return f"{earlier[0]}x"
        name = f"in{len(self.feed)}"
        count = int(np.prod(shape))
        numbers = self.random.permutation(count) % 256 if distinct else self.random.integers(0, 256, count)
        self.feed[name] = numbers.astype(np.uint8).reshape(shape)
        dims = " ".join(f"dim: {n}" for n in shape)
        self.layers.append(
            f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ {dims} }} }} }}'
            f'layer {{ name: "{name}x" type: "Power" bottom: "{name}" top: "{name}x"'
            " power_param { scale: 0.0234375 shift: -3 } }"
        )
        return f"{name}x"

    def add(
        self, kind: str, bottoms: Sequence[str], param: str = "", blobs: Sequence[Floats] = (), out: bool = True
    ) -> str:
        """Add a layer and return its top, which is one of the outputs to compare unless `out` is False."""
        name = f"{kind.lower()}{len(self.layers)}"
        names = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
        self.layers.append(f'layer {{ name: "{name}" type: "{kind}" {names} top: "{name}" {param} }}')
        if blobs:
            self.weights[name] = list(blobs)
        if out:
            self.tops.append(name)
        return name

    @property
    def param(self) -> NetParameter:
        """The net as our rooms take it."""
        return text_format.Parse(self.text, NetParameter())

    @property
    def text(self) -> str:
        """The net as prototxt text."""
        return 'name: "forks"\n' + "\n".join(self.layers) + "\n"


def trained(net: ForkNet) -> dict[str, Floats]:
    """What our training room's TEST phase computes."""
    room = Net(net.param, TEST)
    by_name = {layer.name: layer for layer in room.layers}
    for name, blobs in net.weights.items():
        with torch.no_grad():
            for blob, values in zip(by_name[name].blobs, blobs, strict=True):
                blob.copy_(torch.from_numpy(values).reshape(blob.shape))
    room.forward({name: torch.from_numpy(values.astype(np.float32)) for name, values in net.feed.items()})
    return {top: room.blobs[top].detach().numpy() for top in net.tops}


def converted(net: ForkNet) -> dict[str, Floats]:
    """What today's OpenVINO computes with our model."""
    from ncs.converter import convert

    return run_feed(convert(net.param, net.weights), net.feed)


def by_opencv(net: ForkNet) -> dict[str, Floats]:
    """What OpenCV's reader of Caffe nets computes."""
    import cv2

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "net.caffemodel")
        write_weights(weights, net.param, net.weights)
        text = np.frombuffer(net.text.encode(), np.uint8)
        reader = cv2.dnn.readNetFromCaffe(text, np.frombuffer(weights.read_bytes(), np.uint8))
    for name, values in net.feed.items():
        reader.setInput(values.astype(np.float32), name)
    return dict(zip(net.tops, reader.forward(net.tops), strict=True))


def by_model_optimizer(net: ForkNet, folder: Path) -> dict[str, Floats]:
    """What OpenVINO 2021.4.2's CPU plugin computes with Model Optimizer's IR."""
    (folder / "mo.prototxt").write_text(net.text)
    write_weights(folder / "mo.caffemodel", net.param, net.weights)
    words = [movidius("mo"), "--framework", "caffe", "--input_model", folder / "mo.caffemodel"]
    words += [
        "--input_proto",
        folder / "mo.prototxt",
        "--output_dir",
        folder,
        "--model_name",
        "mo",
        "--data_type",
        "FP32",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return by_openvino_2021(net, folder / "mo.xml")


def our_ir(net: ForkNet, folder: Path, precision: str = "FP32") -> Path:
    """Write our IR of the net; return the path of its .xml."""
    from ncs.converter import convert
    from ncs.ir import write_ir

    xml = folder / f"ours_{precision}.xml"
    write_ir(convert(net.param, net.weights), xml, xml.with_suffix(".bin"), precision)
    return xml


def by_openvino_2021(net: ForkNet, xml: Path) -> dict[str, Floats]:
    """What OpenVINO 2021.4.2's CPU plugin computes with an IR."""
    worker = Worker(movidius("python"), ROOT / "tests/oracle/feed_worker.py")
    feed, answers = xml.with_suffix(".feed.npz"), xml.with_suffix(".answers.npz")
    np.savez(feed, **net.feed)  # type: ignore[arg-type]
    try:
        worker.ask(model=xml, weights=xml.with_suffix(".bin"), feed=feed, answers=answers)
    finally:
        worker.close()
    with np.load(answers) as arrays:
        return dict(arrays)


def compile_blob(net: ForkNet, folder: Path) -> Path:
    """Compile the net for Myriad X; return the path of the blob."""
    from ncs import compiler

    xml = our_ir(net, folder, "FP16")
    blob = xml.with_suffix(".blob")
    compiler.compile_blob(xml, xml.with_suffix(".bin"), blob, folder, compiler.Resources(4, 4, 1))
    return blob


def assert_equal(
    found: Mapping[str, Floats], judged: Mapping[str, Floats], net: ForkNet, tolerance: float = 1e-4
) -> None:
    """Check that all outputs agree within `tolerance` times the judge's largest number."""
    for top in net.tops:
        ours, theirs = found[top], judged[top]
        assert ours.shape == theirs.shape, (top, ours.shape, theirs.shape)
        scale = float(np.abs(theirs).max())
        assert scale > 0, top
        off = float(np.abs(ours - theirs).max())
        assert off <= tolerance * scale, f"{top}: off by {off:g} where the judge's reach {scale:g}"
