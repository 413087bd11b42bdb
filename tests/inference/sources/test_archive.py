"""Tars: read from memory, with links, tricks in names, and archives that are damaged or meant to do harm."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

import inference.sources.archive as archive
from inference.sources import how_many, open_sources
from kits.sources import frames, names, reasons, write_picture


def member(tar: tarfile.TarFile, name: str, data: bytes = b"", **more: Any) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))


@pytest.fixture
def png(tmp_path: Path) -> bytes:
    return write_picture(tmp_path / "one.png", 3).read_bytes()


@pytest.mark.parametrize(
    ("suffix", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".tar.bz2", "w:bz2"), (".tar.xz", "w:xz")]
)
def test_a_tar_however_it_is_packed(tmp_path: Path, png: bytes, suffix: str, mode: str) -> None:
    path = tmp_path / f"a{suffix}"
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        member(tar, "set", type=tarfile.DIRTYPE)
        for number in range(3):
            member(tar, f"set/{number}.png", png)
        member(tar, "set/labels.txt", b"0 1\n")
        member(tar, "set/._0.png", b"Mac OS")
    found = frames(open_sources([str(path)]))
    assert [frame.name for frame in found] == [f"{path}:set/{number}.png" for number in range(3)]
    assert found[0].picture[0, 0].tolist() == [24, 60, 190]
    assert how_many([str(path)]) == (3 if suffix == ".tar" else None)


def test_links_and_names_that_lead_outside_are_left_out(tmp_path: Path, png: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        member(tar, "/etc/face.png", png)
        member(tar, "in/../../face.png", png)
        member(tar, "soft.png", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        member(tar, "hard.png", type=tarfile.LNKTYPE, linkname="good.png")
        member(tar, "fifo.png", type=tarfile.FIFOTYPE)
        member(tar, "device.png", type=tarfile.CHRTYPE)
        member(tar, "empty.png")
        member(tar, "film.mp4", b"film")
        member(tar, "text.png", b"no picture")
        member(tar, "good.png", png)
    found = list(open_sources([str(path)]))
    assert len(found) == how_many([str(path)]) == 10
    words = ["outside", "outside", "links in", "links in", "ordinary", "ordinary", "empty", "video", "not a picture"]
    assert all(word in reason for word, reason in zip(words, reasons(iter(found)), strict=True)), reasons(iter(found))
    assert names(iter(found))[-1] == f"{path}:good.png"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.tar", "one.png"]


def test_a_tar_that_is_cut_short(tmp_path: Path, png: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(3):
            member(tar, f"{number}.png", png)
    path.write_bytes(path.read_bytes()[: 512 * 3 + 100])
    found = list(open_sources([str(path)]))
    assert names(iter(found))[0] == f"{path}:0.png"
    assert "damaged" in reasons(iter(found))[-1]


@pytest.mark.parametrize(
    "data", [b"", b"no tar", gzip.compress(b"no tar", mtime=0), b"\x1f\x8b broken", b"BZh9 broken"]
)
def test_what_is_no_tar(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    assert len(reasons(open_sources([str(path)]))) == 1


def test_a_tar_without_pictures(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        member(tar, "readme.md", b"text")
    assert reasons(open_sources([str(path)])) == ["an archive without pictures"]


def test_a_tar_that_unpacks_to_far_more_than_its_size(
    tmp_path: Path, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "most_unpacked", lambda packed: 20 * packed)
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member(tar, "good.png", png)
        member(tar, "zeros.bin", bytes(1 << 20))
        member(tar, "never.png", png)
    found = list(open_sources([str(path)]))
    assert names(iter(found)) == [f"{path}:good.png", str(path)]
    assert "unpacks to more than" in reasons(iter(found))[0]


def test_a_header_that_claims_gigabytes(tmp_path: Path, png: bytes) -> None:
    """tarfile would read a name of such a length into memory."""
    path = tmp_path / "a.tar"
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 32
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    (reason,) = reasons(open_sources([str(path)]))
    assert "damaged" in reason


def test_a_member_that_claims_more_than_a_picture_may_have(
    tmp_path: Path, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOKA_MAX_PIXELS", "4096")
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        member(tar, "huge.png", png + bytes(1 << 15))
        member(tar, "good.png", png)
    found = list(open_sources([str(path)]))
    assert "expected at most" in reasons(iter(found))[0]
    assert names(iter(found))[1] == f"{path}:good.png"
