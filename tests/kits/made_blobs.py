"""Blobs made by hand, without the compiler: a few stages of the unit and of the SHAVEs."""

from __future__ import annotations

from dataclasses import replace

from myriad.blob import Blob
from myriad.data import Data, Place, Shape
from myriad.header import BlobHeader
from myriad.kinds import KINDS, UNIT
from myriad.stage import Stage
from myriad.unit import Descriptor, Job, Side

NUMBERS = {kind.name: number for number, kind in KINDS.items()}


def datum(*dims: int, place: Place = Place.BSS) -> Data:
    """Data of FP16 without gaps."""
    strides = tuple(2 * size for size in _steps(dims))
    return Data(Shape("FP16", "NCHW"[-len(dims) :], dims, strides, 0), place, 0)


def _steps(dims: tuple[int, ...]) -> list[int]:
    steps = [1]
    for dim in reversed(dims[1:]):
        steps.insert(0, steps[0] * dim)
    return steps


def convolution(inputs: int, outputs: int, size: int, kernel: int, mode: int = 2, number: int = 0) -> Stage:
    """A stage of the unit with as many jobs as its mode needs, all its data but the weights in CMX."""
    most = 256 >> mode
    data = (
        datum(1, inputs, size, size, place=Place.CMX),
        datum(outputs // 8, inputs, kernel * kernel, 8, place=Place.CONSTANT),
        datum(1, outputs, size, size, place=Place.CMX),
    )
    jobs = tuple(
        Descriptor(
            job=Job.CONVOLUTION,
            average=False,
            mode=mode,
            padded=True,
            sides=Side(0),
            input=0,
            output=2,
            weights=1,
            bias=-1,
            scales=-1,
            first=first,
            count=min(most, outputs - first),
            kernel=(kernel, kernel),
            stride=1,
            pooling=None,
            relu=None,
            clamp=None,
        )
        for first in range(0, outputs, most)
    )
    return Stage(number, UNIT, 0, b"", {}, data, 0, 0, jobs)


def software(name: str, *dims: int, shaves: int = 2, number: int = 0) -> Stage:
    """A stage of the SHAVEs with one input and one output."""
    return Stage(number, NUMBERS[name], shaves, b"", {}, (datum(*dims), datum(*dims)), 0, 0)


def blob_of(*stages: Stage, shaves: int = 8, batch: int = 1) -> Blob:
    """A blob of these stages."""
    numbers = dict.fromkeys(BlobHeader.__dataclass_fields__, 0)
    numbers.update(shaves=shaves, cmx_slices=shaves, batch=batch, input_bytes=1000, output_bytes=100)
    stages = tuple(replace(stage, number=number) for number, stage in enumerate(stages))
    return Blob("made.blob", BlobHeader(**numbers), (), (), stages, b"")
