"""Runs the steps that a card has for this machine, on what a device gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
        """Return the device's blobs and those that the steps make. Raises CardError if they do not fit the steps."""
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
            return KINDS[step.kind](step, [blobs[blob] for blob in step.inputs])
        except (ValueError, IndexError) as error:
            raise CardError(
                f'{self._path}: the step that makes "{step.output}" ({step.kind}) does not fit what the device gives: '
                f"{last_line(error)}. {COMPILE_AGAIN}"
            ) from error
