"""When a training ends and how far its schedule is: by iteration numbers, as in Caffe. budget.py does it by the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from caffe_io.caffe_pb2 import SolverParameter


class Plan(NamedTuple):
    """What holds from `iteration` on: the share of the schedule passed there, and the numbers of the rest."""

    iteration: int = 0
    passed: float = 0.0
    end: int = 0
    test_interval: int = 0
    snapshot: int = 0

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Plan:
        """Return the plan that another worker sent as numbers."""
        iteration, passed, end, test_interval, snapshot = numbers
        return cls(int(iteration), passed, int(end), int(test_interval), int(snapshot))


class Timetable:
    """The solver's own numbers. `end` is the last iteration.

    `passed` is the share of the schedule that a snapshot of a training with a budget had passed; None for other snapshots.
    """

    def __init__(self) -> None:
        self.end = 0
        self.passed: float | None = None

    def begin(self, param: SolverParameter, iteration: int, size: int, report: Callable[[str], None]) -> None:
        """Start at `iteration`. `size` is that of a snapshot in bytes."""
        self.end = param.max_iter
        if self.passed is not None:
            report(
                f"The snapshot is of a training with --budget, whose schedule was at {self.passed:.0%}. Without --budget it "
                f"goes on as iteration {iteration} of max_iter {param.max_iter}."
            )

    def position(self, iteration: int) -> float:
        """Return the iteration of the solver's own schedule that is due at `iteration`."""
        return iteration

    def share(self, iteration: int) -> float | None:
        """Return the share of the schedule passed at `iteration`, if a snapshot must hold it."""
        return None

    def new_plan(self, iteration: int) -> Plan | None:
        """Return a new plan, if one is necessary. Called once in each iteration, by the first worker."""
        return None

    def take(self, plan: Plan) -> int:
        """Follow a plan; return the last iteration."""
        return self.end

    def tests_at_end(self, due: bool) -> bool:
        """Whether to test after the last iteration; `due` says that test_interval falls on it."""
        return due

    @contextmanager
    def apart(self, what: Literal["test", "snapshot"]) -> Iterator[None]:
        """Count the time of the block apart from that of the iterations."""
        yield
