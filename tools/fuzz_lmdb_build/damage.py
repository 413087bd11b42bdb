"""What a kind of input is, and how a text is damaged."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from .. import fuzz_inputs as inputs

Make = Callable[[random.Random], bytes]
"""Makes one input."""
Read = Callable[[Path], object]
"""Reads one. Anything but one of our errors is a failure."""


def damaged_text(text: Callable[[], str]) -> Make:
    """Return what damages a text: its bytes, or its words and numbers."""

    def make(chance: random.Random) -> bytes:
        damage = inputs.damaged if chance.random() < 0.5 else inputs.damaged_text
        return damage([text().encode()], chance)

    return make
