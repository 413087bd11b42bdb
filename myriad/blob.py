"""A whole Myriad X blob: header, inputs, outputs, stages and constants.

The format is that of OpenVINO's MYRIAD plugin from 2020 to 2022, versions 5 and 6. docs/myriad_blob.md describes it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from common.inputs import read_input

from .data import Entry, read_entries
from .errors import BlobError
from .header import BlobHeader, parse_header
from .stage import Stage, read_stages

LARGEST = 1 << 31
"""Bytes of the largest file that is read. A stick has 512 MiB of memory."""


@dataclass(frozen=True)
class Blob:
    """A blob. `stages` are in the order in which they run; one that is injected follows the one that carries it.

    `constants` are the bytes of weights and shapes, `path` is where the blob was read. `more` is how many bytes follow in the
    file: OpenVINO 2022.1 and later repeat the names of inputs and outputs there.
    """

    path: str
    header: BlobHeader
    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]
    stages: tuple[Stage, ...]
    constants: memoryview = field(repr=False)
    more: int = 0


def read_blob(path: str | os.PathLike[str]) -> Blob:
    """Read the blob at `path`. Raises BlobError if the file is missing, no blob, cut short or damaged."""
    name = os.fspath(path)
    try:
        data = read_input(path, LARGEST)
    except OSError as error:
        raise BlobError(f"{name}: cannot be read ({error.strerror}). Expected a Myriad X blob.") from error
    header = parse_header(data, len(data), path)
    try:
        return replace(_parse(name, header, data[: header.bytes]), more=len(data) - header.bytes)
    except BlobError as error:
        raise BlobError(f"{name}: is damaged. {error}") from error


def _parse(path: str, header: BlobHeader, data: bytes) -> Blob:
    at = header.constants_at
    places = [header.inputs_at, header.outputs_at, header.stages_at, at, len(data)]
    if places != sorted(places):
        raise BlobError(f"Its parts are out of order: they begin at bytes {', '.join(map(str, places[:-1]))}.")
    # Before version 6, a shape stood where it is used.
    shapes_at = None if header.major == 5 else at
    inputs = read_entries(data, header.inputs_at, header.inputs, shapes_at, "input")
    outputs = read_entries(data, header.outputs_at, header.outputs, shapes_at, "output")
    stages = read_stages(data, header.stages_at, header.stages, at, shapes_at)
    return Blob(path, header, inputs, outputs, stages, memoryview(data)[at:])
