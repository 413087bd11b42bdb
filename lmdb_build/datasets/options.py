"""The options of the readers. Each data set has some of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReaderOptions:
    """What a user may choose about reading a data set. The defaults are the published rules."""
