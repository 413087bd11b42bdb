"""A machine that runs a blob: one stage after another over the device's memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.messages import last_line

from ..blob import Blob
from ..data import Data, Entry, Place
from ..errors import BlobError
from ..kinds import UNIT
from ..stage import Stage
from .memory import Floats, Memory, in_order
from .table import FUNCTIONS

# What numpy raises where a damaged blob asks for the impossible.
_DAMAGE = (ValueError, IndexError, KeyError, TypeError, ArithmeticError, MemoryError)
Watch = Callable[[Stage, Memory], None]


@dataclass(frozen=True)
class Overflow:
    """A stage that made numbers too large for FP16 from finite ones. `count` of them are infinite or not a number."""

    stage: Stage
    count: int


@dataclass(frozen=True)
class Outcome:
    """What a run gave: float32 by the name of the output, in the order N, C, H, W; and the stages that overflowed."""

    outputs: Mapping[str, Floats]
    overflows: tuple[Overflow, ...]


class Machine:
    """Computes a blob, in the number formats of the chip or, with `wide`, in float32 throughout.

    Sums are in float32 and rounded once a stage: how the chip rounds within a stage is not known. Raises BlobError
    for a blob with stages that are not computed here. `fill` is the byte that scratch memory begins with.
    """

    def __init__(self, blob: Blob, wide: bool = False, fill: int = 0) -> None:
        self.blob = blob
        self.wide = wide
        self._fill = fill
        unknown = sorted({stage.name for stage in blob.stages if stage.type not in FUNCTIONS})
        if unknown:
            raise BlobError(f"{blob.path}: stages of type {', '.join(unknown)} are not computed here.")
        strange = [str(stage) for stage in blob.stages if stage.type != UNIT and "data" in stage.roles]
        if strange:
            raise BlobError(f"{blob.path}: {strange[0]} has more data than its kind, so its meaning is not known.")

    def run(self, inputs: Mapping[str, NDArray[np.generic]], watch: Watch | None = None) -> Outcome:
        """Run the program on a value for each input, in the order N, C, H, W. `watch` is called after every stage.

        A blob of a larger batch holds the program for one item, which runs once for each.
        """
        feed = {entry.name: self._fitting(entry, inputs) for entry in self.blob.inputs}
        outcomes = [
            self._run_item({name: values[number] for name, values in feed.items()}, watch)
            for number in range(max(1, self.blob.header.batch))
        ]
        if len(outcomes) == 1:
            return outcomes[0]
        joined = {name: np.concatenate([each.outputs[name] for each in outcomes]) for name in outcomes[0].outputs}
        return Outcome(joined, tuple(overflow for each in outcomes for overflow in each.overflows))

    def _run_item(self, feed: Mapping[str, NDArray[np.generic]], watch: Watch | None) -> Outcome:
        memory = Memory(self.blob, self.wide, self._fill)
        for number, entry in enumerate(self.blob.inputs):
            memory.write(_data(entry, number, Place.INPUT), feed[entry.name])
        overflows = []
        for stage in self.blob.stages:
            try:
                with np.errstate(all="ignore"):
                    FUNCTIONS[stage.type](stage, memory)
                if count := _overflowed(stage, memory):
                    overflows.append(Overflow(stage, count))
            except BlobError as error:
                raise BlobError(f"{self.blob.path}: {stage}: {error}") from error
            except _DAMAGE as error:
                raise BlobError(
                    f"{self.blob.path}: {stage}: its data and parameters do not fit together ({last_line(error)})."
                ) from error
            if watch:
                watch(stage, memory)
        outputs = {
            entry.name: memory.read(_data(entry, number, Place.OUTPUT))
            for number, entry in enumerate(self.blob.outputs)
        }
        return Outcome(outputs, tuple(overflows))

    def _fitting(self, entry: Entry, inputs: Mapping[str, NDArray[np.generic]]) -> NDArray[np.generic]:
        """Return the values for an input: one for each item of the batch, in the input's shape."""
        if entry.name not in inputs:
            raise BlobError(f"{self.blob.path}: has the input {entry.name}, but got {', '.join(inputs) or 'none'}.")
        value = np.asarray(inputs[entry.name])
        dims = [entry.shape.dim(letter) for letter in in_order(entry.shape.letters)]
        batch = max(1, self.blob.header.batch)
        if value.size != entry.shape.size * batch:
            times = f"{batch} times " if batch > 1 else ""
            raise BlobError(
                f"{self.blob.path}: input {entry.name} got {'x'.join(map(str, value.shape))} numbers, "
                f"expected {times}{'x'.join(map(str, dims))}."
            )
        return value.reshape(batch, *dims)


def _data(entry: Entry, number: int, place: Place) -> Data:
    """Return an input or output of the network as data."""
    return Data(entry.shape, place, 0, number)


def _overflowed(stage: Stage, memory: Memory) -> int:
    """Count the numbers in the outputs of `stage` that are not finite, unless its inputs had such numbers too."""
    count = _not_finite(stage.outputs, memory)
    if not count:
        return 0
    sources = [data for role, data in zip(stage.roles, stage.data, strict=True) if not role.startswith("out")]
    return 0 if _not_finite(sources, memory) else count


def _not_finite(many: Sequence[Data], memory: Memory) -> int:
    floats = [data for data in many if data.shape.element in ("FP16", "FP32") and data.place is not Place.NONE]
    arrays = [memory.array(data) for data in floats]
    return sum(array.size - int(np.isfinite(array).sum()) for array in arrays)
