"""Cameras in the network, with a server in this process that speaks RTSP: frames, passwords, silence, coming back."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

import inference.sources.live as live
import inference.sources.url as url
from inference.frame import Frame, Unreadable
from inference.sources import open_sources
from kits.rtsp import Camera
from kits.sources import reasons


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(live, "WAITS", (0.0, 0.0))
    monkeypatch.setattr(url, "OPEN_SECONDS", 2.0)
    yield


def test_frames_come_live_and_closing_leaves() -> None:
    with Camera() as camera:
        source = open_sources([camera.address])
        found = [next(source) for _ in range(5)]
        source.close()  # type: ignore[attr-defined]
    assert all(isinstance(each, Frame) and each.live and each.picture.shape == (48, 64, 3) for each in found)
    # The camera's own number is in the colour: none was lost unnoticed, or shown for another.
    numbers = [round(float(each.picture[..., 0].mean()) / 8) for each in found if isinstance(each, Frame)]
    first = numbers[0]
    assert numbers == [(first + each.index - found[0].index) % 32 for each in found]  # type: ignore[union-attr]
    seconds = [each.seconds for each in found if isinstance(each, Frame)]
    assert seconds == sorted(seconds)
    assert [each.index for each in found if isinstance(each, Frame)] == sorted({each.index for each in found})  # type: ignore[union-attr]


def test_a_camera_that_hangs_up_is_opened_again(caplog: pytest.LogCaptureFixture) -> None:
    with Camera(count=8) as camera, caplog.at_level(logging.WARNING):
        source = open_sources([camera.address])
        found: list[Frame] = []
        while camera.visits < 3:
            frame = next(source)
            assert isinstance(frame, Frame), frame
            found.append(frame)
        source.close()  # type: ignore[attr-defined]
    assert len(caplog.messages) >= 2
    assert "Opening it again" in caplog.messages[0]
    indices = [frame.index for frame in found]
    assert indices == sorted(set(indices))


def test_a_camera_that_falls_silent_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """FFmpeg gives up after the time that it was given, or the thread is left behind."""
    monkeypatch.setattr(url, "OPEN_SECONDS", 0.4)
    monkeypatch.setattr(live, "SILENCE", 2.0)
    monkeypatch.setattr(live, "LONG", 0.3)
    with Camera(count=3, hang=True) as camera:
        source = open_sources([camera.address])
        found: list[Frame | Unreadable] = []
        for each in source:
            found.append(each)
            if camera.visits >= 3:
                break
        source.close()  # type: ignore[attr-defined]
    assert camera.visits >= 2
    assert "nothing came for" in caplog.messages[0]
    assert capfd.readouterr().err == ""
    assert all(isinstance(each, Frame) for each in found)


def test_a_password_is_used_and_not_shown() -> None:
    with Camera(user="anna:secret") as camera:
        word = camera.address.replace("//", "//anna:secret@")
        source = open_sources([word])
        frame = next(source)
        source.close()  # type: ignore[attr-defined]
        assert isinstance(frame, Frame)
        assert frame.name == camera.address
        (reason,) = reasons(open_sources([camera.address]))
        assert "Check the address, the user and the password" in reason
