"""Tiny compiled networks with their cards, for the tests of inference.

`ColourNet` tells which channel of a picture is the strongest: it cannot answer rightly if anybody swaps channels.
"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOURS = ["blue", "green", "red"]


def card_of(name: str = "ColourNet", **changes: Any) -> dict[str, Any]:
    """A good card of a network that takes BGR 24 x 20 (height x width). `changes` replace whole keys."""
    card: dict[str, Any] = {
        "format": 1,
        "name": name,
        "channel_order": "BGR",
        "resize": "stretch",
        "crop_margin": 0.0,
        "outputs": [{"blob": "prob", "task": "colour", "read": "argmax", "classes": COLOURS}],
        "input": {"blob": "data", "shape": [1, 3, 24, 20], "layout": "NCHW", "precision": "U8"},
        "mean": {"inside": True, "kind": "none", "sha256": None, "channel_means": [0, 0, 0]},
        "source": {"caffemodel": f"{name}_iter_1.caffemodel", "sha256": "0" * 64},
        "ir": {"xml": f"{name}.xml", "bin": f"{name}.bin", "version": 10, "precision": "FP16", "openvino": "2026.4.1"},
        "blob": None,
    }
    return {**card, **changes}


def write_card(folder: Path, card: dict[str, Any]) -> Path:
    path = folder / f"{card['name']}.json"
    path.write_text(json.dumps(card), "utf-8")
    return path


def write_network(folder: Path, card: dict[str, Any], weights: dict[str, NDArray[np.float32]] | None = None) -> None:
    """An IR of version 10 with a soft-max over weights x pixels for every output of `card`.

    `weights` maps an output blob to (values, channels * height * width); without it each value is the mean of a
    channel, divided by 16.
    """
    import openvino as ov
    from openvino import opset1 as op

    _, channels, height, width = card["input"]["shape"]
    if weights is None:
        each = np.kron(np.eye(channels), np.full((1, height * width), 1 / (16 * height * width)))
        weights = {output["blob"]: each.astype(np.float32) for output in card["outputs"]}
    data = op.parameter([1, channels, height, width], np.uint8, name=card["input"]["blob"])
    shape = op.constant(np.array([1, channels * height * width], np.int64))
    flat = op.reshape(op.convert(data, "f32"), shape, False)
    results = []
    for blob, values in weights.items():
        probabilities = op.softmax(op.matmul(flat, op.constant(values), False, True), 1)
        probabilities.set_friendly_name(blob)
        results.append(op.result(probabilities, name=f"{blob}/result"))
    xml = folder / card["ir"]["xml"]
    ov.serialize(ov.Model(results, [data], card["name"]), xml, xml.with_suffix(".bin"), version="IR_V10")


def colour_blob(
    height: int = 24, width: int = 20, scale: float = 1 / 16, power: float = 1, softmax: int = 3, bss: int = 4096
) -> bytes:
    """The same network as a Myriad X blob: the mean of each channel times `scale`, to a power, and a softmax.

    `softmax` is the number of its last stage's type.
    """
    from myriad.data import Place
    from tools.fuzz_blobs.writer import Record, Tensor, blob

    picture = Tensor((1, 3, height, width), Place.INPUT, element="U8")
    numbers = Tensor((1, 3, height, width))
    axes = Tensor((2,), Place.CONSTANT, 0, "C", "S32")
    means, powers = Tensor((1, 3), Place.CMX, 0, "NC"), Tensor((1, 3), Place.CMX, 64, "NC")
    answer = Tensor((1, 3), Place.OUTPUT, 0, "NC")
    records = [
        Record(111, [picture, numbers], struct.pack("<ffii", 1, 0, 0, 1), 4),
        Record(114, [numbers, means, axes], struct.pack("<i", 0), 4),
        Record(26, [means, powers], struct.pack("<fff", 0, scale, power), 2),
        Record(softmax, [powers, answer], struct.pack("<i", 0), 4),
    ]
    return blob([("data", picture)], [("prob", answer)], records, struct.pack("<ii", 0, 1), bss=bss)


def write_graph(folder: Path, *cards: dict[str, Any]) -> Path:
    """Networks and cards of a folder; ColourNet alone if none are given."""
    folder.mkdir(parents=True, exist_ok=True)
    for card in cards or (card_of(),):
        write_network(folder, card)
        write_card(folder, card)
    return folder


def with_mean(card: dict[str, Any], mean: NDArray[np.float32]) -> dict[str, Any]:
    """The card of a network that subtracts `mean` (channels x height x width)."""
    digest = hashlib.sha256(mean.astype("<f4").tobytes()).hexdigest()
    means = [float(m) for m in mean.mean(axis=(1, 2))]
    return {**card, "mean": {"inside": True, "kind": "image", "sha256": digest, "channel_means": means}}


def one_colour(bgr: tuple[int, int, int], height: int = 60, width: int = 48) -> NDArray[np.uint8]:
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = bgr
    return picture


def sysfs_with(folder: Path, *ids: str) -> Path:
    """A /sys tree with USB devices of the given ids ("03e7:2485"), among a hub, an interface and a keyboard."""
    devices = folder / "bus/usb/devices"
    (devices / "1-1:1.0").mkdir(parents=True)  # an interface: no ids
    for number, one in enumerate(("1d6b:0002", "046d:c31c", *ids), 1):
        vendor, product = one.split(":")
        (devices / f"1-{number}").mkdir()
        (devices / f"1-{number}/idVendor").write_text(vendor + "\n")
        (devices / f"1-{number}/idProduct").write_text(product + "\n")
    return folder


def detector_card(name: str = "Finder", **changes: Any) -> dict[str, Any]:
    """A card of a network that takes BGR 24 x 20 and gives at most 4 detections of a background, a cat and a dog."""
    output = {
        "blob": "found",
        "task": "pet",
        "read": "detections",
        "classes": ["background", "cat", "dog"],
        "coordinates": "relative",
        "threshold": 0.5,
        "rows": 4,
        **changes.pop("output", {}),
    }
    return card_of(name, outputs=[output], **changes)


def write_detector(folder: Path, card: dict[str, Any], rows: list[list[float]]) -> None:
    """An IR whose output is always these rows of 7 numbers, filled up with an end and zeros; and its card."""
    import openvino as ov
    from openvino import opset1 as op

    folder.mkdir(parents=True, exist_ok=True)
    numbers = np.zeros((1, 1, card["outputs"][0]["rows"], 7), np.float32)
    numbers[0, 0, : len(rows)] = np.array(rows, np.float32).reshape(-1, 7)
    numbers[0, 0, len(rows) :, 0] = -1
    data = op.parameter(card["input"]["shape"], np.uint8, name=card["input"]["blob"])
    nothing = op.multiply(op.convert(data, "f32"), op.constant(np.float32(0)))
    nothing = op.reduce_sum(nothing, op.constant(np.arange(4)), True)
    found = op.add(nothing, op.constant(numbers))
    found.set_friendly_name(card["outputs"][0]["blob"])
    xml = folder / card["ir"]["xml"]
    model = ov.Model([op.result(found, name=f"{card['outputs'][0]['blob']}/result")], [data], card["name"])
    ov.serialize(model, xml, xml.with_suffix(".bin"), version="IR_V10")
    write_card(folder, card)
