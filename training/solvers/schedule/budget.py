"""Fits a training into minutes: `./moka train --budget MINUTES`.

The pace of the first iterations decides how many there will be, and a change of the pace decides again. The schedule is
stretched: after half of the iterations, the rate is that of half of the solver's max_iter, whatever its lr_policy. A new
decision spreads what is left of the schedule over the iterations that are left, so that the rate never jumps or goes back.
"""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from caffe_io.caffe_pb2 import SolverParameter

from ...errors import SolverError
from .timetable import Plan, Timetable

# The first iterations are slower: layers choose their algorithms, and memory is allocated.
_WARM_UP = 2
# The first decision comes after so many measured iterations, or after this share of the time if that is sooner.
_MEASURED = 10
_MEASURED_SHARE = 0.05
# The pace is a mean over about this share of the time. It is compared with the plan this often.
_RECENT_SHARE = 0.1
_CHECK_SHARE = 0.05
# A plan stays if the new number of iterations differs by less.
_TOLERANCE = 0.01
# As --max_iter, which gives a short training at least so many tests and snapshots. But they take at most this share of the time.
_LEAST = 5
_MOST_APART = 0.2
# Closing the files takes a moment.
_MARGIN = 0.01
# Bytes a second, until a snapshot was measured.
_DISK = 1e8

MOST = 2**31 - 1
"""The largest number of iterations that a solver can have."""


class Pace:
    """How long an iteration takes: the mean over the last `window` seconds or so, and the fastest one."""

    def __init__(self, window: float) -> None:
        self.fastest = math.inf
        self.measured = 0
        self.measured_seconds = 0.0
        self._window = window
        self._count = 0
        self._recent = 0.0
        self._recent_count = 0.0

    def add(self, seconds: float) -> None:
        """Add an iteration. The very first one does not count, and those of the warm-up only as the fastest."""
        self._count += 1
        if self._count == 1:
            return
        self.fastest = min(self.fastest, seconds)
        if self._count <= _WARM_UP:
            return
        self.measured += 1
        self.measured_seconds += seconds
        fading = math.exp(-seconds / self._window)
        self._recent = self._recent * fading + seconds
        self._recent_count = self._recent_count * fading + 1

    @property
    def recent(self) -> float:
        """The mean of the last iterations; infinite if none was measured yet."""
        return self._recent / self._recent_count if self.measured else math.inf


