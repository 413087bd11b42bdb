"""Video files: every frame once and in order, with its time; cut, damaged, turned, huge."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.frame import Frame
from inference.sources import how_many, open_sources
from inference.sources.video import frames_of, is_video
from kits.commands import run_process
from kits.sources import FakeCapture, frames, reasons, write_video


@pytest.mark.parametrize(
    ("name", "fourcc"), [("a.avi", "MJPG"), ("a.mp4", "mp4v"), ("a.mkv", "mp4v"), ("a.mov", "mp4v"), ("a.webm", "VP80")]
)
def test_every_frame_once_with_its_time(
    tmp_path: Path, name: str, fourcc: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_video(tmp_path / name, 12, fourcc)
    capfd.readouterr()
    found = frames(open_sources([str(path)]))
    assert [frame.index for frame in found] == list(range(12))
    assert [frame.seconds for frame in found] == pytest.approx([number / 10 for number in range(12)])
    assert not any(frame.live for frame in found)
    blues = [float(frame.picture[..., 0].mean()) for frame in found]
    assert blues == pytest.approx([8 * number for number in range(12)], abs=4)
    assert how_many([str(path)]) == 12
    assert capfd.readouterr() == ("", "")


def test_a_video_that_is_cut_short_says_so_after_its_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    found = list(open_sources([str(path)]))
    assert 5 <= sum(isinstance(each, Frame) for each in found) < 20
    (reason,) = reasons(iter(found))
    assert "of 3.0 seconds, so it is cut short" in reason


def test_a_video_without_its_index(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", fourcc="mp4v")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (reason,) = reasons(open_sources([str(path)]))
    assert reason.startswith("a video that FFmpeg cannot open")
    assert how_many([str(path)]) == 1


def test_neither_opencv_nor_ffmpeg_prints(tmp_path: Path) -> None:
    """In a process of its own: FFmpeg asks only once whether it may."""
    write_video(tmp_path / "a.avi")
    write_video(tmp_path / "b.mp4", fourcc="mp4v")
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code = (
        "import sys; from inference.sources import open_sources\n"
        "for each in open_sources(sys.argv[1:]): print(type(each).__name__)"
    )
    done = run_process("-c", code, str(tmp_path), folder=tmp_path)
    assert done.stderr == ""
    assert done.stdout.count("Unreadable") == 2


def test_a_bare_stream_has_times_by_its_rate() -> None:
    class Bare(FakeCapture):
        def get(self, key: int) -> float:
            return 0.0 if key == cv2.CAP_PROP_POS_MSEC else super().get(key)

        def read(self) -> tuple[bool, np.ndarray]:
            found = self.grab()
            return found, self.retrieve()[1]

    assert [frame.seconds for frame in frames(frames_of("a.h264", Bare(4)))] == [0.0, 0.1, 0.2, 0.3]


def test_damage_in_the_middle_does_not_end_the_program(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", fourcc="mp4v")
    data = bytearray(path.read_bytes())
    noise = np.random.default_rng(1)
    for _ in range(20):
        place = int(noise.integers(100, len(data)))
        data[place : place + 8] = noise.bytes(8)
    path.write_bytes(data)
    assert list(open_sources([str(path)]))


def test_a_telephone_held_upright(tmp_path: Path) -> None:
    """The matrix in the track's header says that a player must turn the pictures clockwise."""
    path = write_video(tmp_path / "a.mp4", 3, "mp4v")
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(data)
    assert [frame.picture.shape for frame in frames(open_sources([str(path)]))] == [(64, 48, 3)] * 3


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """OpenCV crashes at such a name, and FFmpeg takes others for patterns and addresses."""
    for name in (b"caf\xe9.avi", b"concat:a|b.avi", b"a%03d.avi", b"http:a.avi"):
        path = tmp_path / name.decode("utf-8", "surrogateescape")
        write_video(tmp_path / "film.avi", 2).rename(path)
        assert len(frames(open_sources([str(path)]))) == 2


def test_a_video_larger_than_a_picture_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.avi")
    monkeypatch.setenv("MOKA_MAX_PIXELS", "2000")
    (reason,) = reasons(open_sources([str(path)]))
    assert "64x48 pixels, but at most 2000" in reason


def test_a_stream_of_jpegs_needs_its_name(tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    for name, count in (("a.mjpeg", 3), ("a.jpg", 1)):
        (tmp_path / name).write_bytes(jpeg * 3)
        assert len(frames(open_sources([str(tmp_path / name)]))) == count


def test_closing_early_closes_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi")
    before = len(list(Path("/proc/self/fd").iterdir()))
    source = open_sources([str(path)])
    next(source)
    assert len(list(Path("/proc/self/fd").iterdir())) > before
    source.close()  # type: ignore[attr-defined]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\0\0\0\x20ftypisom", True),
        (b"\0\0\0\x20ftypheic", False),
        (b"\0\0\0\x20ftypavif", False),
        (b"RIFF\0\0\0\0AVI LIST", True),
        (b"RIFF\0\0\0\0WEBPVP8 ", False),
        (b"#EXTM3U", False),
        (b"GIF89a", True),
        ((b"G" + bytes(187)) * 3, True),
        (b"G" + bytes(600), False),
    ],
)
def test_what_is_a_video(head: bytes, expected: bool) -> None:
    assert is_video("", head) is expected
