"""The camera or video that is shown."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from inference.frame import Frame, Unreadable
from inference.page import live
from inference.page.live import without_password
from inference.page.settings import Limits
from kits.inference import one_colour
from kits.page import GREEN, make_page, moving, served


def open_url(port: int, path: str) -> Any:
    return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30)


def next_event(stream: Any) -> Any:
    line = b""
    while not line.startswith(b"data: "):
        line = stream.readline()
        assert line, "the stream has ended"
    return json.loads(line.removeprefix(b"data: "))


def next_jpeg(stream: Any) -> Any:
    length = 0
    while (line := stream.readline()) != b"\r\n" or not length:
        assert line, "the stream has ended"
        if line.lower().startswith(b"content-length"):
            length = int(line.split(b":")[1])
    return cv2.imdecode(np.frombuffer(stream.read(length), np.uint8), cv2.IMREAD_COLOR)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_frames_flow_with_their_answers(tmp_path: Path) -> None:
    with served(make_page(tmp_path, source=("camera", moving()))) as port:
        with open_url(port, "/events") as stream, open_url(port, "/video") as video:
            assert video.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
            first, second = next_event(stream), next_event(stream)
            picture = next_jpeg(video)
            next_jpeg(video)
        metrics = open_url(port, "/metrics").read().decode()
    assert second["number"] > first["number"] > 0
    assert [face["track"] for face in second["faces"]] == [1, 2]
    assert (second["source"], second["width"], second["height"]) == ("camera", 300, 100)
    assert second["latency"] > 0
    # The frame of a face is drawn: not all of it is green.
    assert np.abs(picture.astype(int) - GREEN).max() > 60
    assert "moka_live_frames_total" in metrics


def test_while_nobody_watches_the_device_rests(tmp_path: Path) -> None:
    page = make_page(tmp_path, source=("camera", moving()))
    with served(page) as port:
        wait_until(lambda: page.live._frame is not None)
        assert "moka_live_frames_total 0.0" in open_url(port, "/metrics").read().decode()
        with open_url(port, "/events") as stream:
            next_event(stream)
        wait_until(lambda: page.live._watchers == 0)
        assert page.live._latest is None


def test_a_slow_device_drops_frames_and_says_so(tmp_path: Path) -> None:
    page = make_page(tmp_path, source=("camera", moving(pause=0.002)))
    answer = page.engine._analyze
    page.engine._analyze = lambda picture: (time.sleep(0.05), answer(picture))[1]  # type: ignore[method-assign, func-returns-value]
    with served(page) as port, open_url(port, "/events") as stream:
        next_event(stream)
        assert next_event(stream)["dropped"] > 0


def test_frames_that_were_not_even_taken_from_a_camera_are_dropped_too(tmp_path: Path) -> None:
    def frames() -> Iterator[Frame]:
        for number in range(100000):
            time.sleep(0.01)
            yield Frame("camera", one_colour(GREEN, 100, 300), 10 * number, live=True, moving=True)

    page = make_page(tmp_path, source=("camera", frames))
    with served(page) as port, open_url(port, "/events") as stream:
        first = next_event(stream)
        while (newest := next_event(stream))["number"] == first["number"]:
            pass
        assert newest["dropped"] >= first["dropped"] + 9


def test_a_video_begins_again_with_new_people(tmp_path: Path) -> None:
    page = make_page(tmp_path, source=("film", moving(3, live=False)))
    with served(page) as port, open_url(port, "/events") as stream:
        seen = [next_event(stream) for _ in range(8)]
    assert all([face["track"] for face in each["faces"]] == [1, 2] for each in seen)
    assert len({each["seconds"] for each in seen}) <= 3


def test_a_camera_that_fails_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "AGAIN_SECONDS", 0.1)
    opened = []
    plugged_in = threading.Event()

    def camera() -> Iterator[Frame | Unreadable]:
        opened.append(1)
        if not plugged_in.is_set():
            yield Unreadable("rtsp://user:secret@cam.example/1", "nobody answers")
            return
        yield from moving()()

    page = make_page(tmp_path, source=("rtsp://user:secret@cam.example/1", camera))
    with served(page) as port:
        wait_until(lambda: bool(page.live.problem))
        status = json.load(open_url(port, "/status"))
        assert status["problem"] == "rtsp://cam.example/1: nobody answers."
        assert status["source"] == "rtsp://cam.example/1"
        assert json.load(open_url(port, "/healthz"))["status"] == "ok"
        plugged_in.set()
        with open_url(port, "/events") as stream:
            next_event(stream)
        assert json.load(open_url(port, "/status"))["problem"] == ""
    assert len(opened) > 1


def test_a_source_that_raises_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "AGAIN_SECONDS", 0.1)

    def broken() -> Iterator[Frame | Unreadable]:
        raise ValueError("no such thing")
        yield

    page = make_page(tmp_path, source=("camera", broken))
    with served(page) as port:
        wait_until(lambda: bool(page.live.problem))
        assert json.load(open_url(port, "/status"))["problem"] == "no such thing"


def test_only_so_many_watch(tmp_path: Path) -> None:
    page = make_page(tmp_path, source=("camera", moving()), limits=Limits(streams=1))
    with served(page) as port:
        with open_url(port, "/events") as stream:
            next_event(stream)
            with pytest.raises(urllib.error.HTTPError, match="503"):
                open_url(port, "/video")
        wait_until(lambda: page.live._watchers == 0)
        with open_url(port, "/video") as stream:
            next_jpeg(stream)


def test_without_a_source_there_is_nothing_to_watch(tmp_path: Path) -> None:
    with served(make_page(tmp_path)) as port, pytest.raises(urllib.error.HTTPError, match="404"):
        open_url(port, "/video")


def test_a_large_frame_is_sent_smaller(tmp_path: Path) -> None:
    def large() -> Iterator[Frame | Unreadable]:
        yield Frame("camera", one_colour(GREEN, 1500, 2600), live=True)

    with served(make_page(tmp_path, source=("camera", large))) as port, open_url(port, "/video") as video:
        picture = next_jpeg(video)
    assert max(picture.shape) == live.LONGEST


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://me:secret@cam.example:554/one?key=2", "rtsp://cam.example:554/one"),
        ("http://cam.example/x", "http://cam.example/x"),
        ("film@home.mp4", "film@home.mp4"),
    ],
)
def test_passwords_are_not_shown(source: str, shown: str) -> None:
    assert without_password(source) == shown


def test_pictures_follow_one_another_slowly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []

    def pictures() -> Iterator[Frame | Unreadable]:
        for name in ("one.png", "two.png"):
            yield Frame(name, one_colour(GREEN, 100, 300))

    page = make_page(tmp_path, source=("pictures", pictures))
    monkeypatch.setattr(page.live._closed, "wait", lambda seconds: shown.append(seconds) or False)
    page.live._read_once()
    assert shown.count(live.STILL_SECONDS) == 2


def test_a_fault_does_not_end_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "AGAIN_SECONDS", 0.05)
    page = make_page(tmp_path, source=("camera", moving()))
    answer, failed = page.engine._analyze, []

    def fail_once(picture: Any) -> Any:
        if not failed:
            failed.append(1)
            raise RuntimeError("first line\nwhat went wrong")
        return answer(picture)

    monkeypatch.setattr(page.engine, "_analyze", fail_once)
    with served(page) as port, open_url(port, "/events") as stream:
        assert next_event(stream)["number"] == 1
    assert failed
