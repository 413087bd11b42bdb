"""What commands open: ordinary files, and the shell's pipes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from common.inputs import check_input, open_input, read_input
from common.places import ROOT


def test_an_ordinary_file_and_a_link_to_it_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"words")
    (tmp_path / "b").symlink_to("a")
    assert read_input(tmp_path / "b") == read_input(str(tmp_path / "a"), limit=5) == b"words"
    assert check_input(tmp_path / "b") == tmp_path / "b"


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name, words in [
            ("fifo", "a FIFO, not an ordinary file"),
            ("zero", "a device, not"),
            ("folder", "a folder, not"),
            ("socket", "No such device"),
            ("none", "No such file"),
            ("n\0l", "NUL byte"),
            ("x" * 300, "too long"),
        ]:
            with pytest.raises(OSError, match=words):
                open_input(tmp_path / name)


def test_a_limit_is_kept(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="larger than the 1000 bytes"):
        read_input(tmp_path / "sparse", limit=1000)


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0"])
def test_the_shells_pipes_are_read_up_to_the_limit(name: str) -> None:
    script = f"from common.inputs import read_input; print(len(read_input({name!r}, limit=100000)))"

    def run(count: int) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([sys.executable, "-c", script], input=b"x" * count, capture_output=True, cwd=ROOT)

    assert run(100_000).stdout == b"100000\n"
    assert b"larger than the 100000 bytes" in run(100_001).stderr
