"""Standard input: pictures one after another, YUV4MPEG2, raw frames; whole, cut and empty."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.sources import open_sources
from kits.sources import Item, frames, reasons, shade, write_video


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Return the frames of what is piped in, by way of a real pipe."""
    ends: list[threading.Thread] = []
    inputs: list[io.TextIOWrapper] = []

    def run(data: bytes, word: str = "-") -> Iterator[Item]:
        reading, writing = os.pipe()

        def write() -> None:
            with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as file:
                file.write(data)

        ends.append(threading.Thread(target=write))
        ends[-1].start()
        inputs.append(io.TextIOWrapper(os.fdopen(reading, "rb")))
        monkeypatch.setattr(sys, "stdin", inputs[-1])
        return open_sources([word])

    yield run
    for file in inputs:
        file.close()
    for each in ends:
        each.join(10)


def encoded(suffix: str, number: int = 0) -> bytes:
    return cv2.imencode(suffix, shade(number))[1].tobytes()


def y4m(colours: str, count: int = 3, header: str = "W64 H48 F10:1", more: str = "") -> bytes:
    """Frames of one colour: Y 100 + number, U 110, V 140."""
    shares = {"C420jpeg": 4, "C422": 2, "C444": 1, "C411": 4}
    parts = [f"YUV4MPEG2 {header} Ip A1:1 {colours}{more}\n".encode()]
    for number in range(count):
        size = 64 * 48 // shares[colours] if colours in shares else 0
        parts.append(b"FRAME\n" + bytes([100 + number]) * (64 * 48) + bytes([110]) * size + bytes([140]) * size)
    return b"".join(parts)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".ppm"])
def test_pictures_one_after_another(feed, suffix: str) -> None:  # type: ignore[no-untyped-def]
    found = frames(feed(b"".join(encoded(suffix, number) for number in range(4))))
    assert [frame.index for frame in found] == [0, 1, 2, 3]
    assert [round(frame.picture[..., 0].mean() / 8) for frame in found] == [0, 1, 2, 3]
    assert {frame.name for frame in found} == {"-"}
    assert not any(frame.live for frame in found)


def test_jpegs_that_are_frames_of_a_video(feed) -> None:  # type: ignore[no-untyped-def]
    """With `-` they are photographs, perhaps of different people, whose answers must not be averaged."""
    data = b"".join(encoded(".jpg", number) for number in range(3)) + encoded(".jpg")[:200]
    for word, moving, seconds in (
        ("-", False, [0, 0, 0]),
        ("mjpeg", True, [0, 0, 0]),
        ("mjpeg@4", True, [0, 0.25, 0.5]),
    ):
        items = list(feed(data, word))
        assert len(reasons(iter(items))) == 1
        found = frames(iter(items[:3]))
        assert [(frame.moving, frame.live) for frame in found] == [(moving, False)] * 3
        assert [frame.seconds for frame in found] == seconds


@pytest.mark.parametrize("suffix", [".webp", ".bmp", ".tiff", ".avif"])
def test_one_picture_of_another_format(feed, suffix: str) -> None:  # type: ignore[no-untyped-def]
    assert len(frames(feed(encoded(suffix)))) == 1


def test_what_follows_a_photograph_is_no_picture_of_its_own(feed) -> None:  # type: ignore[no-untyped-def]
    """Phones write a second, small JPEG that belongs to the first; cameras write their own bytes."""
    jpeg = encoded(".jpg")
    several = jpeg[:2] + b"\xff\xe2\x00\x10MPF\0" + bytes(10) + jpeg[2:]
    assert len(frames(feed(several + encoded(".jpg", 5)))) == 1
    assert len(frames(feed(jpeg + b"\0\0SEFH trailing bytes of a camera"))) == 1


def test_bytes_between_pictures_lose_none(feed) -> None:  # type: ignore[no-untyped-def]
    """Old cameras write some after the end of a JPEG, as in GENKI-4K."""
    data = b"".join(encoded(".jpg", number) + b"\x86\x92\x85\x95\x00\x86" for number in range(3))
    assert [round(frame.picture[..., 0].mean() / 8) for frame in frames(feed(data))] == [0, 1, 2]
    found = list(feed(encoded(".jpg") * 2 + bytes(9000)))
    assert reasons(iter(found)) == ["what follows picture 2 is no picture, so the rest was left out"]
    assert len(found) == 3
    assert len(frames(feed(encoded(".jpg") + bytes(9000)))) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".ppm", ".bmp"])
