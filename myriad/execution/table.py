"""Which function computes which kind of stage."""

from __future__ import annotations

from collections.abc import Callable

from ..stage import Stage
from . import arithmetic, arrangement
from .memory import Memory
from .unit import unit

FUNCTIONS: dict[int, Callable[[Stage, Memory], None]] = {
    3: arithmetic.softmax,
    6: arithmetic.relu,
    11: arithmetic.lrn,
    12: arithmetic.sum_of,
    13: arithmetic.product,
    19: arrangement.copy,
    38: unit,
    44: arithmetic.relu,
    45: arithmetic.relu,
    46: arithmetic.relu,
    47: arithmetic.scale_shift,
    111: arrangement.convert,
}
