from __future__ import annotations

import struct
from pathlib import Path

from kits.net_blobs import read_bytes
from myriad.data import Place
from myriad.listing.difference import difference
from tools.fuzz_blobs.samples import network, weights
from tools.fuzz_blobs.writer import Record, Tensor, blob

ENTRY = Tensor((1, 8, 4, 4), Place.INPUT)
MAP = Tensor((1, 8, 4, 4), Place.BSS)
BIAS = Tensor((8,), Place.CONSTANT, 0, "C")
CONVERT = Record(111, [ENTRY, MAP], struct.pack("<ffii", 1, 0, 0, 1), 4)
COPY = Record(19, [MAP, ENTRY])


def power(exponent: float, data: Tensor = MAP, shaves: int = 2) -> Record:
    return Record(26, [data, data], struct.pack("<fff", 0, 1, exponent), shaves)


def compare(folder: Path, old: list[Record], new: list[Record], first: bytes = b"", second: bytes = b"") -> list[str]:
    blobs = []
    for name, records, constants in (("old", old, first or weights()), ("new", new, second or weights())):
        content = blob([("data", ENTRY)], [("prob", ENTRY)], records, constants)
        blobs.append(read_bytes(folder, content, name))
    # How long the section of constants is depends on the shapes in it.
    return [line for line in difference(*blobs) if not line.startswith("~ constants")]


def test_nothing(tmp_path: Path) -> None:
    read = read_bytes(tmp_path, network())
    assert difference(read, read) == ["7 stages are equal."]


def test_added_and_removed(tmp_path: Path) -> None:
    assert compare(tmp_path, [CONVERT, COPY], [CONVERT, power(2), COPY]) == [
        "+ stage 1 Power; shift 0, scale 1, power 2; in 1x8x4x4, out 1x8x4x4",
        "2 stages are equal.",
    ]
    assert compare(tmp_path, [CONVERT, power(2), COPY], [CONVERT, COPY])[0].startswith("- stage 1 Power")


def test_parameters(tmp_path: Path) -> None:
    assert compare(tmp_path, [CONVERT, power(2), COPY], [CONVERT, power(3, shaves=1), COPY]) == [
        "~ stage 1 Power:",
        "    SHAVEs 2 -> 1",
        "    shift 0, scale 1, power 2 -> shift 0, scale 1, power 3",
        "2 stages are equal.",
    ]


def test_shapes_and_memories(tmp_path: Path) -> None:
    wide = Tensor((1, 8, 4, 5), Place.CMX)
    assert compare(tmp_path, [power(2)], [power(2, wide)]) == [
        "~ stage 0 Power:",
        "    in FP16 NCHW 1x8x4x4 in BSS -> FP16 NCHW 1x8x4x5 in CMX",
        "    out FP16 NCHW 1x8x4x4 in BSS -> FP16 NCHW 1x8x4x5 in CMX",
        "0 stages are equal.",
    ]


def test_weights(tmp_path: Path) -> None:
    bias = Record(9, [MAP, MAP, BIAS])
    other = bytearray(weights())
    other[3] ^= 1
    other[8] ^= 255
    assert compare(tmp_path, [CONVERT, bias], [CONVERT, bias], weights(), bytes(other)) == [
        "~ stage 1 Bias:",
        "    bias: 2 of 16 bytes differ",
        "1 stages are equal.",
    ]


def test_addresses_are_no_difference(tmp_path: Path) -> None:
    moved = Tensor((1, 8, 4, 4), Place.BSS, 512)
    assert compare(tmp_path, [power(2), COPY], [power(2, moved), COPY]) == [
        "2 stages are equal; 1 of them use other addresses."
    ]


def test_inputs_outputs_and_header(tmp_path: Path) -> None:
    old = read_bytes(tmp_path, blob([("data", ENTRY)], [("prob", ENTRY)], [COPY]), "old")
    other = Tensor((1, 8, 4, 5), Place.OUTPUT)
    new = read_bytes(tmp_path, blob([("data", ENTRY)], [("prob", other), ("age", ENTRY)], [COPY], shaves=2), "new")
    found = difference(old, new)
    assert "~ header: shaves 4 -> 2" in found
    assert "~ output prob: FP16 NCHW 1x8x4x4 -> FP16 NCHW 1x8x4x5" in found
    assert "+ output age: FP16 NCHW 1x8x4x4" in found


def test_many_stages_take_no_time(tmp_path: Path) -> None:
    """The matching of sequences would take minutes here."""
    old, new = ([power(index % several) for index in range(4000)] for several in (2, 3))
    found = compare(tmp_path, [CONVERT, *old], [power(5), *new])
    assert len(found) > 4000
