from __future__ import annotations

import bz2
import struct

import numpy as np
import pytest

from myriad import BlobError
from myriad.patch import apply_patch, make_patch

RANDOM = np.random.default_rng(0)


def noise(count: int) -> bytes:
    return RANDOM.integers(0, 256, count, np.uint8).tobytes()


OLD = noise(64 * 500)
CASES = {
    "the same": OLD,
    "empty": b"",
    "one byte": b"x",
    "other": noise(5000),
    "cut": OLD[:1000],
    "longer": OLD + noise(77),
    "shifted": noise(128) + OLD[640:],
    "exchanged": OLD[6400:12800] + OLD[:6400] + OLD[12800:],
    "repeated": OLD[:640] * 30,
    "changed": OLD[:3000] + noise(500) + OLD[3500:],
    "zeros": bytes(9000),
    "shifted by a byte": b"x" + OLD,
}


@pytest.mark.parametrize("name", CASES)
def test_a_patch_makes_the_new_file(name: str) -> None:
    assert apply_patch(OLD, make_patch(OLD, CASES[name]), 1 << 20) == CASES[name]
    assert apply_patch(CASES[name], make_patch(CASES[name], OLD), 1 << 20) == OLD


@pytest.mark.parametrize("name", ["the same", "cut", "shifted", "exchanged", "repeated"])
def test_what_is_in_both_files_takes_no_room(name: str) -> None:
    assert len(make_patch(OLD, CASES[name])) < 400


def test_random_arrangements() -> None:
    for seed in range(200):
        random = np.random.default_rng(seed)
        pieces = [OLD[64 * at : 64 * at + length] for at, length in random.integers(0, 400, (12, 2))]
        pieces += [bytes(64 * int(random.integers(4))), noise(int(random.integers(200)))]
        new = b"".join(pieces[index] for index in random.permutation(len(pieces)))
        assert apply_patch(OLD, make_patch(OLD, new), 1 << 20) == new


def patch(steps: list[tuple[int, int, int]], differences: bytes, fresh: bytes, size: int) -> bytes:
    """A patch written word by word, as bsdiff's manual says."""
    numbers = b"".join(struct.pack("<Q", abs(value) | (value < 0) << 63) for step in steps for value in step)
    parts = [bz2.compress(part) for part in (numbers, differences, fresh)]
    return b"BSDIFF40" + struct.pack("<3Q", len(parts[0]), len(parts[1]), size) + b"".join(parts)


def test_patches_of_other_programs() -> None:
    """Differences that are not zero, steps backwards, and places before and after the old file."""
    steps = [(3, 1, -3), (2, 0, -10), (4, 0, 20), (2, 1, 0)]
    made = apply_patch(b"abcdef", patch(steps, bytes([1, 1, 1, 0, 0, 7, 7, 7, 7, 9, 255]), b"XY", 13), 100)
    assert made == b"bcdX" + b"ab" + bytes([7] * 4) + bytes([9, 255]) + b"Y"


def test_what_stands_before_the_old_file_is_zero() -> None:
    assert apply_patch(b"abc", patch([(0, 0, -2), (4, 0, 0)], bytes(4), b"", 4), 100) == b"\0\0ab"


GOOD = patch([(3, 1, 0)], bytes(3), b"X", 4)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"BSDIFF41" + GOOD[8:],
        GOOD[:40],
        GOOD[:-4],
        GOOD[:24] + struct.pack("<Q", 1 << 62) + GOOD[32:],
        GOOD[:24] + struct.pack("<Q", 5) + GOOD[32:],
        GOOD[:8] + struct.pack("<Q", 1 << 40) + GOOD[16:],
        GOOD[:8] + struct.pack("<Q", 1 | 1 << 63) + GOOD[16:],
        GOOD[:34] + b"\xff\xff\xff" + GOOD[37:],
        patch([(4, 1, 0)], bytes(3), b"X", 5),
        patch([(3, 2, 0)], bytes(3), b"X", 5),
        patch([(-3, 1, 0)], bytes(3), b"X", 4),
        patch([], b"", b"", 4),
        patch([(3, 1, 0)], bytes(300_000), b"X", 4),
        patch([(3, 1, 0)] * 2, bytes(3), b"X", 4),
    ],
    ids=range(15),
)
def test_damaged_patches(damaged: bytes) -> None:
    with pytest.raises(BlobError, match="patch"):
        apply_patch(b"abc", damaged, 1000)


def test_a_patch_cannot_fill_the_memory() -> None:
    with pytest.raises(BlobError, match="damaged"):
        apply_patch(b"abc", patch([(3, 1, 0)], bytes(3), b"X", 1001), 1000)
