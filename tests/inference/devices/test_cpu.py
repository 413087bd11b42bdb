"""The CPU: the right numbers, and networks that are not what their card says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.card import read_card, read_cards
from common.errors import CardError
from inference.devices import HINTS, open_device, openvino_device
from inference.devices.cpu import CpuDevice
from inference.errors import DeviceError
from kits.inference import card_of, write_card, write_graph, write_network


def test_numbers_and_names(tmp_path: Path) -> None:
    """Two outputs of different size, against a soft-max computed here."""
    outputs = [
        {"blob": "gender", "task": "gender", "read": "argmax", "classes": ["m", "f"]},
        {"blob": "age", "task": "age", "read": "argmax", "classes": [str(n) for n in range(9)]},
    ]
    card = card_of(outputs=outputs)
    random = np.random.default_rng(5)
    weights = {b: random.normal(0, 1e-3, (n, 3 * 24 * 20)).astype(np.float32) for b, n in (("age", 9), ("gender", 2))}
    write_network(tmp_path, card, weights)
    read = read_card(write_card(tmp_path, card))
    tensor = random.integers(0, 256, read.input.shape, dtype=np.uint8)
    device = CpuDevice([read])
    values = device.infer(read, tensor)
    assert (device.name, device.precision) == ("CPU", "f32")
    assert device.runtime.startswith("OpenVINO 20")
    for blob, matrix in weights.items():
        logits = matrix.astype(np.float64) @ tensor.ravel()
        wanted = np.exp(logits - logits.max())
        wanted /= wanted.sum()
        assert values[blob].dtype == np.float32
        assert np.abs(values[blob].ravel() - wanted).max() < 1e-5
    device.close()


def test_bf16_is_used_only_when_asked_for(tmp_path: Path) -> None:
    """The precision reported is what OpenVINO made of the hint; where the CPU lacks bf16 the user is told it is slow."""
    import openvino as ov

    cards = read_cards(write_graph(tmp_path))
    assert CpuDevice(cards).precision == "f32"
    can = "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    used = CpuDevice(cards, "bf16").precision
    assert used in (["bf16"] if can else ["f32", "bf16 (emulated, slower than f32: this CPU has no bf16)"])


def test_an_ir_with_float_input(tmp_path: Path) -> None:
    """Model Optimizer writes a float parameter; bytes are fed to it all the same."""
    import openvino as ov
    from openvino import opset1 as op

    data = op.parameter([1, 3, 24, 20], np.float32, name="data")
    prob = op.softmax(op.reduce_mean(data, op.constant(np.array([2, 3], np.int64)), False), 1)
    prob.set_friendly_name("prob")
    ov.serialize(ov.Model([op.result(prob)], [data], "m"), tmp_path / "ColourNet.xml", version="IR_V10")
    card = read_card(write_card(tmp_path, card_of()))
    values = CpuDevice([card]).infer(card, np.full(card.input.shape, 255, np.uint8))
    assert values["prob"].ravel() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ir": {"xml": "Other.xml", "bin": "Other.bin"}}, ["Other.xml: cannot be read", "ColourNet.json names it"]),
        (
            {"input": {"blob": "image", "shape": [1, 3, 24, 20], "layout": "NCHW", "precision": "U8"}},
            ['takes "data" of 1x3x24x20', 'describes "image" of 1x3x24x20'],
        ),
        (
            {"input": {"blob": "data", "shape": [1, 3, 20, 24], "layout": "NCHW", "precision": "U8"}},
            ['takes "data" of 1x3x24x20', 'describes "data" of 1x3x20x24'],
        ),
        (
            {"outputs": [{"blob": "age", "task": "age", "read": "argmax", "classes": ["a", "b"]}]},
            ['has no output "age"', "it has prob"],
        ),
    ],
)
def test_a_card_of_another_network(tmp_path: Path, changes: dict[str, Any], words: list[str]) -> None:
    write_network(tmp_path, card_of())
    write_card(tmp_path, card_of(**changes))
    with pytest.raises(CardError) as caught:
        open_device("CPU", read_cards(tmp_path))
    for word in [*words, "./moka compile --net NAME --force"]:
        assert word in str(caught.value)


@pytest.mark.parametrize("damage", ["xml cut", "no bin", "bin cut", "xml empty"])
def test_a_damaged_network(tmp_path: Path, damage: str) -> None:
    write_graph(tmp_path)
    xml, weights = tmp_path / "ColourNet.xml", tmp_path / "ColourNet.bin"
    if damage == "xml cut":
        xml.write_bytes(xml.read_bytes()[:700])
    elif damage == "xml empty":
        xml.write_bytes(b"")
    elif damage == "no bin":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:100])
    words = r"bin: cannot be read \(No such" if damage == "no bin" else r"xml: OpenVINO cannot read it or its \.bin: "
    with pytest.raises(CardError, match=rf"ColourNet\.{words}.*moka compile"):
        open_device("CPU", read_cards(tmp_path))


def test_a_network_that_is_refused_leaves_the_others(tmp_path: Path) -> None:
    write_graph(tmp_path, card_of("Good"), card_of("Cut"))
    (tmp_path / "Cut.xml").write_bytes(b"")
    cards = read_cards(tmp_path)
    device = open_device("CPU", cards)
    assert list(device.refused) == [tmp_path / "Cut.json"]
    assert "Cut.xml: OpenVINO cannot read it" in str(device.refused[tmp_path / "Cut.json"])
    good = next(card for card in cards if card.name == "Good")
    assert device.infer(good, np.zeros(good.input.shape, np.uint8))["prob"].sum() == pytest.approx(1)


def test_two_networks_of_one_name(tmp_path: Path) -> None:
    """Each answers for itself, also where they take pictures of different sizes."""
    write_graph(tmp_path, card_of("Large"), card_of("Small", input={**card_of()["input"], "shape": [1, 3, 4, 4]}))
    cards = [card.model_copy(update={"name": "Net"}) for card in read_cards(tmp_path)]
    device = CpuDevice(cards)
    for card in cards:
        assert device.infer(card, np.zeros(card.input.shape, np.uint8))["prob"].size == 3


def test_a_picture_of_another_size(tmp_path: Path) -> None:
    (card,) = read_cards(write_graph(tmp_path))
    with pytest.raises(DeviceError, match=r"ColourNet\.xml: OpenVINO cannot run it on the CPU: "):
        CpuDevice([card]).infer(card, np.zeros((1, 3, 9, 9), np.uint8))


@pytest.mark.parametrize("hint", HINTS)
def test_many_at_a_time_keep_their_order(tmp_path: Path, hint: str) -> None:
    (card,) = read_cards(write_graph(tmp_path))
    random = np.random.default_rng(3)
    tensors = [random.integers(0, 256, card.input.shape, dtype=np.uint8) for _ in range(23)]
    device = CpuDevice([card], hint=hint)
    single = [device.infer(card, tensor)["prob"] for tensor in tensors]
    for _ in range(2):
        many = device.infer_many(card, tensors)
        assert all((one == found["prob"]).all() for one, found in zip(single, many, strict=True))
    assert device.infer_many(card, []) == []


def test_after_a_request_that_fails_the_next_is_answered(tmp_path: Path) -> None:
    (card,) = read_cards(write_graph(tmp_path))
    device = CpuDevice([card])
    good, bad = np.zeros(card.input.shape, np.uint8), np.zeros((1, 3, 9, 9), np.uint8)
    with pytest.raises(DeviceError, match="cannot run it on the CPU"):
        device.infer_many(card, [good, good, bad, good])
    assert len(device.infer_many(card, [good, good])) == 2


def test_what_was_compiled_is_kept_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept file that is damaged is compiled again, and the oldest are deleted."""
    cache = tmp_path / "cache"
    monkeypatch.setattr(openvino_device, "CACHE", cache)
    monkeypatch.setattr(openvino_device, "CACHED_FILES", 2)
    (card,) = read_cards(write_graph(tmp_path / "graph"))
    zeros = np.zeros(card.input.shape, np.uint8)
    CpuDevice([card])
    assert not cache.exists()
    monkeypatch.setattr(openvino_device, "CACHE_FROM", 1)
    CpuDevice([card])
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    for _ in range(2):
        assert CpuDevice([card]).infer(card, zeros)["prob"].sum() == pytest.approx(1)
    for number in range(3):
        old = cache / f"{number}.blob"
        old.write_bytes(b"")
        os.utime(old, (number, number))
    CpuDevice([card])
    assert kept.exists()
    assert len(list(cache.iterdir())) <= 2


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_device, "CACHE_FROM", 1)
    (tmp_path / "file").touch()
    monkeypatch.setattr(openvino_device, "CACHE", tmp_path / "file" / "cache")
    (card,) = read_cards(write_graph(tmp_path / "graph"))
    assert CpuDevice([card]).infer(card, np.zeros(card.input.shape, np.uint8))["prob"].size == 3
