"""Decides whether a blob computes what its IR computes."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.commands import LOGGER
from myriad import BlobError, read_blob
from myriad.execution import Machine

from ..errors import CompilerError
from .difference import difference
from .dump import read_dump
from .held import Held, held_results, output_layers, output_of
from .inputs import Feed, drawn_feeds
from .ir import read_ir
from .pieces import Parting, Pieces

if TYPE_CHECKING:
    from openvino import Model

BOUND = 5e-5
"""The largest difference that needs no explanation, as a part of the largest number of a layer."""
MOST_NAMED = 5
_logger = logging.getLogger(LOGGER)


@dataclass(frozen=True)
class Check:
    """What became of a check. `not_checked` says why there was none.

    `wide` is the largest difference between a layer of the blob and of the IR, with all numbers in float32. `chip` is how much
    FP16 changes an output. Both are parts of the largest number. `inputs` counts what they were compared on, `layers` the
    layers whose results were compared, and `zero` those of them that were zero throughout, which says nothing.
    """

    inputs: int = 0
    layers: int = 0
    zero: int = 0
    wide: float = 0.0
    chip: float = 0.0
    seconds: float = 0.0
    not_checked: str = ""

    def __str__(self) -> str:
        if self.not_checked:
            return f"not checked: {self.not_checked}"
        zero = f", but {self.zero} of them are all zeros" if self.zero else ""
        return (
            f"computes what the IR does: {self.layers} layers agree to {self.wide:.0e} of their largest number on "
            f"{self.inputs} drawn inputs{zero}; FP16 changes the outputs by {self.chip:.0e}; {self.seconds:.1f} s"
        )


def check_blob(xml: Path, blob_file: Path, dump: Path) -> Check:
    """Compute the blob and its IR on the same inputs. `dump` is what the compiler wrote about its stages.

    Raises CompilerError if the blob computes something else. Warns of layers whose numbers are too large for FP16.
    """
    start = time.perf_counter()
    model = read_ir(xml)
    names = read_dump(dump)
    outputs = output_layers(model)
    feeds = drawn_feeds(model)
    pieces: Pieces | None = None
    wide, chip = 0.0, 0.0
    overflows: dict[str, None] = {}
    alive: set[str] = set()
    try:
        blob = read_blob(blob_file)
        for feed in feeds:
            held = held_results(blob, names, model, feed)
            pieces = pieces or Pieces(model, held)
            apart, partings = pieces.compare(held, feed, BOUND)
            if partings and (first := _first(partings, model, held, feed)):
                raise _refused(blob_file, first)
            wide = max(wide, apart)
            alive.update(layer for layer, found in held.items() if found.values.any())
            outcome = Machine(blob).run(feed)
            chip = max(
                chip, *(difference(output_of(outcome, name), held[layer].values) for name, layer in outputs.items())
            )
            overflows.update((names.of(found.stage).layer or str(found.stage), None) for found in outcome.overflows)
    except BlobError as error:
        return Check(not_checked=str(error).removeprefix(f"{blob_file}: "))
    assert pieces is not None
    _warn(blob_file, list(overflows))
    layers = len(pieces.layers)
    return Check(len(feeds), layers, layers - len(alive), wide, chip, time.perf_counter() - start)


def _first(partings: list[Parting], model: Model, held: Mapping[str, Held], feed: Feed) -> Parting | None:
    """Return the first of `partings`, or None if the blob computes the right numbers in another way.

    A name may stand for something else than the layer's result. Then all that follows agrees if the model is not cut there.
    """
    outputs = set(output_layers(model).values())
    parted = {parting.layer for parting in partings}
    others = {layer: values for layer, values in held.items() if layer not in parted - outputs}
    _, still = Pieces(model, others).compare(others, feed, BOUND)
    return partings[0] if still else None


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
