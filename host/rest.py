"""Runs the steps that a card has for this machine, on what a device gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.errors import CardError
from common.messages import COMPILE_AGAIN, last_line

from .boxes import Floats
from .kinds import KINDS

if TYPE_CHECKING:
    from common.cards.host import HostStep


class Rest:
    """The rest of the network of the card at `path`. What depends on no blob, such as prior boxes, is computed once."""

    def __init__(self, steps: Sequence[HostStep], path: Path) -> None:
        self._path = path
        self._fixed: dict[str, Floats] = {}
        self._steps: list[HostStep] = []
        for step in steps:
            if set(step.inputs) <= set(self._fixed):
                self._fixed[step.output] = self._run(step, self._fixed)
            else:
                self._steps.append(step)

    def finish(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return the device's blobs and those that the steps make.

        Raises CardError if they do not fit the steps, or hold no numbers: a step such as the choice of boxes would pass
        over these without a word.
        """
        for blob in {blob for step in self._steps for blob in step.inputs}.intersection(values):
            wrong = int(np.count_nonzero(~np.isfinite(values[blob])))
            if wrong:
                raise CardError(
                    f'{self._path}: "{blob}" has {wrong} of {values[blob].size} numbers that are infinite or NaN. The picture is '
                    "out of the net's range, or its training diverged. Try --device CPU, which computes in f32."
                )
        blobs = {**values, **self._fixed}
        for step in self._steps:
            blobs[step.output] = self._run(step, blobs)
        return blobs

    def _run(self, step: HostStep, blobs: Mapping[str, Floats]) -> Floats:
        for blob in step.inputs:
            if blob not in blobs:
                raise CardError(
                    f'{self._path}: the step that makes "{step.output}" reads "{blob}", which the device does not give; '
                    f"it gives {', '.join(sorted(blobs))}. {COMPILE_AGAIN}"
                )
        try:
            with np.errstate(all="ignore"):
                return KINDS[step.kind](step, [blobs[blob] for blob in step.inputs])
        except (ValueError, IndexError, TypeError, MemoryError) as error:
            raise CardError(
                f'{self._path}: the step that makes "{step.output}" ({step.kind}) does not fit what the device gives: '
                f"{last_line(error)}. {COMPILE_AGAIN}"
            ) from error
