"""Myriad X blobs without the compiler, read."""

from __future__ import annotations

from pathlib import Path

from myriad import Blob, read_blob
from myriad.stage import Stage
from tools.fuzz_blobs.writer import Record, Tensor, blob


def read_bytes(folder: Path, content: bytes, name: str = "net") -> Blob:
    """Read a blob from a file in `folder`."""
    path = folder / f"{name}.blob"
    path.write_bytes(content)
    return read_blob(path)


def read_records(folder: Path, *records: Record) -> tuple[Stage, ...]:
    """Return the stages of a blob that has these."""
    entry = Tensor((1, 3, 8, 8))
    return read_bytes(folder, blob([("data", entry)], [("prob", entry)], records, bytes(4096))).stages
