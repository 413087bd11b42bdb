"""Small blobs with stages of many kinds."""

from __future__ import annotations

import struct

import numpy as np

from myriad.data import Place
from myriad.patch import make_patch
from myriad.superblob import SHAVES, pack

from .writer import Record, Tensor, blob, job

_PICTURE = Tensor((1, 3, 8, 8), Place.INPUT, element="U8")
_MAP = Tensor((1, 3, 8, 8), Place.BSS, 0)
_WIDE = Tensor((1, 8, 8, 8), Place.CMX, 4096, strides=(1024, 128, 16, 2))
_HALF = Tensor((1, 8, 4, 4), Place.CMX, 8192)
_SCORES = Tensor((1, 8), Place.BSS, 512, "NC")
_ANSWER = Tensor((1, 8), Place.OUTPUT, 0, "NC")
_WEIGHTS = Tensor((1, 3, 9, 8), Place.CONSTANT, 0)
_BIAS = Tensor((8,), Place.CONSTANT, 448, "C")
_NONE = Tensor((1,), Place.NONE, 0, "C")
_COMPUTED = Tensor((1, 8), Place.BSS, 1024, "NC", dims_place=Place.BSS)


def weights() -> bytes:
    """Return 1 kB of small numbers."""
    return np.random.default_rng(0).normal(0, 0.1, 512).astype(np.float16).tobytes()


def network(major: int = 6, shaves: int = 4) -> bytes:
    """Return a small convolutional net: convolution and pooling in the unit, a Copy beside it, arithmetic, softmax."""
    unit = 38
    copy = Record(19, [_HALF, Tensor((1, 8, 4, 4), Place.BSS, 2048)])
    # Coefficients, no stage after it, slope, range.
    arithmetic = struct.pack("<ffifff", 1, 0.5, -1, 0, 0, 1)
    records = [
        Record(111, [_PICTURE, _MAP], struct.pack("<ffii", 1, 0, 0, 1), 4),
        Record(
            unit,
            [_MAP, _WEIGHTS, _BIAS, _WIDE],
            jobs=[job(0, (0, 3, 1, 2, -1), padded=True, relu=True)],
        ),
        Record(unit, [_WIDE, _HALF], jobs=[job(4, (0, 1, -1, -1, -1), kernel=(2, 2), stride=2)], injected=copy),
        Record(12, [_HALF, _HALF, _HALF, _NONE], arithmetic, 2),
        Record(114, [_HALF, _SCORES, Tensor((2,), Place.CONSTANT, 512, "C", "S32")], struct.pack("<i", 0), 4),
        Record(3, [_SCORES, _ANSWER], struct.pack("<i", 0), 4),
    ]
    return blob([("data", _PICTURE)], [("prob", _ANSWER)], records, weights(), major, shaves, shaves)


def arithmetic() -> bytes:
    """Return a blob with stages of SHAVEs: LRN, Pad, Permute, Power, GEMM and more, with two inputs and two outputs."""
    other = Tensor((1, 3, 8, 8), Place.INPUT, entry=1)
    matrix = Tensor((8, 8), Place.BSS, 640, "NC")
    records = [
        Record(11, [_MAP, _MAP], struct.pack("<Ieeee", 5, 1, 1e-4, 0.75, 0), 4),
        Record(71, [other, _WIDE], struct.pack("<8IfI", *[0] * 8, 0, 0), 2),
        Record(34, [_WIDE, _WIDE], struct.pack("<8i", 1, 0, 2, 3, -1, -1, -1, -1), 4),
        Record(26, [_MAP, _MAP], struct.pack("<fff", 0, 1, 2), 2),
        Record(47, [_WIDE, _WIDE, _BIAS, _BIAS], b"", 2),
        Record(
            0, [_MAP, _HALF, Tensor((8, 3, 9), Place.CONSTANT, 0, "CHW")], struct.pack("<8I", 3, 3, 2, 2, 1, 1, 1, 1), 4
        ),
        Record(91, [matrix, matrix, matrix], struct.pack("<ffiii", 1, 1, 0, 0, 1), 4),
        Record(130, [_MAP, _SCORES, _NONE, _NONE, _NONE, _COMPUTED, _SCORES], struct.pack("<II", 0, 0), 4),
        # No compiler knows this one.
        Record(999, [_MAP, _HALF], struct.pack("<III", 1, 2, 3), 1),
    ]
    outputs = [("a", Tensor((1, 8), Place.OUTPUT, 0, "NC")), ("b", Tensor((1, 8, 4, 4), Place.OUTPUT, entry=1))]
    return blob([("data", _PICTURE), ("other", other)], outputs, records, weights())


def samples() -> list[bytes]:
    """Return several blobs, the last one of version 5."""
    return [network(), arithmetic(), network(5)]


def superblob() -> bytes:
    """Return a superblob of the small net, whose blobs differ in their numbers of SHAVEs."""
    base = network(shaves=SHAVES)
    return pack(base, {number: make_patch(base, network(shaves=number)) for number in range(1, SHAVES)})
