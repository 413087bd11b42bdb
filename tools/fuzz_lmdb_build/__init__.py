"""The inputs of lmdb_build for the fuzzer."""

from __future__ import annotations

from . import data_sets, tables
from .damage import Make, Read


def kinds() -> dict[str, tuple[Make, Read]]:
    """Return the kinds of input: for each, what makes an input and what reads it."""
    return {**data_sets.kinds(), **tables.kinds()}
