"""Short words for what a stage does: its parameters, and the jobs of the convolution and pooling unit."""

from __future__ import annotations

import struct
from itertools import groupby

from common.messages import printable

from ..data import Data, Place, Shape
from ..kinds import UNIT
from ..stage import Stage
from ..unit import Descriptor, Job, Side

_JOBS = {
    Job.CONVOLUTION: "convolution",
    Job.CONVOLUTION_AND_POOLING: "convolution",
    Job.POOLING: "max pooling",
}
# Words of parameters whose layout is not known that are shown.
_MOST_WORDS = 16
_PLACES = {
    Place.NONE: "none",
    Place.INPUT: "input",
    Place.OUTPUT: "output",
    Place.CONSTANT: "constant",
    Place.BSS: "BSS",
    Place.CMX: "CMX",
}


def parameters(stage: Stage) -> str:
    """Return the parameters of a stage, such as "kernel 3x3, stride 2x2"; "" if it has none."""
    if stage.type == UNIT:
        return jobs(stage.jobs)
    if stage.kind.parameters is None:
        return _raw(stage.raw)
    words = []
    values = dict(stage.parameters)
    for name in stage.parameters:
        if name not in values:
            continue
        if name.endswith("_x") and f"{name[:-1]}y" in values:
            words.append(f"{name[:-2]} {number(values.pop(name))}x{number(values.pop(f'{name[:-1]}y'))}")
        else:
            words.append(f"{name} {number(values.pop(name))}")
    return ", ".join(words)


def jobs(descriptors: tuple[Descriptor, ...]) -> str:
    """Return the jobs of the unit. Those that differ only in their channels and data are written once."""
    words = []
    for what, group in groupby(descriptors, _job):
        same = list(group)
        first, last = same[0].first, same[-1].first + same[-1].count - 1
        times = f" in {len(same)} jobs" if len(same) > 1 else ""
        words.append(f"{what}, channels {first} to {last}{times}")
    return "; ".join(words)


def _job(job: Descriptor) -> str:
    """Return what a job does, without its channels."""
    name = "average pooling" if job.average else _JOBS[job.job]
    words = [f"{name} {job.kernel[0]}x{job.kernel[1]} stride {job.stride}"]
    if job.pooling:
        words.append(f"max pooling {job.pooling[0]}x{job.pooling[1]}")
    if job.padded:
        sides = "+".join(side.name.lower() for side in Side if side in job.sides and side.name)
        words.append(f"padded {sides}".strip())
    if job.relu:
        threshold, below, above = job.relu
        words.append("ReLU" if job.relu == (0, 0, 1) else f"ReLU (x > {threshold} ? {above} x : {below} x)")
    if job.clamp is not None:
        words.append(f"clamp 0 to {number(job.clamp)}")
    words.append(f"mode {job.mode}")
    return ", ".join(words)


def number(value: float) -> str:
    """Write a parameter as it is meant: floats with the digits that a float of 4 bytes has."""
    return str(value) if isinstance(value, int) else f"{value:.7g}"


def name(text: str) -> str:
    """Write the name of an input or output on one line, whatever is in it."""
    return printable(text).replace("\n", "\\x0a").replace("\t", "\\x09")


def shape(value: Shape) -> str:
    """Write a shape as messages do: 1x3x227x227. A `?` stands for what is computed while the network runs."""
    if not value.fixed:
        return "x".join(str(dim) if dim else "?" for dim in value.dims)
    return "x".join(map(str, value.dims)) or "scalar"


def memory(data: Data) -> str:
    """Name the memory that data lie in."""
    return _PLACES[data.place]


def place(data: Data) -> str:
    """Say where data lie: "CMX 0x1f40", "input 0"; an offset within an input or output only if it is not 0."""
    word = memory(data)
    if data.place is Place.NONE:
        return word
    if data.entry >= 0:
        return f"{word} {data.entry}" + (f" + 0x{data.offset:x}" if data.offset else "")
    return f"{word} 0x{data.offset:x}"


def _raw(raw: bytes) -> str:
    """Write parameters of an unknown layout as whole numbers of 4 bytes."""
    if not raw:
        return ""
    count = len(raw) // 4
    found = struct.unpack_from(f"<{min(count, _MOST_WORDS)}I", raw)
    more = f" ... ({count} in all)" if count > _MOST_WORDS else ""
    return f"parameters of unknown meaning {' '.join(f'{word:x}' for word in found)}{more}"
