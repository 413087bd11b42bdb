"""The errors of this room.

MokaError
└── EvaluationError      a net that cannot be measured, or predictions that contradict themselves
    └── EngineError      what computes the predictions is missing or failed
"""

from __future__ import annotations

from common.errors import MokaError


class EvaluationError(MokaError):
    """A net that is no classifier with a test database, or predictions that contradict themselves."""


class EngineError(EvaluationError):
    """What computes the predictions is missing or failed."""
