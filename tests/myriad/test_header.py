"""Headers of Myriad X blobs."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from myriad.errors import BlobError
from myriad.header import read_header


def blob_bytes(magic: int = 9709, size: int = 200, start: bytes = b"\x7felf") -> bytes:
    numbers = [magic, size, 6, 0, 1, 2, 35, 154587, 128, 1, 344064, 9, 8, 1, 0, 1, 192, 193, 194, 195]
    return (start.ljust(52, b"\0") + struct.pack("<20I", *numbers)).ljust(200, b"\1")


def test_numbers_are_read_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "net.blob"
    path.write_bytes(blob_bytes())
    header = read_header(path)
    assert (header.bytes, header.major, header.minor) == (200, 6, 0)
    assert (header.inputs, header.outputs, header.stages) == (1, 2, 35)
    assert (header.input_bytes, header.output_bytes, header.batch) == (154587, 128, 1)
    assert (header.shaves, header.cmx_slices) == (8, 9)
    assert (header.has_hw, header.has_shave, header.has_dma) == (1, 0, 1)
    assert (header.inputs_at, header.outputs_at, header.stages_at, header.constants_at) == (192, 193, 194, 195)


def test_newer_compilers_write_more_after_the_blob(tmp_path: Path) -> None:
    path = tmp_path / "net.blob"
    path.write_bytes(blob_bytes() + b"names of inputs")
    assert read_header(path).bytes == 200


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (b"text, no blob" * 20, "do not begin"),
        (blob_bytes(start=b"\x7fELF"), "do not begin"),  # an ELF file of Linux
        (blob_bytes(magic=9708), "9708"),
        (blob_bytes(size=201), "200 bytes, expected 201 by its header"),
        (blob_bytes()[:100], "do not begin"),
    ],
)
def test_what_is_no_blob(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "net.blob"
    path.write_bytes(content)
    with pytest.raises(BlobError, match=words) as caught:
        read_header(path)
    assert str(path) in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BlobError, match="No such file"):
        read_header(tmp_path / "none.blob")


@pytest.mark.timeout(20)
def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.blob")
    with pytest.raises(BlobError, match=r"x\.blob: cannot be read \(a FIFO, not an ordinary file\)"):
        read_header(tmp_path / "x.blob")
