"""The estimate: seconds by stage, of one inference alone and of two at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..blob import Blob
from ..stage import Stage
from .constants import CLOCK, FITTED, MOST_INFERENCES, SHAVES, SLICES, SOFTWARE_MULTIPLY_ADDS, USB3, Constants
from .effort import Effort, Trust, effort


@dataclass(frozen=True)
class StageCost:
    """Seconds of a stage while one inference runs alone: of the unit, of the memory, of the SHAVEs, and beside the work.

    While the SHAVEs compute, the memory is at work, so that only the longer of the two counts. `of_two` are the seconds while
    two inferences run.
    """

    stage: Stage
    trust: Trust
    unit: float
    memory: float
    shaves: float
    start: float
    of_two: float

    @property
    def seconds(self) -> float:
        """The time of the stage."""
        return self.unit + max(self.memory, self.shaves) + self.start

    @property
    def bound(self) -> str:
        """What takes most of the time: unit, memory, SHAVEs or start."""
        parts = {"unit": self.unit, "memory": self.memory, "SHAVEs": self.shaves, "start": self.start}
        return max(parts, key=lambda part: parts[part])


@dataclass(frozen=True)
class Cost:
    """The estimate for a blob. `stages` are in the order of the blob's."""

    blob: Blob
    stages: tuple[StageCost, ...]

    @cached_property
    def latency(self) -> float:
        """Seconds from the picture on the chip to the answer, with nothing else to do."""
        return sum(stage.seconds for stage in self.stages) * max(1, self.blob.header.batch)

    @cached_property
    def latency_of_two(self) -> float:
        """Seconds of each inference while two run at a time."""
        return sum(stage.of_two for stage in self.stages) * max(1, self.blob.header.batch)

    @property
    def transfer(self) -> float:
        """Seconds that inputs and outputs take over USB 3. They pass while another inference computes."""
        return (self.blob.header.input_bytes + self.blob.header.output_bytes) / USB3

    @property
    def rate(self) -> float:
        """Inferences/s, one at a time. With a batch, each counts as one."""
        return 1 / max(self.latency, self.transfer, 1 / MOST_INFERENCES)

    @property
    def rate_of_two(self) -> float:
        """Inferences/s, two at a time."""
        return 1 / max(self.latency_of_two / 2, self.transfer, 1 / MOST_INFERENCES)

    @property
    def two_fit(self) -> bool:
        """Whether the chip has the SHAVEs and the CMX for two at a time."""
        header = self.blob.header
        return 2 * header.shaves <= SHAVES and 2 * header.cmx_slices <= SLICES

    @property
    def scaled(self) -> float:
        """Seconds of `latency` in stages that have all SHAVEs of the blob, and wait for them."""
        all_of_them = self.blob.header.shaves
        stages = (stage for stage in self.stages if stage.stage.shaves == all_of_them and stage.bound == "SHAVEs")
        return sum(stage.seconds for stage in stages) * max(1, self.blob.header.batch)

    def names(self, trust: Trust) -> list[str]:
        """Return the kinds of stages whose time is known so well, in the order of their first stage."""
        return list(dict.fromkeys(stage.stage.name for stage in self.stages if stage.trust is trust))


def estimate(blob: Blob, constants: Constants = FITTED) -> Cost:
    """Estimate the time of each stage of `blob`. One that is not estimated takes no time, and `names` says which."""
    return Cost(blob, tuple(_stage(stage, effort(stage), constants) for stage in blob.stages))


def seconds(efforts: Sequence[Effort], constants: Constants, memory: float) -> float:
    """Return the time of stages that ask for `efforts`, with a memory of so many bytes/s."""
    return sum(sum(_parts(each, constants, memory)) for each in efforts)


def _stage(stage: Stage, work: Effort, constants: Constants) -> StageCost:
    if work.trust is Trust.UNKNOWN:
        return StageCost(stage, work.trust, 0.0, 0.0, 0.0, 0.0, 0.0)
    unit, _, start = _parts(work, constants, constants.memory)
    return StageCost(
        stage,
        work.trust,
        unit,
        work.bytes / constants.memory,
        _shaves(work, constants),
        start,
        sum(_parts(work, constants, constants.memory_of_two)),
    )


def _parts(work: Effort, constants: Constants, memory: float) -> tuple[float, float, float]:
    """Return the seconds of the unit, of the memory or the SHAVEs, and beside the work."""
    if work.trust is Trust.UNKNOWN:
        return 0.0, 0.0, 0.0
    return work.cycles / CLOCK, max(work.bytes / memory, _shaves(work, constants)), work.stages * constants.stage


def _shaves(work: Effort, constants: Constants) -> float:
    return work.plain / constants.plain + work.hard / constants.hard + work.multiply_adds / SOFTWARE_MULTIPLY_ADDS
