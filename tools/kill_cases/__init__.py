"""The cases of tools.kill: commands of the rooms, what they may leave, and how to go on from there.

A command runs in a folder beside `inputs` and writes into `out`. `before` holds what was in `out` when it began.
"""

from __future__ import annotations

from .case import Broken, Case
from .databases import database_cases
from .faces import face_cases
from .networks import network_cases
from .training import training_cases

__all__ = ["Broken", "Case", "cases"]


def cases(size: float = 1.0) -> dict[str, Case]:
    """Return all cases by name. `size` scales how long the commands of training and lmdb_build take."""
    return {**training_cases(size), **database_cases(size), **face_cases(size), **network_cases()}
