from __future__ import annotations

import struct
from pathlib import Path

import pytest

from myriad import BlobError, read_blob
from myriad.header import read_header
from myriad.patch import make_patch
from myriad.superblob import SHAVES, pack, read_superblob
from tools.fuzz_blobs.samples import weights
from tools.fuzz_blobs.writer import Record, Tensor, blob

DATA = Tensor((1, 8, 4, 4))


def blob_for(shaves: int) -> bytes:
    """A blob whose stages depend on the number of SHAVEs."""
    records = [Record(19, [DATA, DATA])] * shaves
    return blob([("data", DATA)], [("prob", DATA)], records, weights() * 40, shaves=shaves, slices=shaves)


BLOBS = {number: blob_for(number) for number in range(1, SHAVES + 1)}


def packed(base: int = 8) -> bytes:
    patches = {number: make_patch(BLOBS[base], content) for number, content in BLOBS.items() if number != base}
    return pack(BLOBS[base], patches)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.superblob"
    path.write_bytes(packed())
    return path


@pytest.mark.parametrize("base", [1, 8, 16])
def test_every_blob_comes_out_as_it_went_in(base: int, tmp_path: Path) -> None:
    path = tmp_path / "net.superblob"
    path.write_bytes(packed(base))
    found = read_superblob(path)
    for number, content in BLOBS.items():
        assert found.blob(number) == content


def test_the_layout(file: Path) -> None:
    """The numbers are big-endian, the patch of the blob itself is empty, and the others stand in their order."""
    content = file.read_bytes()
    sizes = struct.unpack_from(">17q", content)
    assert sizes[0] == len(BLOBS[8]) and sizes[8] == 0
    assert content[136 : 136 + sizes[0]] == BLOBS[8]
    assert content[136 + sizes[0] :].startswith(b"BSDIFF40")
    assert 136 + sum(sizes) == len(content) < 2 * len(BLOBS[8])


def test_a_superblob_is_no_blob(file: Path) -> None:
    for read in (read_blob, read_header):
        with pytest.raises(BlobError, match=r"a superblob.*\./moka blob extract"):
            read(file)


@pytest.mark.parametrize("shaves", [0, 17, -1])
def test_numbers_of_shaves_that_are_not_there(file: Path, shaves: int) -> None:
    with pytest.raises(BlobError, match="expected 1 to 16"):
        read_superblob(file).blob(shaves)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes that are no superblob"),
        (blob_for(3), "no superblob"),
        (packed()[:-1], "no superblob"),
        (packed() + b"x", "no superblob"),
        (packed().replace(b"BSDIFF40", b"BSDIFF41", 1), "does not begin with BSDIFF40"),
        (struct.pack(">17q", -1, *[0] * 16), "no superblob"),
    ],
    ids=range(6),
)
def test_damaged_superblobs(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "net.superblob"
    path.write_bytes(content)
    with pytest.raises(BlobError, match=words):
        read_superblob(path)


def test_a_blob_for_another_number(tmp_path: Path) -> None:
    patches = {number: make_patch(BLOBS[8], BLOBS[3]) for number in BLOBS if number != 8}
    path = tmp_path / "net.superblob"
    path.write_bytes(pack(BLOBS[8], patches))
    with pytest.raises(BlobError, match="for 4 SHAVEs is for 3"):
        read_superblob(path).blob(4)


def test_a_damaged_patch(file: Path, tmp_path: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-20] ^= 255
    path = tmp_path / "damaged.superblob"
    path.write_bytes(content)
    with pytest.raises(BlobError, match="the blob for 16 SHAVEs is damaged"):
        read_superblob(path).blob(16)


def test_a_missing_patch() -> None:
    with pytest.raises(BlobError, match="A superblob of 1 patches"):
        pack(BLOBS[8], {1: b""})
