"""Words to sources: which kind a word means, several in a row, and what is counted beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import UsageError
from inference.frame import Unreadable
from inference.sources import KINDS, how_many, kind_of, open_sources
from kits.sources import names, write_picture, write_video


def test_each_word_means_its_kind(tmp_path: Path) -> None:
    write_picture(tmp_path / "a[1].png")
    words = {
        "-": "standard input",
        "mjpeg": "motion JPEG",
        "mjpeg@30": "motion JPEG",
        "raw:64x48": "raw frames",
        "webcam": "webcam",
        "webcam:2": "webcam",
        "/dev/video0": "webcam",
        "rtsp://camera.example.org/1": "URL",
        "http://camera.example.org/1": "URL",
        str(tmp_path): "folder",
        str(tmp_path / "*.png"): "glob",
        str(tmp_path / "a[1].png"): "file",
        "absent.jpg": "file",
        "nul\0.jpg": "file",
        "x" * 5000: "file",
    }
    assert {word: next(name for name, kind in KINDS.items() if kind is kind_of(word)) for word in words} == words


def test_sources_follow_one_another_and_a_bad_one_does_not_stop_them(tmp_path: Path) -> None:
    first, last = write_picture(tmp_path / "1.png"), write_picture(tmp_path / "2.png", 1)
    found = list(open_sources([str(first), str(tmp_path / "none.png"), str(last)]))
    assert [type(each).__name__ for each in found] == ["Frame", "Unreadable", "Frame"]
    assert found[1] == Unreadable(str(tmp_path / "none.png"), "no such file or directory")
    assert names(iter(found)) == [str(first), str(tmp_path / "none.png"), str(last)]


def test_no_source_is_no_frame() -> None:
    assert list(open_sources([])) == []
    assert how_many([]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-", "raw:64x48"], "named twice"),
        (["-", "-"], "named twice"),
        (["mjpeg", "-"], "named twice"),
        (["mjpeg@fast"], "expected mjpeg or mjpeg@RATE"),
        (["raw:64"], "expected raw:WIDTHxHEIGHT"),
        (["raw:8x8"], "at least 16 pixels"),
        (["raw:999999x999999"], "at most"),
        (["webcam:"], "expected webcam"),
        (["webcam:one"], "expected webcam"),
        (["/dev/video"], "expected webcam"),
        (["ftp://host.example.org/a.jpg"], "begins with rtsp"),
        (["file:///etc/passwd"], "not a complete address"),
        (["http:" + "//"], "not a complete address"),
        (["http://host.example.org:99999/"], "not a complete address"),
        (["http://host.example.org/a\r\nX: y"], "not a complete address"),
    ],
)
def test_malformed_words_are_refused_before_anything_is_read(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_sources(words)


def test_how_many(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "folder/1.png")
    write_picture(tmp_path / "folder/below/2.png")
    video = write_video(tmp_path / "film.avi", 7)
    assert how_many([str(picture)]) == 1
    assert how_many([str(tmp_path / "folder")]) == 2
    assert how_many([str(tmp_path / "folder/*.png")]) == 1
    assert how_many([str(video)]) == 7
    assert how_many([str(tmp_path)]) == 9
    assert how_many([str(tmp_path / "absent.png"), str(tmp_path / "*.absent")]) == 2
    for word in ("-", "mjpeg", "raw:64x48", "webcam", "rtsp://camera.example.org/1"):
        assert how_many([str(picture), word]) is None
