"""What is said where a camera cannot be opened. A real one was never at hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

import inference.sources.camera as camera
from common.errors import PictureError
from inference.frame import Frame
from inference.sources import open_sources
from kits.sources import FakeCapture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the devices of Linux")


def test_no_camera_names_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"no camera .*video0. Plug it in"):
        camera._open(0, tmp_path)
    (tmp_path / "video3").touch()
    with pytest.raises(PictureError, match="There are video3"):
        camera._open(0, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_camera_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "video0").touch(0o000)
    with pytest.raises(PictureError, match="usermod -aG video"):
        camera._open(0, tmp_path)


def test_a_camera_that_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "video0").touch()
    monkeypatch.setattr(camera, "open_capture", lambda *_: cv2.VideoCapture())
    with pytest.raises(PictureError, match="Another program may use it"):
        camera._open(0, tmp_path)


@pytest.mark.parametrize(("word", "number"), [("webcam", 0), ("webcam:2", 2), ("/dev/video12", 12)])
def test_the_number_of_a_camera(monkeypatch: pytest.MonkeyPatch, word: str, number: int) -> None:
    opened: list[int] = []

    def open_fake(number: int) -> Any:
        opened.append(number)
        return FakeCapture(10**6)

    monkeypatch.setattr(camera, "_open", open_fake)
    source = open_sources([word])
    frame = next(source)
    assert isinstance(frame, Frame)
    assert (frame.live, frame.name, opened) == (True, word, [number])
    source.close()  # type: ignore[attr-defined]