def test_a_picture_that_is_cut_short(feed, suffix: str) -> None:  # type: ignore[no-untyped-def]
    data = encoded(suffix)
    assert len(reasons(feed(data[: len(data) // 2]))) == 1
    found = list(feed(data + data[: len(data) // 2]))
    assert len(reasons(iter(found))) == (1 if suffix != ".bmp" else 0)


@pytest.mark.parametrize(
    "data", [b"", b"plain text", b"\xff\xd8\xff", b"P6\n", b"YUV4MPEG2 ", b"YUV4MPEG2 W64\n", bytes(9000)]
)
def test_what_is_no_picture(feed, data: bytes) -> None:  # type: ignore[no-untyped-def]
    assert len(reasons(feed(data))) == 1


def test_a_video_file_says_how_it_can_be_piped(feed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name, code in (("a.mkv", "mp4v"), ("a.mp4", "mp4v"), ("a.avi", "MJPG")):
        (reason,) = reasons(feed(write_video(tmp_path / name, 3, code).read_bytes()))
        assert "ffmpeg -i FILE -f yuv4mpegpipe" in reason


@pytest.mark.parametrize("colours", ["C420jpeg", "C422", "C444", "C411", "Cmono"])
def test_y4m_of_each_kind(feed, colours: str) -> None:  # type: ignore[no-untyped-def]
    found = frames(feed(y4m(colours)))
    assert [frame.seconds for frame in found] == [0.0, 0.1, 0.2]
    for number, frame in enumerate(found):
        yuv = np.array([[[100 + number, 110, 140]]], np.uint8) if colours != "Cmono" else None
        y, u, v = yuv[0, 0].astype(float) if yuv is not None else (100.0 + number, 128.0, 128.0)
        bright = 1.164 * (y - 16)
        bgr = [bright + 2.017 * (u - 128), bright - 0.392 * (u - 128) - 0.813 * (v - 128), bright + 1.596 * (v - 128)]
        assert frame.picture.reshape(-1, 3).mean(0) == pytest.approx(bgr, abs=1)


def test_y4m_as_opencv_reads_it(feed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The same stream as a file goes through FFmpeg."""
    path = tmp_path / "a.y4m"
    path.write_bytes(y4m("C420jpeg"))
    for ours, theirs in zip(frames(feed(path.read_bytes())), frames(open_sources([str(path)])), strict=True):
        assert np.abs(ours.picture.astype(int) - theirs.picture).max() <= 2
        assert ours.seconds == pytest.approx(theirs.seconds)


def test_y4m_in_full_range_and_of_odd_size(feed) -> None:  # type: ignore[no-untyped-def]
    (frame,) = frames(feed(y4m("Cmono", 1, more=" XCOLORRANGE=FULL")))
    assert frame.picture[0, 0].tolist() == [100, 100, 100]
    odd = (
        b"YUV4MPEG2 W33 H17 F30000:1001 C420jpeg\nFRAME Ixyz\n" + bytes([90]) * (33 * 17) + bytes([128]) * (17 * 9 * 2)
    )
    assert [each.picture.shape for each in frames(feed(odd * 1))] == [(17, 33, 3)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (y4m("C420jpeg")[:-100], "frame 2 is cut short"),
        (y4m("C420jpeg").replace(b"FRAME", b"FRUME"), "does not begin with FRAME"),
        (y4m("C420jpeg", header="W999999 H999999 F10:1"), "pixels; expected"),
        (y4m("C420jpeg", header="W8 H8 F10:1"), "pixels; expected"),
        (y4m("C420jpeg", header="Wx H8"), "damaged header"),
        (y4m("C420p10"), "of the kind 420p10"),
        (b"YUV4MPEG2 " + b"W" * 5000, "without an end"),
        (y4m("C444", 0), "without a frame"),
    ],
)
def test_y4m_that_is_damaged(feed, data: bytes, words: str) -> None:  # type: ignore[no-untyped-def]
    (reason,) = reasons(feed(data))
    assert words in reason


def test_raw_frames(feed) -> None:  # type: ignore[no-untyped-def]
    data = b"".join(shade(number).tobytes() for number in range(3))
    found = frames(feed(data, "raw:64x48@10"))
    assert [frame.seconds for frame in found] == [0.0, 0.1, 0.2]
    assert all(np.array_equal(frame.picture, shade(number)) for number, frame in enumerate(found))
    assert all(frame.picture.flags.writeable for frame in found)
    (reason,) = reasons(feed(data[:-1], "raw:64x48"))
    assert "frame 2 is incomplete (9215 of 9216 bytes)" in reason
    (reason,) = reasons(feed(b"", "raw:64x48"))
    assert "nothing came" in reason


def test_a_keyboard_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = os.openpty()
    try:
        with os.fdopen(follower, "rb", buffering=0, closefd=False) as file:
            monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": file}))
            for word in ("-", "raw:64x48"):
                (reason,) = reasons(open_sources([word]))
                assert "keyboard" in reason
    finally:
        os.close(leader)
        os.close(follower)


def test_a_frame_is_there_before_the_next_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera's picture must not wait for the picture after it."""
    reading, writing = os.pipe()
    source = open_sources(["-"])
    with (
        io.TextIOWrapper(os.fdopen(reading, "rb")) as stdin,
        os.fdopen(writing, "wb", buffering=0) as camera,
    ):
        monkeypatch.setattr(sys, "stdin", stdin)
        for number in range(3):
            camera.write(encoded(".jpg", number))
            frame = next(source)
            assert round(frame.picture[..., 0].mean() / 8) == number  # type: ignore[union-attr]
        camera.close()
        assert list(source) == []
