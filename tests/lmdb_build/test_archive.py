from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from kits.lmdb_build import snapshot
from lmdb_build.archive import unpack
from lmdb_build.errors import ArchiveError

FACES = {"UTKFace/1.jpg": b"one", "UTKFace/sub/2.jpg": b"two" * 5000}


def pack(path: Path, files: dict[str, bytes], *others: tarfile.TarInfo) -> Path:
    packing = {"gz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}
    with tarfile.open(path, next((mode for end, mode in packing.items() if path.name.endswith(end)), "w")) as tar:
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


@pytest.mark.parametrize("name", ["faces.tar", "faces.tar.gz", "faces.tgz", "faces.tar.bz2", "faces.tar.xz"])
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


@pytest.mark.parametrize("top", ["lmdb", "DEF", "mean", "augmented", "Lmdb"])
def test_a_top_folder_with_the_name_of_one_of_ours(tmp_path: Path, top: str) -> None:
    """data/lmdb is where databases are; pictures go to a folder named after the archive."""
    folder = unpack(pack(tmp_path / "faces.tar.gz", {f"{top}/1.jpg": b"1", f"{top}/2.jpg": b"2"}), tmp_path / "data")
    assert folder == tmp_path / "data/faces"
    assert sorted(snapshot(folder)) == ["1.jpg", "2.jpg"]


@pytest.mark.parametrize("name", ["lmdb.tar", "..tar.gz", ".tar"])
def test_an_archive_without_a_name_of_its_own(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / name, {"lmdb/1.jpg": b"1"})
    assert unpack(archive, tmp_path / "data") == tmp_path / "data/pictures"


def claiming(path: Path, *sizes: int, kind: bytes = tarfile.REGTYPE, zeros: int = 0) -> Path:
    """Write a .tar.gz whose headers claim these sizes; of the last file only `zeros` bytes follow."""
    with gzip.open(path, "wb") as file:
        for number, size in enumerate(sizes):
            member = tarfile.TarInfo(f"faces/{number}.jpg")
            member.size = size
            member.type = kind
            file.write(member.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(zeros))
    return path


def test_an_archive_that_would_fill_the_disk(tmp_path: Path) -> None:
    for archive, words in [
        (claiming(tmp_path / "huge.tar.gz", 3 << 30), "unpacks to more than 1024 MB. Nothing was unpacked"),
        (claiming(tmp_path / "eight.tar.gz", 8 << 40), "unpacks to more than 1024 MB"),
    ]:
        with pytest.raises(ArchiveError, match=f"{words}.*"):
            unpack(archive, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_the_limit_is_an_option(tmp_path: Path) -> None:
    archive = pack(tmp_path / "faces.tar.gz", {f"faces/{number}.jpg": bytes(600_000) for number in range(4)})
    with pytest.raises(ArchiveError, match=r"unpacks to more than 2 MB.*give a larger --max_unpacked_mb"):
        unpack(archive, tmp_path / "data", most_mb=2)
    assert unpack(archive, tmp_path / "data", most_mb=3).is_dir()


def test_what_follows_the_end_of_an_archive_counts(tmp_path: Path) -> None:
    archive = tmp_path / "faces.tar.gz"
    member = tarfile.TarInfo("faces/1.jpg")
    with gzip.open(archive, "wb") as file:
        file.write(member.tobuf() + bytes(1024) + bytes(4 << 20))
    with pytest.raises(ArchiveError, match="unpacks to more than 2 MB"):
        unpack(archive, tmp_path / "data", most_mb=2)
    unpack(archive, tmp_path / "data")


def test_a_header_that_claims_gigabytes_is_not_read(tmp_path: Path) -> None:
    archive = claiming(tmp_path / "x.tar.gz", 3 << 30, kind=tarfile.XHDTYPE, zeros=1 << 20)
    with pytest.raises(ArchiveError, match="a header of 3221225472 bytes"):
        unpack(archive, tmp_path / "data")


def test_a_sparse_file(tmp_path: Path) -> None:
    """A header of an old GNU sparse file: 100 bytes that claim eight terabytes."""
    member = tarfile.TarInfo("faces/1.jpg")
    member.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"77777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "x.tar").write_bytes(bytes(header) + bytes(10240))
    with pytest.raises(
        ArchiveError, match=r"'faces/1\.jpg' is a sparse file, which no picture is\. Nothing was unpacked"
    ):
        unpack(tmp_path / "x.tar", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_disk_without_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = pack(tmp_path / "faces.tar.gz", {"faces/1.jpg": bytes(3 << 20)})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10 << 20, 9 << 20, 1 << 20))  # type: ignore[attr-defined]
    with pytest.raises(ArchiveError, match=r"needs 4 MB in .*data, where 1 MB are free. Nothing was unpacked"):
        unpack(archive, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_name_with_a_nul_byte(tmp_path: Path) -> None:
    member = tarfile.TarInfo("faces/1.jpg")
    member.pax_headers = {"path": "faces/1\0.jpg"}
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member)
    with pytest.raises(ArchiveError, match="NUL byte"):
        unpack(tmp_path / "x.tar", tmp_path / "data")


@pytest.mark.timeout(20)
def test_fifos_devices_and_folders(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, words in ((tmp_path / "fifo", "a FIFO"), (Path("/dev/zero"), "a device"), (tmp_path, "a folder")):
        with pytest.raises(ArchiveError, match=f"{path}: cannot be read .{words}, not an ordinary file"):
            unpack(path, tmp_path / "data")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("before", [b"", tarfile.TarInfo("faces/1.jpg").tobuf()])
def test_a_terabyte_of_zeros_is_not_read_to_its_end(tmp_path: Path, before: bytes) -> None:
    archive = tmp_path / "x.tar"
    archive.write_bytes(before)
    os.truncate(archive, 1 << 40)
    if before:
        assert unpack(archive, tmp_path / "data") == tmp_path / "data/faces"
    else:
        with pytest.raises(ArchiveError, match=r"x\.tar: holds no files"):
            unpack(archive, tmp_path / "data")
