from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from kits.lmdb_build import snapshot
from lmdb_build.archive import unpack
from lmdb_build.errors import ArchiveError

FACES = {"UTKFace/1.jpg": b"one", "UTKFace/sub/2.jpg": b"two" * 5000}


def pack(path: Path, files: dict[str, bytes], *others: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in others:
            tar.addfile(member)
    return path


def link(name: str, kind: bytes, to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


@pytest.mark.parametrize("name", ["faces.tar", "faces.tar.gz", "faces.tgz"])
def test_the_one_top_folder_becomes_the_folder(tmp_path: Path, name: str) -> None:
    folder = unpack(pack(tmp_path / name, FACES), tmp_path / "data")
    assert folder == tmp_path / "data" / "UTKFace"
    assert {name: data for name, (data, _) in snapshot(folder).items()} == {"1.jpg": b"one", "sub/2.jpg": b"two" * 5000}


def test_files_without_a_common_folder_go_to_one_named_after_the_archive(tmp_path: Path) -> None:
    assert unpack(pack(tmp_path / "faces.tar.gz", {"./1.jpg": b"1", "2.jpg": b"2"}), tmp_path) == tmp_path / "faces"
    assert sorted(snapshot(tmp_path / "faces")) == ["1.jpg", "2.jpg"]


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    archive = pack(tmp_path / "faces.tar.gz", FACES)
    folder = unpack(archive, tmp_path / "data")
    before = snapshot(folder)
    assert unpack(archive, tmp_path / "data") == folder
    assert snapshot(folder) == before


@pytest.mark.parametrize("change", ["more", "fewer", "other size"])
def test_a_folder_with_other_files_is_not_touched(tmp_path: Path, change: str) -> None:
    archive = pack(tmp_path / "faces.tar.gz", FACES)
    folder = unpack(archive, tmp_path / "data")
    if change == "more":
        (folder / "mine.jpg").write_bytes(b"mine")
    elif change == "fewer":
        (folder / "1.jpg").unlink()
    else:
        (folder / "1.jpg").write_bytes(b"longer")
    before = snapshot(folder)
    with pytest.raises(ArchiveError, match="holds other files"):
        unpack(archive, tmp_path / "data")
    assert snapshot(folder) == before


@pytest.mark.parametrize("name", ["../evil.jpg", "UTKFace/../../evil.jpg", "/evil.jpg", "/../evil.jpg"])
def test_a_name_that_leads_outside(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / "faces.tar.gz", {**FACES, name: b"evil"})
    with pytest.raises(ArchiveError, match="leads outside"):
        unpack(archive, tmp_path / "data")
    assert [path.name for path in tmp_path.rglob("*")] == ["faces.tar.gz"]


def test_links_are_not_taken(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    archive = pack(
        tmp_path / "faces.tar.gz",
        FACES,
        link("UTKFace/symbolic.jpg", tarfile.SYMTYPE, str(secret)),
        link("UTKFace/hard.jpg", tarfile.LNKTYPE, "../secret"),
        link("UTKFace/pipe", tarfile.FIFOTYPE, ""),
    )
    assert sorted(snapshot(unpack(archive, tmp_path / "data"))) == ["1.jpg", "sub/2.jpg"]


def test_a_file_under_a_symbolic_link_of_the_archive_stays_inside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tmp_path / "faces.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(link("UTKFace/there", tarfile.SYMTYPE, str(outside)))
        member = tarfile.TarInfo("UTKFace/there/evil.jpg")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    unpack(archive, tmp_path / "data")
    assert not list(outside.iterdir())


@pytest.mark.parametrize("cut", [0.2, 0.7, 0.99])
def test_a_truncated_archive_leaves_nothing(tmp_path: Path, cut: float) -> None:
    noise = {f"UTKFace/{number}.jpg": bytes((number * k * k) % 251 for k in range(3000)) for number in range(20)}
    archive = pack(tmp_path / "faces.tar.gz", noise)
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(ArchiveError, match=r"faces\.tar\.gz: .*(damaged|cannot be read)"):
        unpack(archive, tmp_path / "data")
    assert [path.name for path in tmp_path.rglob("*.jpg")] == []


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    archive = pack(tmp_path / "faces.tar.gz", {"a/1.jpg": bytes(k * k % 251 for k in range(3000))})
    data = bytearray(archive.read_bytes())
    data[-6] ^= 1  # in gzip's checksum
    archive.write_bytes(data)
    with pytest.raises(ArchiveError, match="CRC"):
        unpack(archive, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_no_archive_an_empty_one_and_none(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("no archive")
    for path, message in [
        (tmp_path / "text.tar", "not a tar archive"),
        (pack(tmp_path / "empty.tar", {}), "holds no files"),
        (tmp_path / "missing.tar", "No such file"),
    ]:
        with pytest.raises(ArchiveError, match=message):
            unpack(path, tmp_path / "data")