class Budget(Timetable):
    """Ends a training `minutes` after `started`, with its last test and snapshot; or after `most` iterations, if that is sooner.

    `clock` returns seconds, and `started` is one of its values (default: now).
    """

    def __init__(
        self,
        minutes: float,
        most: int = MOST,
        started: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._seconds = minutes * 60
        self._most = most
        self._clock = clock
        self._started = clock() if started is None else started
        self._param = SolverParameter()
        self._report: Callable[[str], None] = lambda line: None
        # The solver's own numbers, and what was decided last.
        self._own = Plan()
        self._plan = Plan()
        self._pace = Pace(self._seconds * _RECENT_SHARE)
        self._decided = False
        self._said = False
        self._next_check = 0.0
        # When the iteration before ended, and how much of the time since then was apart.
        self._mark = 0.0
        self._apart = 0.0
        self._apart_seconds: dict[str, float] = {}

    def begin(self, param: SolverParameter, iteration: int, size: int, report: Callable[[str], None]) -> None:
        """Start at `iteration`. Raises SolverError if the schedule has ended there."""
        passed = iteration / param.max_iter if self.passed is None else self.passed
        if passed >= 1:
            raise SolverError(
                f"the schedule ended with iteration {iteration}, so --budget has nothing to fit into the time. To train on, "
                "start with the weights of this snapshot: give its caffemodel to --weights, in place of --snapshot."
            )
        self._param = param
        self._report = report
        self._apart_seconds = {"snapshot": size / _DISK}
        self._own = Plan(iteration, passed, self._most, param.test_interval if param.test_iter else 0, param.snapshot)
        self._plan = self._own
        self.end = self._most
        self._mark = self._clock()
        place = f", from {passed:.0%} of the schedule on" if iteration else ""
        report(f"Budget: {_minutes(self._seconds)}{place}; the pace of the first iterations decides how many there are")

    def position(self, iteration: int) -> float:
        """Return the iteration of the solver's own schedule that is due at `iteration`."""
        return self.share(iteration) * self._param.max_iter

    def share(self, iteration: int) -> float:
        """Return the share of the schedule passed at `iteration`."""
        plan = self._plan
        if iteration >= plan.end:
            return 1.0
        return plan.passed + (1 - plan.passed) * (iteration - plan.iteration) / (plan.end - plan.iteration)

    def new_plan(self, iteration: int) -> Plan | None:
        """Return a new plan, if the pace asks for one. Called once in each iteration, by the first worker."""
        now = self._clock()
        self._pace.add(max(1e-9, now - self._mark - self._apart))
        self._mark = now
        self._apart = 0.0
        passed = now - self._started
        check = self._decided and passed >= self._next_check
        decides = not self._decided and (
            self._pace.measured >= _MEASURED
            or (self._pace.measured > 0 and self._pace.measured_seconds >= _MEASURED_SHARE * self._seconds)
        )
        self._decided |= decides
        if decides or check:
            self._next_check = passed + _CHECK_SHARE * self._seconds
        plan = self._plan_at(iteration, passed)
        if plan is None:
            return None
        # Time that is up cannot wait for the next check.
        ends_now = plan.end == iteration + 1 < self.end
        changed = check and abs(plan.end - self.end) > max(1.0, _TOLERANCE * self.end)
        if decides or ends_now or changed:
            self._say(plan)
        elif self._decided:
            return None
        return plan

    def take(self, plan: Plan) -> int:
        """Follow a plan, which the first worker made; return the last iteration."""
        self._plan = plan
        self.end = plan.end
        self._param.test_interval = plan.test_interval
        self._param.snapshot = plan.snapshot
        return self.end

    def tests_at_end(self, due: bool) -> bool:
        """Whether to test after the last iteration: always, unless the test would end too late."""
        return self._own.test_interval > 0 and self._clock() - self._started + self._test_seconds() <= self._seconds

    @contextmanager
    def apart(self, what: Literal["test", "snapshot"]) -> Iterator[None]:
        """Count the time of the block apart from that of the iterations."""
        started = self._clock()
        yield
        self._apart_seconds[what] = self._clock() - started
        self._apart += self._apart_seconds[what]

    def _plan_at(self, iteration: int, passed: float) -> Plan | None:
        """Return the plan for the present pace, `passed` seconds after the start; None while there is no pace."""
        pace = self._pace.recent if self._decided else self._pace.fastest
        test, snapshot = self._test_seconds(), self._apart_seconds["snapshot"]
        left = self._seconds * (1 - _MARGIN) - passed - snapshot
        if test <= _MOST_APART * self._seconds:
            left -= test
        made = iteration + 1
        if left <= 0:
            fitting, intervals = 0, (self._plan.test_interval, self._plan.snapshot)
        elif math.isinf(pace):
            return None
        else:
            intervals = self._intervals(made + left / pace, pace) if self._decided else self._own[3:]

            def seconds_of(more: int) -> float:
                """How long so many more iterations take, with what is due before the last one."""
                due = [
                    seconds * ((iteration + more) // interval - iteration // interval)
                    for seconds, interval in zip((test, snapshot), intervals, strict=True)
                    if interval
                ]
                return more * pace + sum(due)

            fitting = bisect.bisect_right(range(1, int(min(left / pace, MOST)) + 1), left, key=seconds_of)
        return Plan(iteration, self.share(iteration), min(self._most, made + fitting), *intervals)

    def _intervals(self, end: float, pace: float) -> tuple[int, int]:
        """Return test_interval and snapshot for a training of `end` iterations. Once decided, they stay unless much changes."""
        longest = math.ceil((min(end, self._most) - self._own.iteration) / _LEAST)

        def fitted(own: int, old: int, seconds: float) -> int:
            if not own:
                return 0
            shortest = math.ceil(seconds / pace * (1 / _MOST_APART - 1))
            interval = min(MOST, max(min(own, longest), shortest))
            return old if self._said and 2 / 3 < interval / old < 3 / 2 else interval

        return (
            fitted(self._own.test_interval, self._plan.test_interval, self._test_seconds()),
            fitted(self._own.snapshot, self._plan.snapshot, self._apart_seconds["snapshot"]),
        )

    def _test_seconds(self) -> float:
        """How long a test takes. Before the first one, each of its batches counts as an iteration."""
        if not self._own.test_interval:
            return 0.0
        batches = sum(self._param.test_iter)
        pace = self._pace.fastest if math.isfinite(self._pace.fastest) else 0.0
        return self._apart_seconds.get("test", batches * pace)

    def _say(self, plan: Plan) -> None:
        line = f"Budget: max_iter {plan.end}"
        if self._said:
            line += f" instead of {self.end}"
        if math.isfinite(self._pace.recent):
            line += f", an iteration takes {self._pace.recent:.2g} s"
        for what, interval in (("test", plan.test_interval), ("snapshot", plan.snapshot)):
            if interval:
                line += f", {what} every {interval} and at the end" if interval < plan.end else f", {what} at the end"
        self._report(line)
        self._said = True


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} minute{'' if seconds == 60 else 's'}"
