"""Files by their contents, whatever they are called, and lists of them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from inference.sources import how_many, open_sources
from inference.sources.listing import read_list
from kits.sources import frames, names, reasons, write_picture, write_video


def test_contents_decide_and_not_the_name(tmp_path: Path) -> None:
    write_video(tmp_path / "film.avi", 3).rename(tmp_path / "film.jpg")
    write_picture(tmp_path / "face.png").rename(tmp_path / "face.mp4")
    assert len(frames(open_sources([str(tmp_path / "film.jpg")]))) == 3
    assert len(frames(open_sources([str(tmp_path / "face.mp4")]))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfilm.avi\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile film.avi\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 26\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
    ],
)
def test_a_file_that_names_other_files_is_no_video(tmp_path: Path, text: str) -> None:
    """FFmpeg would open what such a file names."""
    write_video(tmp_path / "film.avi", 3)
    path = tmp_path / "trap.mp4"
    path.write_text(text)
    (reason,) = reasons(open_sources([str(path)]))
    assert "not a picture" in reason


def test_what_is_no_ordinary_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.mp4")
    assert stat.S_ISFIFO((tmp_path / "fifo.mp4").stat().st_mode)
    assert reasons(open_sources([str(tmp_path / "fifo.mp4")])) == ["a fifo, not an ordinary file"]
    assert reasons(open_sources(["/dev/zero"])) == ["a device, not an ordinary file"]
    (reason,) = reasons(open_sources([str(tmp_path / "a\0b.png")]))
    assert "nul byte" in reason


def test_a_list(tmp_path: Path) -> None:
    inside, outside = write_picture(tmp_path / "lists/in.png"), write_picture(tmp_path / "out.png")
    write_video(tmp_path / "lists/film.avi", 2)
    path = tmp_path / "lists/all.txt"
    path.write_text(f"\ufeffin.png\r\n\n  film.avi  \n{outside}\nabsent.png\n", "utf-8")
    found = list(open_sources([str(path)]))
    film = str(tmp_path / "lists/film.avi")
    assert names(iter(found)) == [str(inside), film, film, str(outside), str(tmp_path / "lists/absent.png")]
    assert reasons(iter(found)) == ["no such file or directory"]
    assert how_many([str(path)]) == 5


def test_a_list_opens_no_list_folder_or_address(tmp_path: Path) -> None:
    """A list that somebody else wrote could otherwise lead in a circle, or to a camera."""
    path = tmp_path / "circle.txt"
    path.write_text("circle.txt\n.\nwebcam\nhttp://127.0.0.1:9/\n-\n")
    found = reasons(open_sources([str(path)]))
    assert len(found) == 5
    assert "not a picture" in found[0]
    assert found[1] == "a folder, not an ordinary file"
    assert found[2:] == ["no such file or directory"] * 3


def test_an_empty_list_says_so(tmp_path: Path) -> None:
    path = tmp_path / "empty.lst"
    path.write_text("\n \n")
    (reason,) = reasons(open_sources([str(path)]))
    assert reason.startswith("an empty list")
    (tmp_path / "bytes.txt").write_bytes(b"caf\xe9.png\n")
    assert read_list(str(tmp_path / "bytes.txt")) == [os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")]
