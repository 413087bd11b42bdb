"""Kind of input for the fuzzer: damaged blobs, which are read, listed, drawn, compared and estimated."""

from __future__ import annotations

import functools
import json
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from myriad import cost
from myriad.blob import Blob, read_blob
from myriad.cost import text as cost_text
from myriad.listing import as_json, svg, text
from myriad.listing.difference import difference
from myriad.superblob import SHAVES, read_superblob

from .. import fuzz_inputs as inputs
from .samples import network, samples, superblob

# The numbers of the header, and all that comes after it.
_PARTS = ((52, 132), (192, None), (192, None))
# Its sizes, and all that comes after the blob in it.
_SUPERBLOB_PARTS = ((0, 136), (136 + len(network()), None))


def kinds() -> dict[str, tuple[Callable[[random.Random], bytes], Callable[[Path], object]]]:
    """Return the kinds of input, each with what makes an input and what reads it."""
    return {
        "Myriad blob": (_maker(samples(), _PARTS), read),
        "superblob": (_maker([superblob()], _SUPERBLOB_PARTS), read_all),
    }


def _maker(valid: list[bytes], parts: Sequence[tuple[int, int | None]]) -> Callable[[random.Random], bytes]:
    """Half of the inputs are damaged anywhere, the others in whole words of one of `parts`."""

    def make(chance: random.Random) -> bytes:
        if chance.random() < 0.5:
            return inputs.damaged(valid, chance)
        return inputs.damaged_words(valid, chance, chance.choice(parts))

    return make


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


def read_all(path: Path) -> None:
    """Take every blob out of a superblob."""
    found = read_superblob(path)
    for shaves in range(1, SHAVES + 1):
        found.blob(shaves)
