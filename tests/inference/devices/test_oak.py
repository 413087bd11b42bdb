"""An OAK camera: the worker process for real, with a depthai that the test makes, of version 2 and of version 3.

What depthai and a camera really do is not shown here. tests/oracle/test_inference_stick.py takes the real depthai as far as the
camera.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.card import read_cards
from common.commands import LOGGER
from common.errors import CardError
from inference.devices import oak, open_device
from inference.devices.oak import OakDevice, Shot
from inference.errors import DeviceError
from inference.sources.oak import oak_frames
from kits.inference import card_of, write_card
from kits.oak import Camera, plugged_in


@pytest.fixture(params=["2", "3"])
def camera(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Camera]:
    with plugged_in(tmp_path, request.param, monkeypatch) as made:
        yield made


def ask(device: OakDevice, count: int, channels: int = 3) -> list[list[float]]:
    (card,) = [
        card for card in device._cards.values() if card.path in device.sources and card.input.shape[1] == channels
    ]
    tensors = [np.full(card.input.shape, number, np.uint8) for number in range(count)]
    return [list(values["prob"].ravel()) for values in device.infer_many(card, tensors)]


def expected(count: int) -> list[list[float]]:
    return [[number, 20, 24] for number in range(count)]


def test_two_networks_answer_in_order(camera: Camera) -> None:
    camera.network("Colour")
    camera.network("Grey", channels=1)
    device = camera.open()
    assert device.runtime.startswith("depthai ")
    assert set(device.sources.values()) == {"blob"}
    for count in (1, 3, 21):
        assert ask(device, count) == expected(count)
        assert ask(device, count, channels=1) == expected(count)


@pytest.mark.parametrize(("word", "losses"), [("drop", 1), ("leave", 1), ("unnumbered", 0)])
def test_no_picture_is_lost(camera: Camera, caplog: pytest.LogCaptureFixture, word: str, losses: int) -> None:
    """A camera that drops a picture, or leaves, is opened again; one that does not number its answers keeps their order."""
    camera.network("Colour")
    device = camera.open()
    camera.plan(word)
    assert ask(device, 21) == expected(21)
    told = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert len(told) == 2 * losses
    assert all("OAK camera" in text for text in told)


def test_networks_that_it_cannot_run(camera: Camera) -> None:
    camera.network("Good")
    camera.network("Floats", ("FP16", "FP16"))
    camera.network("Odd", ("U8F", "FP64"))
    write_card(camera.graph, card_of("None"))
    device = camera.open()
    reasons = {path.stem: str(error) for path, error in device.refused.items()}
    assert 'its input "data" takes FP16; expected bytes (U8)' in reasons["Floats"]
    assert 'its output "prob" gives FP64' in reasons["Odd"]
    assert "has no blob, which an OAK camera needs" in reasons["None"]
    assert ask(device, 2)[1] == [1, 20, 24]


def shots(device: OakDevice, count: int) -> list[Shot]:
    """The next frames."""
    found: list[Shot] = []
    while len(found) < count:
        if shot := device.shoot():
            found.append(shot)
    return found


def test_the_cameras_frames_beside_faces_that_are_found_here(camera: Camera) -> None:
    camera.network("Colour")
    device = camera.open()
    device.start_camera(square=False)
    for shot in shots(device, 2):
        assert (shot.picture.shape, shot.picture.dtype, shot.outputs) == ((720, 1280, 3), np.uint8, {})
        assert list(shot.picture[-1, -1]) == [shot.number, 1279 // 8, 719 // 8]
        assert ask(device, 5) == expected(5)
    assert shot.number == 1


def test_the_camera_feeds_the_networks_itself(camera: Camera) -> None:
    """Each gets its part of the square, as phase TEST takes it from a larger picture, in its own order of channels."""
    camera.network("Blue")
    camera.network("Middle", order="RGB", resize_to=[30, 25])
    camera.network("Rows", channels=1)
    device = camera.open()
    device.start_camera(square=True)
    for number, shot in enumerate(shots(device, 12)):
        assert (shot.number, shot.picture.shape) == (number, (720, 720, 3))
        answers = {path.stem: list(values["prob"].ravel()) for path, values in shot.outputs.items()}
        # The network's first byte: blue, then red of the row where the middle 24 of 30 begin.
        assert answers == {"Blue": [number, 20, 24], "Middle": [72 // 8, 20, 24], "Rows": [0, 20, 24]}


@pytest.mark.parametrize("rows", ["3040", "1080", "800", "720", ""])
def test_sensors(camera: Camera, rows: str) -> None:
    """Without a network: only the frames are wanted."""
    (camera.folder / "rows").write_text(rows)
    device = OakDevice([], sysfs=camera.sysfs)
    camera.opened.append(device)
    if rows or camera.version == "3":
        device.start_camera(square=False)
        assert shots(device, 1)[0].picture.shape == (720, 1280, 3)
    else:
        with pytest.raises(DeviceError, match="this OAK has no colour camera"):
            device.start_camera(square=False)


@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("word", ["leave", "silent"])
def test_a_camera_that_leaves_is_opened_again(
    camera: Camera, caplog: pytest.LogCaptureFixture, word: str, square: bool
) -> None:
    """Its frames go on to be numbered; a gap is frames that were not taken."""
    camera.network("Colour")
    device = camera.open()
    device.start_camera(square)
    frames = oak_frames(device)
    indices = [next(frames).index for _ in range(2)]  # type: ignore[union-attr]
    camera.plan(word)
    if word == "silent":
        threading.Timer(0.5, camera.plan, [""]).start()
    indices += [next(frames).index for _ in range(2)]  # type: ignore[union-attr]
    camera.plan("skip")
    indices += [next(frames).index]  # type: ignore[union-attr]
    assert indices == [0, 1, 2, 3, 6]
    told = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert len(told) >= 2 and "is back after" in told[-1]


def test_an_answer_that_the_camera_lost_is_not_taken_for_another(
    camera: Camera, caplog: pytest.LogCaptureFixture
) -> None:
    camera.network("Colour")
    device = camera.open()
    device.start_camera(square=True)
    shots(device, 2)
    camera.plan("drop")
    # The fake has no second answer to wait for, so its program ends; a real one waits, and is ended after 30 seconds.
    assert shots(device, 1)[0].number == 0
    assert any("is back after" in record.getMessage() for record in caplog.records)


def test_no_camera(camera: Camera) -> None:
    camera.network("Colour")
    (camera.folder / "camera").unlink()
    with pytest.raises(DeviceError, match=r"The OAK camera is missing or does not answer \(No available devices\)"):
        camera.open()


def test_a_camera_of_another_kind(camera: Camera) -> None:
    camera.network("Colour")
    (camera.folder / "camera").write_text("RVC4")
    if camera.version == "3":
        with pytest.raises(DeviceError, match="of the kind RVC4; a Myriad X blob needs one of the kind RVC2"):
            camera.open()


def test_without_depthai_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oak, "depthai_version", lambda: "")
    with pytest.raises(DeviceError, match=r"Install depthai: .* -m pip install 'depthai>=2\.30,<4'"):
        open_device("OAK", [])


def test_a_network_without_a_blob_names_the_compiler(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    write_card(tmp_path, card_of())
    device: Any = OakDevice.__new__(OakDevice)
    with pytest.raises(CardError, match=r"tools/toolchain\.sh movidius"):
        device.files(read_cards(tmp_path)[0])
