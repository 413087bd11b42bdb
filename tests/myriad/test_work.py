from __future__ import annotations

import struct
from pathlib import Path

import pytest

from kits.net_blobs import read_records
from myriad.data import Place
from myriad.work import multiply_adds
from tools.fuzz_blobs.writer import Record, Tensor, job

MAP = Tensor((1, 3, 8, 8))
WIDE = Tensor((2, 8, 4, 4))
WINDOW = struct.pack("<8I", 3, 3, 2, 2, 1, 1, 1, 1)
HARDWARE = Tensor((1, 3, 9, 8), Place.CONSTANT)


def constant(*dims: int, letters: str = "CHW") -> Tensor:
    return Tensor(dims, Place.CONSTANT, letters=letters)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        # Pixels of the output x channels in and out x kernel.
        (Record(0, [Tensor((2, 3, 8, 8)), WIDE, constant(8, 3, 9)], WINDOW), 2 * 4 * 4 * 8 * 3 * 9),
        (Record(49, [MAP, Tensor((1, 8, 4, 4)), constant(8, 3, 9), MAP], WINDOW), 4 * 4 * 8 * 3 * 9),
        (Record(8, [Tensor((1, 8, 8, 8)), Tensor((1, 8, 4, 4)), constant(8, 1, 9)], WINDOW), 4 * 4 * 8 * 9),
        # Each pixel of the input is spread over the kernel.
        (Record(22, [MAP, WIDE, constant(8, 3, 16)], WINDOW[:24]), 8 * 8 * 8 * 3 * 16),
        (Record(4, [Tensor((2, 24), letters="NC"), Tensor((2, 5), letters="NC"), constant(5, 24, 1)]), 2 * 24 * 5),
        (
            Record(
                91,
                [Tensor((4, 6), letters="NC"), Tensor((6, 5), letters="NC"), Tensor((4, 5), letters="NC")],
                struct.pack("<ffiii", 1, 1, 0, 0, 0),
            ),
            4 * 6 * 5,
        ),
        (
            Record(
                91,
                [Tensor((6, 4), letters="NC"), Tensor((6, 5), letters="NC"), Tensor((4, 5), letters="NC")],
                struct.pack("<ffiii", 1, 1, 0, 1, 0),
            ),
            4 * 6 * 5,
        ),
        (Record(38, [MAP, HARDWARE, Tensor((1, 8, 6, 6))], jobs=[job(0, (0, 2, 1, -1, -1))]), 6 * 6 * 8 * 3 * 9),
        # Before a pooling of 2 x 2 there are four times as many pixels.
        (
            Record(38, [MAP, HARDWARE, Tensor((1, 8, 3, 3))], jobs=[job(1, (0, 2, 1, -1, -1), pooling=True)]),
            6 * 6 * 8 * 3 * 9,
        ),
        (Record(38, [MAP, Tensor((1, 3, 4, 4))], jobs=[job(4, (0, 1, -1, -1, -1), kernel=(2, 2), stride=2)]), 0),
        (Record(3, [MAP, MAP], struct.pack("<i", 0)), 0),
        (Record(999, [MAP, MAP]), 0),
    ],
)
def test_multiply_adds(record: Record, expected: int, tmp_path: Path) -> None:
    (stage,) = read_records(tmp_path, record)
    assert multiply_adds(stage) == expected


def test_the_channels_of_several_jobs(tmp_path: Path) -> None:
    jobs = [job(0, (0, 2, 1, -1, -1), channels) for channels in ((0, 8), (8, 4))]
    (stage,) = read_records(tmp_path, Record(38, [MAP, HARDWARE, Tensor((1, 12, 6, 6))], jobs=jobs))
    assert multiply_adds(stage) == 6 * 6 * 12 * 3 * 9
