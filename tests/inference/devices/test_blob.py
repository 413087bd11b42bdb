"""Device BLOB on small blobs made by hand. tests/oracle/test_device_blob.py has every net of prototxt/, compiled."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.card import ModelCard, read_card
from common.errors import CardError, UsageError
from inference import Runner
from inference.devices import choices, open_device
from inference.devices.blob import BlobDevice, look
from inference.devices.cpu import CpuDevice
from kits.inference import card_of, colour_blob, one_colour, write_card, write_network
from myriad import BlobError


def card_with(folder: Path, content: bytes | None, name: str = "ColourNet", **changes: Any) -> ModelCard:
    """A card beside its IR and, if there is any content, its blob."""
    folder.mkdir(exist_ok=True)
    if content is not None:
        (folder / f"{name}.blob").write_bytes(content)
        changes["blob"] = {"file": f"{name}.blob", "sha256": hashlib.sha256(content).hexdigest()}
    card = card_of(name, **changes)
    write_network(folder, card)
    return read_card(write_card(folder, card))


def tensors(count: int = 7, bright: int = 256) -> list[Any]:
    random = np.random.default_rng(1)
    shades = random.integers(0, bright, (count, 1, 3, 1, 1)) * random.uniform(0.5, 1, (count, 1, 3, 24, 20))
    return list(shades.astype(np.uint8))


def test_it_answers_as_the_ir_does_on_the_cpu(tmp_path: Path) -> None:
    card = card_with(tmp_path, colour_blob())
    device = BlobDevice([card])
    assert (device.name, device.precision) == ("BLOB", "FP16")
    assert device.runtime.startswith("numpy ")
    found, wanted = device.infer_many(card, tensors()), CpuDevice([card]).infer_many(card, tensors())
    for one, other in zip(found, wanted, strict=True):
        assert one["prob"].dtype == np.float32
        assert one["prob"].shape == other["prob"].shape
        assert one["prob"] == pytest.approx(other["prob"], abs=4e-3)
    # It is FP16 that was computed, not what the CPU did.
    assert all((one["prob"] == one["prob"].astype(np.float16)).all() for one in found)
    assert any((one["prob"] != other["prob"]).any() for one, other in zip(found, wanted, strict=True))
    device.close()


def test_many_at_a_time_keep_their_order(tmp_path: Path) -> None:
    card = card_with(tmp_path, colour_blob())
    device = BlobDevice([card])
    single = [device.infer(card, tensor)["prob"] for tensor in tensors(23)]
    many = device.infer_many(card, tensors(23))
    assert all((one == found["prob"]).all() for one, found in zip(single, many, strict=True))
    assert device.infer_many(card, []) == []
    device.close()


def test_a_runner_answers_with_it(tmp_path: Path) -> None:
    card_with(tmp_path, colour_blob())
    with Runner(tmp_path, "blob") as runner:
        assert runner.device.name == "BLOB"
        assert runner.answer(one_colour((20, 230, 20))).answers[0].text == "green"


def test_a_blob_of_several_pictures_runs_once_for_each(tmp_path: Path) -> None:
    """The entries show one picture, and the header says how many there are."""
    content = bytearray(colour_blob())
    struct.pack_into("<I", content, 88, 2)
    single = card_with(tmp_path / "one", colour_blob())
    given = {"blob": "data", "shape": [2, 3, 24, 20], "layout": "NCHW", "precision": "U8"}
    card = card_with(tmp_path / "two", bytes(content), input=given)
    device, other = BlobDevice([card]), BlobDevice([single])
    (first, second) = tensors(2)
    found = device.infer(card, np.concatenate([first, second]))["prob"]
    assert (found[0] == other.infer(single, first)["prob"][0]).all()
    assert (found[1] == other.infer(single, second)["prob"][0]).all()


def test_an_overflow_is_warned_of_once_by_its_stage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The cube of a mean above 40 is more than FP16 holds."""
    card = card_with(tmp_path, colour_blob(scale=1, power=3))
    device = BlobDevice([card])
    device.infer_many(card, tensors(bright=20))
    assert caplog.messages == []
    for _ in range(2):
        device.infer_many(card, [np.full(card.input.shape, 200, np.uint8)] * 3)
    (said,) = caplog.messages
    assert said.startswith(f"{tmp_path}/ColourNet.blob: stage 2 (Power) gives 3 numbers that are too large for FP16")


@pytest.mark.parametrize(
    ("content", "changes", "said"),
    [
        (None, {}, r"ColourNet\.json: has no blob, which --device BLOB computes\. Install the compiler"),
        (colour_blob(softmax=999), {}, r"ColourNet\.blob: .*Type 999"),
        (colour_blob()[:-64], {}, r"ColourNet\.blob: cut short"),
        (b"<net/>", {}, r"ColourNet\.blob: 6 bytes that do not begin like a Myriad X blob"),
        (
            colour_blob(),
            {"input": {"blob": "data", "shape": [1, 3, 9, 9], "layout": "NCHW", "precision": "U8"}},
            r'takes "data" of 1x3x24x20 and gives prob, but .* describes "data" of 1x3x9x9 and prob',
        ),
        (
            colour_blob(),
            {"outputs": [{"blob": "other", "task": "colour", "read": "argmax", "classes": ["a", "b", "c"]}]},
            r"gives prob, but .* describes .* and other",
        ),
    ],
)
def test_what_it_refuses(tmp_path: Path, content: bytes | None, changes: Any, said: str) -> None:
    """A network is refused, and others of the folder still answer."""
    card = card_with(tmp_path, content, **changes)
    good = card_with(tmp_path, colour_blob(), "Good")
    device = BlobDevice([card, good])
    assert list(device.refused) == [card.path]
    with pytest.raises((CardError, BlobError), match=said):
        raise device.refused[card.path]
    assert device.infer(good, tensors(1)[0])["prob"].sum() == pytest.approx(1, abs=2e-3)
    device.close()


def test_a_blob_that_is_not_the_card_s(tmp_path: Path) -> None:
    card = card_with(tmp_path, colour_blob())
    (tmp_path / "ColourNet.blob").write_bytes(colour_blob(scale=1 / 8))
    with pytest.raises(CardError, match=r"ColourNet\.blob: is not the file that .* describes \(its SHA-256 differs\)"):
        open_device("BLOB", [card])


def test_what_goes_wrong_in_a_run_is_the_network_s_fault(tmp_path: Path) -> None:
    """So the runner leaves that network out, and goes on with the others."""
    card = card_with(tmp_path, colour_blob(bss=2048))
    with pytest.raises(CardError, match=r"stage 0 \(Convert\): .*do not fit into its 2048 bytes"):
        BlobDevice([card]).infer(card, tensors(1)[0])


def test_it_has_to_be_asked_for(tmp_path: Path) -> None:
    assert look(tmp_path).ready
    assert [choice.name for choice in choices("blob", tmp_path)] == ["BLOB"]
    assert "BLOB" not in [choice.name for choice in choices("auto", tmp_path)]
    with pytest.raises(UsageError, match=r"this machine computes the blob in the chip's FP16\. Leave it out"):
        open_device("BLOB", [], "bf16")
