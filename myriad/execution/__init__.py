"""Computing what a blob computes, on this machine, with numpy alone: every stage in its order, in the chip's number formats."""

from .machine import Machine, Outcome

__all__ = ["Machine", "Outcome"]
