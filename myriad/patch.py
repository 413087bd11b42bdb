"""Patches in the format of bsdiff 4, which turn one file into another one.

A patch is "BSDIFF40", three sizes (of its first two parts and of the new file), and three parts packed with bzip2: steps,
differences, and bytes that are new. A step is three numbers x, y, z: add x differences to as many bytes of the old file, then
take y new bytes, then move by z in the old file. Numbers have 8 bytes, little-endian; the highest bit is the sign.

Colin Percival's bsdiff sorts all suffixes of the old file, which takes a minute for a blob of 25 MB. Here it is enough to look
for blocks: weights lie at multiples of 64 bytes in blobs.
"""

from __future__ import annotations

import bz2

import numpy as np
from numpy.typing import NDArray

from .errors import BlobError

START = b"BSDIFF40"
_HEAD = 32
_BLOCK = 64
# Bytes that are compared at once, at first.
_STRETCH = 4096
_MOST_STEPS = 1 << 20
_SIGN = np.uint64(1 << 63)

Bytes = NDArray[np.uint8]
Step = tuple[int, int, int]


def make_patch(old: bytes, new: bytes) -> bytes:
    """Return a patch that turns `old` into `new`."""
    target = np.frombuffer(new, np.uint8)
    steps: list[Step] = []
    fresh: list[bytes] = []
    # What the step that is not finished copies, and up to where the old and the new file have come.
    copied = at_old = at_new = 0
    for begin, place, length in [*_common(np.frombuffer(old, np.uint8), target), (len(new), len(old), 0)]:
        fresh.append(new[at_new:begin])
        steps.append((copied, begin - at_new, place - at_old))
        copied, at_old, at_new = length, place + length, begin + length
    # All differences are zero.
    same = sum(step[0] for step in steps)
    parts = [bz2.compress(part) for part in (_numbers(steps), bytes(same), b"".join(fresh))]
    return START + _numbers([(len(parts[0]), len(parts[1]), len(new))]) + b"".join(parts)


def apply_patch(old: bytes, patch: bytes, most: int) -> bytes:
    """Return what `patch` makes of `old`, at most `most` bytes. Raises BlobError if it is damaged or would make more."""
    if len(patch) < _HEAD or not patch.startswith(START):
        raise BlobError(f"A patch does not begin with {START.decode()}.")
    first, second, size = (int(number) for number in _whole(patch[len(START) : _HEAD]))
    if min(first, second, size) < 0 or _HEAD + first + second > len(patch) or size > most:
        raise BlobError(f"A patch with parts of {first} and {second} bytes, for {size} bytes, is damaged.")
    ends = [_HEAD, _HEAD + first, _HEAD + first + second, len(patch)]
    limits = (24 * _MOST_STEPS, size, size)
    steps, differences, fresh = (
        _unpacked(patch[begin:end], limit) for begin, end, limit in zip(ends, ends[1:], limits, strict=False)
    )
    return _follow(old, _whole(steps[: len(steps) // 24 * 24]).reshape(-1, 3), differences, fresh, size)


def _follow(old: bytes, steps: NDArray[np.int64], differences: bytes, fresh: bytes, size: int) -> bytes:
    """Return the new file of `size` bytes."""
    source, added, taken = (np.frombuffer(part, np.uint8) for part in (old, differences, fresh))
    made = np.zeros(size, np.uint8)
    at_old = at_added = at_taken = at = 0
    for row in steps:
        copied, new, move = (int(number) for number in row)
        enough = copied <= len(added) - at_added and new <= len(taken) - at_taken and copied + new <= size - at
        if min(copied, new) < 0 or not enough:
            raise BlobError(f"A step of a patch ({copied}, {new}, {move}) takes bytes that are not there.")
        made[at : at + copied] = added[at_added : at_added + copied]
        # Beyond the ends of the old file there are zeros.
        begin, end = max(at_old, 0), min(at_old + copied, len(source))
        if begin < end:
            made[at + begin - at_old : at + end - at_old] += source[begin:end]
        made[at + copied : at + copied + new] = taken[at_taken : at_taken + new]
        at_added, at_taken, at = at_added + copied, at_taken + new, at + copied + new
        at_old += copied + move
    if at != size:
        raise BlobError(f"A patch makes {at} bytes, expected {size}.")
    return made.tobytes()


def _common(old: Bytes, new: Bytes) -> list[Step]:
    """Return what is in both files: where it begins in the new and in the old file, and its length, in the order of the new."""
    ours, theirs = (_hashes(each) for each in (old, new))
    if not len(ours):
        return []
    order = np.argsort(ours, kind="stable")
    ranks = np.minimum(np.searchsorted(ours, theirs, sorter=order), len(ours) - 1)
    candidates = order[ranks]
    known = np.flatnonzero(ours[candidates] == theirs)
    found: list[Step] = []
    at = shift = 0
    while True:
        number = int(np.searchsorted(known, -(-at // _BLOCK)))
        if number == len(known):
            return found
        block = int(known[number])
        begin = block * _BLOCK
        # Of several equal blocks, the one that continues what came before.
        places = (begin + shift, int(candidates[block]) * _BLOCK)
        lengths = [_length(old, place, new, begin) for place in places]
        best = lengths.index(max(lengths))
        at = begin + max(lengths[best], _BLOCK)
        if lengths[best] >= _BLOCK:
            shift = places[best] - begin
            found.append((begin, places[best], lengths[best]))


def _hashes(data: Bytes) -> NDArray[np.uint64]:
    """Return a number for each whole block. Those of equal blocks are equal."""
    words = data[: len(data) // _BLOCK * _BLOCK].view(np.uint64).reshape(-1, _BLOCK // 8)
    factors = np.random.default_rng(0).integers(1, 1 << 63, _BLOCK // 8, dtype=np.uint64) | np.uint64(1)
    # A product alone would lose the upper bits of each word.
    mixed = words ^ (words >> np.uint64(29))
    found: NDArray[np.uint64] = (mixed * factors).sum(axis=1, dtype=np.uint64)
    return found


def _length(old: Bytes, at_old: int, new: Bytes, at_new: int) -> int:
    """Return how many bytes are equal from these places on."""
    if not 0 <= at_old < len(old):
        return 0
    most = min(len(old) - at_old, len(new) - at_new)
    length, stretch = 0, _STRETCH
    while length < most:
        part = min(stretch, most - length)
        differs = old[at_old + length : at_old + length + part] != new[at_new + length : at_new + length + part]
        if differs.any():
            return length + int(differs.argmax())
        length, stretch = length + part, stretch * 2
    return length


def _numbers(rows: list[Step]) -> bytes:
    values = np.array(rows, np.int64).ravel()
    words = np.abs(values).astype(np.uint64) | np.where(values < 0, _SIGN, np.uint64(0))
    return words.astype("<u8").tobytes()


def _whole(data: bytes) -> NDArray[np.int64]:
    words = np.frombuffer(data, "<u8")
    values = (words & ~_SIGN).astype(np.int64)
    return np.where(words & _SIGN, -values, values)


def _unpacked(data: bytes, most: int) -> bytes:
    unpacker = bz2.BZ2Decompressor()
    try:
        found = unpacker.decompress(data, most + 1)
    except (OSError, ValueError) as error:
        raise BlobError(f"A part of a patch is not packed with bzip2 ({error}).") from error
    if len(found) > most or (not unpacker.eof and len(found) < most):
        raise BlobError(f"A part of a patch has {'more' if len(found) > most else 'fewer'} bytes than it should.")
    return found
