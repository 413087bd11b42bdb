"""Decides whether a blob computes what its IR computes."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.commands import LOGGER
from common.helper import HelperError
from common.messages import last_line
from myriad import BlobError, read_blob
from myriad.execution import Machine

from .. import compiler
from ..errors import CompilerError
from .difference import difference
from .dump import read_dump
from .held import Held, held_results, output_layers, output_of
from .inputs import Feed, make_feeds
from .ir import read_ir
from .pictures import Picture
from .pieces import Parting, Pieces

if TYPE_CHECKING:
    from openvino import Model

BOUND = 5e-5
"""The largest difference that needs no explanation, as a part of the largest number of a layer."""
OTHER = 2e-4
"""What another program may differ besides: it does not round the numbers of an LRN."""
MOST_NAMED = 5
_logger = logging.getLogger(LOGGER)


@dataclass(frozen=True)
class Check:
    """What became of a check. `not_checked` says why there was none.

    `wide` is the largest difference between a layer of the blob and of the IR, with all numbers in float32. `chip` is how much
    FP16 changes an output for a picture. Both are parts of the largest number. `inputs` counts what they were compared on,
    `layers` the layers whose results were compared, and `zero` those of them that were zero throughout, which says nothing.
    `misnamed` are layers that could not be compared, because the compiler gave their name to something else.
    """

    inputs: int = 0
    layers: int = 0
    zero: int = 0
    wide: float = 0.0
    chip: float = 0.0
    seconds: float = 0.0
    misnamed: tuple[str, ...] = ()
    not_checked: str = ""

    def __str__(self) -> str:
        if self.not_checked:
            return f"not checked: {self.not_checked}"
        zero = f", but {self.zero} of them are all zeros" if self.zero else ""
        rounding = f"changes the outputs by {self.chip:.0e}" if isfinite(self.chip) else "overflows"
        return (
            f"computes what the IR does: {self.layers} layers agree to {self.wide:.0e} of their largest number on "
            f"{self.inputs} inputs{zero}; FP16 {rounding}; {self.seconds:.1f} s"
        )


def check_blob(xml: Path, blob_file: Path, dump: Path, pictures: Sequence[Picture] = ()) -> Check:
    """Compute the blob and its IR on drawn inputs and on `pictures`. `dump` is what the compiler wrote about its stages.

    Raises CompilerError if the blob computes something else. Warns of layers whose numbers are too large for FP16.
    """
    start = time.perf_counter()
    model = read_ir(xml)
    names = read_dump(dump)
    outputs = output_layers(model)
    feeds = make_feeds(model, pictures)
    comparison = _Comparison(model, xml, blob_file)
    chip = 0.0
    overflows: dict[str, None] = {}
    alive: set[str] = set()
    try:
        blob = read_blob(blob_file)
        for feed in feeds:
            held = held_results(blob, names, model, feed)
            comparison.compare(held, feed)
            alive.update(layer for layer, found in held.items() if found.values.any())
            if feed is feeds[0]:
                # Noise. What FP16 does to it is of no interest.
                continue
            outcome = Machine(blob).run(feed)
            for name, layer in outputs.items():
                chip = max(chip, difference(output_of(outcome, name), held[layer].values))
            overflows.update((names.of(found.stage).layer or str(found.stage), None) for found in outcome.overflows)
    except BlobError as error:
        return Check(not_checked=str(error).removeprefix(f"{blob_file}: "))
    except (RuntimeError, MemoryError) as error:
        return Check(not_checked=f"OpenVINO's CPU plugin: {last_line(error) or 'not enough memory'}")
    _warn(blob_file, list(overflows))
    layers = comparison.layers
    return Check(
        inputs=len(feeds),
        layers=len(layers),
        zero=len(set(layers) - alive),
        wide=comparison.apart,
        chip=chip,
        seconds=time.perf_counter() - start,
        misnamed=tuple(comparison.misnamed),
    )


class _Comparison:
    """Compares a blob with its IR on one input after another.

    `layers` are those that agree, `apart` is the largest difference so far, and `misnamed` are the layers whose name the
    compiler gave to something else.
    """

    def __init__(self, model: Model, xml: Path, blob_file: Path) -> None:
        self.apart = 0.0
        self.misnamed: set[str] = set()
        self._model = model
        self._xml = xml
        self._blob_file = blob_file
        self._pieces: Pieces | None = None
        self._outputs = output_layers(model)

    @property
    def layers(self) -> list[str]:
        return self._pieces.layers if self._pieces else []

    def compare(self, held: Mapping[str, Held], feed: Feed) -> None:
        """Compare what the blob holds. Raises CompilerError if it computes something else."""
        if self._pieces is None:
            self._pieces = Pieces(self._model, held)
        apart, partings = self._pieces.compare(held, feed, BOUND)
        if partings:
            # A name may stand for something else. Without these layers, the IR computes those after them from those before.
            doubtful = {parting.layer for parting in partings}.difference(self._outputs.values())
            self._pieces = Pieces(self._model, set(self._pieces.layers) - doubtful)
            apart, still = self._pieces.compare(held, feed, BOUND)
            if still:
                self._pieces = Pieces(self._model, set(self._outputs.values()))
                apart, off = self._pieces.compare(held, feed, BOUND)
                if not off or not self._another_agrees(off, held, feed):
                    raise _refused(self._blob_file, partings[0])
                self._blame_this_cpu(off)
                return
            self.misnamed.update(doubtful)
        self.apart = max(self.apart, apart)

    def _another_agrees(self, partings: list[Parting], held: Mapping[str, Held], feed: Feed) -> bool:
        """Whether the outputs that part are those of an older CPU plugin. Then today's is wrong, and so is the IR on this CPU."""
        try:
            answers = compiler.compute_ir(self._xml, feed)
        except HelperError:
            return False
        names = {layer: name for name, layer in self._outputs.items()}
        for parting in partings:
            name = names[parting.layer]
            answer = answers.get(name, answers.get(f"{name}.0"))
            if answer is None or difference(held[parting.layer].values, np.asarray(answer)) > parting.allowed + OTHER:
                return False
        return True

    def _blame_this_cpu(self, partings: list[Parting]) -> None:
        """Warn, once, that the IR answers wrongly on this CPU."""
        from openvino import __version__

        layers = {parting.layer for parting in partings}
        if not layers <= self.misnamed:
            name = next(name for name, layer in self._outputs.items() if layer in layers)
            _logger.warning(
                '%s: OpenVINO %s computes "%s" of the IR wrong on a CPU: 2021.4.2 and the blob agree.',
                *(self._xml.name, __version__.split("-")[0], name),
            )
        self.misnamed |= layers


def _refused(blob_file: Path, parting: Parting) -> CompilerError:
    return CompilerError(
        f'{blob_file.name}: the MYRIAD compiler made something else of layer "{parting.source}": its stage {parting.stage} '
        f'makes "{parting.layer}", which is up to {parting.apart:.1e} of the largest number away from the IR. Rounding '
        f"explains {parting.allowed:.1e}. Nothing was written. Write this layer in another way, or end the net before it with "
        "--output. --no-check writes the blob as it is."
    )


def _warn(blob_file: Path, layers: list[str]) -> None:
    """Warn of layers that overflow FP16."""
    if not layers:
        return
    more = f" and {len(layers) - MOST_NAMED} more" if len(layers) > MOST_NAMED else ""
    _logger.warning(
        "%s: numbers above 65504, which FP16 cannot hold, in layer %s%s. Scale the input or the weights down.",
        blob_file.name,
        ", ".join(layers[:MOST_NAMED]),
        more,
    )
