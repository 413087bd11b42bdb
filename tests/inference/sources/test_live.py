"""Cameras that send, stop, hang and come back. No camera is needed: it is a class, opened in a thread as a real one is."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest
from numpy.typing import NDArray

import inference.sources.live as live
from common.errors import PictureError
from inference.frame import Frame
from inference.sources.live import live_frames
from kits.sources import FakeCapture, Opener, reasons, shade


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "WAITS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(live, "STEADY", 0.0)


def test_frames_are_live_and_numbered(caplog: pytest.LogCaptureFixture) -> None:
    opener = Opener([FakeCapture(5), *[PictureError("gone")] * 3])
    found = [each for each in live_frames("camera", opener) if isinstance(each, Frame)]
    assert found
    assert all(frame.live and frame.name == "camera" for frame in found)
    # Frames that nobody took in time are missing, and the numbers say so.
    numbers = [frame.index for frame in found]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 4
    assert [frame.seconds for frame in found] == sorted(frame.seconds for frame in found)
    assert [round(frame.picture[0, 0, 0] / 8) for frame in found] == numbers


def test_a_camera_that_never_opens_is_asked_once() -> None:
    opener = Opener([PictureError("there is no camera")])
    assert reasons(live_frames("camera", opener)) == ["there is no camera"]
    assert opener.asked == 1


def test_a_camera_that_stops_is_opened_again(caplog: pytest.LogCaptureFixture) -> None:
    captures = [FakeCapture(3), PictureError("gone"), FakeCapture(2), *[PictureError("gone")] * 3]
    opener = Opener(captures)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        found = list(live_frames("camera", opener))
    frames = [each for each in found if isinstance(each, Frame)]
    assert frames[-1].index == 4
    assert reasons(iter(found)) == ["gone. It was opened again 3 times"]
    assert opener.asked == 6
    assert len(caplog.messages) == 5
    assert caplog.messages[0] == "camera: the stream ended. Opening it again in 0 s."
    assert all(capture.released for capture in captures if isinstance(capture, FakeCapture))


def test_a_camera_that_ends_again_and_again_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STEADY", 60.0)
    opener = Opener([FakeCapture(2) for _ in range(10)])
    assert reasons(live_frames("camera", opener)) == ["the stream ended. It was opened again 3 times"]
    assert opener.asked == 4


def test_a_camera_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SILENCE", 0.2)
    monkeypatch.setattr(live, "SECONDS_TO_LEAVE", 0.1)
    go_on = threading.Event()

    class Hanging(FakeCapture):
        def grab(self) -> bool:
            if self.sent == 2:
                go_on.wait(60)
            return super().grab()

    captures = [Hanging(3) for _ in range(2)]
    opener = Opener([captures[0], PictureError("gone"), PictureError("gone"), PictureError("gone")])
    found = list(live_frames("camera", opener))
    assert [each.index for each in found if isinstance(each, Frame)][-1] == 1
    assert reasons(iter(found)) == ["gone. It was opened again 3 times"]
    # One that hangs while it opens.
    opener = Opener([captures[1]])
    opening = threading.Event()
    assert reasons(live_frames("camera", lambda: opening.wait(60) and opener())) == ["nothing came for 0.2 s"]
    go_on.set()
    opening.set()


def test_damaged_frames_are_passed_over_unless_there_is_nothing_else() -> None:
    class Damaged(FakeCapture):
        def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
            return self.sent > self.good, shade(self.sent)

    capture = Damaged(25)
    capture.good = 20  # type: ignore[attr-defined]
    found = list(live_frames("film", Opener([capture]), live=False))
    assert [each.index for each in found if isinstance(each, Frame)] == [0, 1, 2, 3, 4]
    capture = Damaged(1000)
    capture.good = 1000  # type: ignore[attr-defined]
    assert reasons(live_frames("camera", Opener([capture]))) == ["it sends frames that cannot be decoded"]
    assert capture.sent == live.MOST_DAMAGED + 1


def test_a_frame_of_another_size_than_a_picture_may_have() -> None:
    assert "too" not in str(reasons(live_frames("camera", Opener([FakeCapture(1)]))))
    (reason,) = reasons(live_frames("camera", Opener([FakeCapture(3, size=(100_000, 100_000))])))
    assert "100000x100000 pixels, but at most" in reason


def test_a_driver_that_raises_what_nobody_expects() -> None:
    assert reasons(live_frames("camera", Opener([MemoryError()]))) == ["MemoryError"]
    assert reasons(live_frames("camera", Opener([ValueError("odd")]))) == ["odd"]


def test_a_file_somewhere_else_is_not_live_and_loses_no_frame() -> None:
    capture = FakeCapture(30, length=30)
    found = list(live_frames("http://host.example.org/film.mp4", Opener([capture]), live=None))
    frames = [each for each in found if isinstance(each, Frame)]
    assert len(frames) == len(found) == 30
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.seconds for frame in frames] == pytest.approx([number / 10 for number in range(30)])
    assert not any(frame.live for frame in frames)
    assert capture.released


def test_a_file_that_does_not_know_its_length() -> None:
    opener = Opener([FakeCapture(30)])
    found = list(live_frames("film.ts", opener, live=False))
    assert [each.index for each in found if isinstance(each, Frame) and not each.live] == list(range(30))
    assert opener.asked == 1


def test_a_file_somewhere_else_that_breaks_off_does_not_begin_again() -> None:
    opener = Opener([FakeCapture(12, length=30)])
    found = list(live_frames("film.mp4", opener, live=None))
    assert [each.index for each in found if isinstance(each, Frame)] == list(range(12))
    assert reasons(iter(found)) == ["ends after 1.1 of 3.0 seconds, so it is cut short or damaged"]
    assert opener.asked == 1


def test_a_camera_in_the_network_that_does_not_open_again_stays_a_camera() -> None:
    opener = Opener([FakeCapture(2), PictureError("gone"), FakeCapture(2), *[PictureError("gone")] * 3])
    found = list(live_frames("camera", opener, live=None))
    assert opener.asked == 6
    assert all(each.live for each in found if isinstance(each, Frame))


def test_a_stream_without_a_length_is_a_camera() -> None:
    source = live_frames("http://host.example.org/stream", Opener([FakeCapture(10**6)]), live=None)
    frame = next(source)
    assert isinstance(frame, Frame)
    assert frame.live
    source.close()  # type: ignore[attr-defined]


def test_closing_releases_the_camera() -> None:
    capture = FakeCapture(10**9)
    source = live_frames("camera", Opener([capture]))
    next(source)
    source.close()  # type: ignore[attr-defined]
    assert capture.released
