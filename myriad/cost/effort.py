"""What a stage asks of the chip: cycles of the unit, bytes of the memory, elements of the SHAVEs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..data import Place
from ..kinds import UNIT
from ..stage import Stage
from ..unit import Descriptor, Job
from ..work import multiply_adds
from .constants import MODE_CYCLES

COPY = 19


class Trust(Enum):
    """How well the time of a kind of stage is known."""

    FITTED = "fitted"
    """It occurs in the nets of the fit."""
    ROUGH = "rough"
    """Taken for a kind of the fit that moves or computes as much."""
    UNKNOWN = "unknown"
    """Not estimated."""


@dataclass(frozen=True)
class Effort:
    """What a run of a stage asks for. `stages` is the number of stages that it stands for.

    `plain` and `hard` are elements and `multiply_adds` those without the unit, all three for each SHAVE.
    """

    trust: Trust
    cycles: int = 0
    bytes: int = 0
    plain: float = 0.0
    hard: float = 0.0
    multiply_adds: float = 0.0
    stages: int = 1


def effort(stage: Stage) -> Effort:
    """Return what a stage asks of the chip."""
    trust = _trust(stage)
    if trust is Trust.UNKNOWN:
        return Effort(trust)
    if stage.type == UNIT:
        # CMX is beside the unit, and its bytes come along with the cycles.
        outside = sum(data.shape.bytes for data in stage.data if data.place not in (Place.CMX, Place.NONE))
        return Effort(trust, cycles=sum(_cycles(stage, job) for job in stage.jobs), bytes=outside)
    if stage.type == COPY:
        return Effort(trust, bytes=stage.find("out").shape.bytes)
    # What the SHAVEs read and write goes through the same memory. Constants are few.
    moved = sum(data.shape.bytes for data in stage.data if data.place not in (Place.CONSTANT, Place.NONE))
    shaves = max(1, stage.shaves)
    elements = sum(data.shape.size for data in stage.outputs) / shaves
    hard = stage.name in HARD
    return Effort(
        trust,
        bytes=moved,
        plain=0.0 if hard else elements,
        hard=elements if hard else 0.0,
        multiply_adds=multiply_adds(stage) / shaves,
    )


def _cycles(stage: Stage, job: Descriptor) -> int:
    """Return the cycles of a job of the unit, 0 for a pooling, which takes no longer than to move its data.

    In mode m the unit takes input channels 2^m at a time, and makes up to 256 / 2^m output channels of a pixel at once.
    """
    if job.job is Job.POOLING:
        return 0
    out = stage.data[job.output].shape
    pixels = out.dim("H") * out.dim("W")
    if job.pooling is not None:
        pixels *= job.pooling[0] * job.pooling[1]
    steps = -(-stage.data[job.input].shape.dim("C") >> job.mode)
    extra = MODE_CYCLES[min(job.mode, len(MODE_CYCLES) - 1)]
    return pixels * (steps * job.kernel[0] * job.kernel[1] + extra)


def _trust(stage: Stage) -> Trust:
    unread = stage.kind.parameters is None and stage.type != UNIT
    computed = not all(data.shape.fixed for data in stage.data)
    if unread or computed or stage.name in UNKNOWN:
        return Trust.UNKNOWN
    return Trust.FITTED if stage.name in SEEN else Trust.ROUGH


_HARD = "Elu Erf Exp Gelu HSwish InnerLRN LRN Log Mish Pow Sigmoid SoftMax SoftPlus Swish Tanh"
HARD = frozenset(_HARD.split())
"""Kinds that compute a function for each element that takes the SHAVEs longer than a sum."""
_SEEN = (
    "AvgPool Clamp Convert Copy Elu Interp LeakyRelu Max MaxPool Min MyriadXHwOp Pad Permute Power Prod ReduceMean RegionYolo "
    "Relu Resample ScaleShift Sigmoid SoftMax StridedSlice Sum Swish Upsampling"
)
SEEN = frozenset(_SEEN.split())
"""Kinds that occur in the nets of the fit."""
# Nor are stages estimated whose shapes are computed while the network runs. What is between the two ends of a loop runs more
# than once.
_UNKNOWN = (
    "CTCDecoder CTCGreedyDecoderSeqLen DetectionOutput ExpDetectionOutput ExpGenerateProposals ExpTopKROIs LSTMCell LoopEnd "
    "LoopStart MTCNN NonZero Proposal ReverseSequence StaticShapeNMS TopK"
)
UNKNOWN = frozenset(_UNKNOWN.split())
"""Kinds whose work depends on what is in their data, or is done in steps one after another."""
