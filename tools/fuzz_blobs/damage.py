"""Kind of input for the fuzzer: damaged blobs, which are read, listed, drawn, compared and estimated."""

from __future__ import annotations

import functools
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from myriad import cost
from myriad.blob import Blob, read_blob
from myriad.cost import text as cost_text
from myriad.listing import as_json, svg, text
from myriad.listing.difference import difference

from .. import fuzz_inputs as inputs
from .samples import samples

# The numbers of the header, and all that comes after it.
_PARTS = ((52, 132), (192, None), (192, None))


def kinds() -> dict[str, tuple[Callable[[random.Random], bytes], Callable[[Path], object]]]:
    """Return the kind of input, with what makes an input and what reads it."""
    valid = samples()

    def make(chance: random.Random) -> bytes:
        if chance.random() < 0.5:
            return inputs.damaged(valid, chance)
        return inputs.damaged_words(valid, chance, chance.choice(_PARTS))

    return {"Myriad blob": (make, read)}


@functools.cache
def _undamaged() -> Blob:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.blob"
        path.write_bytes(samples()[0])
        return read_blob(path)


def read(path: Path) -> None:
    """Do with a blob all that `./moka blob` does."""
    blob = read_blob(path)
    text.contents(blob)
    json.loads(json.dumps(as_json.contents(blob), allow_nan=False))
    difference(_undamaged(), blob)
    svg.picture(blob)
    estimate = cost.estimate(blob)
    cost_text.one(estimate)
    cost_text.several([estimate, estimate])
    json.loads(json.dumps(cost_text.as_json(estimate), allow_nan=False))
