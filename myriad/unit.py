"""Stage MyriadXHwOp: the jobs of the chip's convolution and pooling unit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from .cursor import Cursor
from .errors import BlobError

MOST_DESCRIPTORS = 1 << 16


class Job(IntEnum):
    """What a descriptor has the unit do."""

    CONVOLUTION = 0
    CONVOLUTION_AND_POOLING = 1
    INNER_PRODUCT = 2
    POOLING = 4


class Side(IntFlag):
    """The sides that are padded."""

    RIGHT = 1
    BOTTOM = 2
    TOP = 4
    LEFT = 8


@dataclass(frozen=True)
class Descriptor:
    """One job of the unit. `input` to `scales` are numbers in the stage's list of data, -1 for none.

    It makes `count` channels from channel `first` on. `mode` says how the unit's memory is divided; the result is the same.
    `pooling` is the kernel (width, height) of the pooling after a convolution. `relu` is (threshold, factor of what is not
    above it, factor of what is); `clamp` the largest value of a ReLU that has one.
    """

    job: Job
    average: bool
    mode: int
    padded: bool
    sides: Side
    input: int
    output: int
    weights: int
    bias: int
    scales: int
    first: int
    count: int
    kernel: tuple[int, int]
    stride: int
    pooling: tuple[int, int] | None
    relu: tuple[int, int, int] | None
    clamp: float | None


def read_descriptors(cursor: Cursor) -> tuple[Descriptor, ...]:
    """Read the descriptors at the start of a stage's parameters."""
    count = cursor.u32()
    if count > MOST_DESCRIPTORS:
        raise BlobError(f"{cursor.what}: {count} descriptors, expected at most {MOST_DESCRIPTORS}.")
    return tuple(_descriptor(cursor) for _ in range(count))


def _descriptor(cursor: Cursor) -> Descriptor:
    number = cursor.u32()
    if number not in list(Job):
        raise BlobError(
            f"{cursor.what}: job {number} of the unit is unknown. Known: {', '.join(map(str, map(int, Job)))}."
        )
    job = Job(number)
    average = job is Job.POOLING and cursor.u32() != 0
    mode, padded = cursor.u32(), cursor.u32() != 0
    sides = Side(cursor.u32() & 15) if padded else Side(0)
    data_in, data_out, weights, bias, scales = (cursor.i32() for _ in range(5))
    if job is Job.INNER_PRODUCT:
        # The compiler of 2021.4 makes a convolution of an inner product, so nothing is known about these numbers but their names.
        raise BlobError(f"{cursor.what}: an inner product of the unit. No known compiler writes it.")
    first, count, width, height, stride = (cursor.u32() for _ in range(5))
    pooling = (cursor.u32(), cursor.u32()) if job is Job.CONVOLUTION_AND_POOLING else None
    relu = (cursor.u32(), cursor.u32(), cursor.u32()) if cursor.u32() else None
    clamp = cursor.f32() if cursor.u32() else None
    # Hints to reuse what is in the unit's memory. They do not change the result.
    cursor.take(8)
    return Descriptor(
        job=job,
        average=average,
        mode=mode,
        padded=padded,
        sides=sides,
        input=data_in,
        output=data_out,
        weights=weights,
        bias=bias,
        scales=scales,
        first=first,
        count=count,
        kernel=(width, height),
        stride=stride,
        pooling=pooling,
        relu=relu,
        clamp=clamp,
    )
