"""Stages that move numbers: copies and changes of type."""

from __future__ import annotations

from ..stage import Stage
from .memory import Memory


def copy(stage: Stage, memory: Memory) -> None:
    """Copy element by element between two views of equal dimensions."""
    memory.write(stage.find("out"), memory.tensor(stage.find("in")))


def convert(stage: Stage, memory: Memory) -> None:
    """Change the type: x * scale + bias."""
    values = memory.read(stage.find("in"))
    memory.write(stage.find("out"), values * stage.parameters["scale"] + stage.parameters["bias"])
