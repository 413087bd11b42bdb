"""Shares work among processes that each drive one device, and starts a process again that was lost.

A device may be unplugged, its program may crash, hang or write nonsense. What it was working on is then given to another
device, or to the same one after it is back. Each job is answered once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from common.commands import LOGGER
from common.errors import MokaError

from ..errors import DeviceError

WAIT_SECONDS = 120.0
"""So long a lost device is waited for."""
PAUSE = 0.5
"""Seconds between two attempts to open it."""
ATTEMPTS = 3
"""A job that has lost so many processes is the cause, and is given up."""
SECONDS_TO_CLOSE = 20.0
SECONDS_TO_GIVE_UP = 1.0
"""For a process that is being started. It ends by itself when ours has."""

_logger = logging.getLogger(LOGGER)


class DeviceLost(DeviceError):
    """The process that drives a device has ended, is silent, or writes nonsense; or the device has left it."""


class Worker(Protocol):
    """A process that drives a device."""

    @property
    def pid(self) -> int:
        """The number of the process."""
        ...

    def work(self, question: Any) -> Any:
        """Return the answer. Raises DeviceLost, or another MokaError that concerns the question alone."""
        ...

    def close(self) -> None:
        """End the process."""
        ...


class _Job:
    """A question, and later its answer or error."""

    def __init__(self, question: Any) -> None:
        self.question = question
        self.answer: Any = None
        self.error: MokaError | None = None
        self.finished = False
        self.lost = 0


class Workers:
    """Processes that `start` begins, at least one and at most `count`. `name` stands in messages: "the stick".

    `there` says whether it makes sense to look for the device. Raises what the first start raises; a later one that fails is
    left out with a warning.
    """

    def __init__(
        self, name: str, start: Callable[[], Worker], count: int = 1, there: Callable[[], bool] = lambda: True
    ) -> None:
        self._name = name
        self._start = start
        self._there = there
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._gone: DeviceError | None = None
        self._workers: dict[int, Worker] = {0: start()}
        try:
            self._start_more(count)
        except BaseException:
            for worker in self._workers.values():
                worker.close()
            raise
        self._alive = len(self._workers)
        self._busy: set[int] = set()
        self._starting: set[int] = set()
        # Daemons, because a device that hangs must not keep the program alive.
        self._threads = [threading.Thread(target=self._serve, args=(n,), daemon=True) for n in self._workers]
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        """Return how many there are, those that are waited for included."""
        return self._alive

    def ask(self, questions: Sequence[Any]) -> list[Any]:
        """Return the answers in the order of the questions. Raises the first error, or DeviceError if no device is left."""
        jobs = [_Job(question) for question in questions]
        with self._changed:
            if self._gone:
                raise self._gone
            if self._closing.is_set():
                raise DeviceError(f"{self._name} was closed.")
            self._jobs.extend(jobs)
            self._changed.notify_all()
            try:
                self._changed.wait_for(lambda: self._closing.is_set() or all(job.finished for job in jobs))
            except BaseException:
                # Nobody waits for the others any more.
                for job in jobs:
                    with contextlib.suppress(ValueError):
                        self._jobs.remove(job)
                raise
        for job in jobs:
            if not job.finished:
                raise DeviceError(f"{self._name} was closed.")
            if job.error:
                raise job.error
        return [job.answer for job in jobs]

    def close(self) -> None:
        """End all processes."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
            for number in self._busy:
                # Its thread waits for an answer that nobody needs, and now sees the end of the process.
                with contextlib.suppress(OSError):
                    os.kill(self._workers[number].pid, signal.SIGKILL)
        for number, thread in zip(self._workers, self._threads, strict=True):
            thread.join(SECONDS_TO_GIVE_UP if number in self._starting else SECONDS_TO_CLOSE)

    def _start_more(self, count: int) -> None:
        for number in range(1, count):
            try:
                self._workers[number] = self._start()
            except DeviceError as error:
                _logger.warning("%s %d of %d is left out: %s", self._name, number + 1, count, error)

    def _serve(self, number: int) -> None:
        """Work on jobs with one process, until all are closed or the device stays away."""
        try:
            while job := self._take(number):
                try:
                    answer = self._workers[number].work(job.question)
                except DeviceLost as error:
                    self._give_back(number, job, error)
                    if not self._start_again(number, error):
                        return
                except MokaError as error:
                    self._finish(number, job, error=error)
                except BaseException as error:
                    # A mistake of ours. Whoever waits for this job must hear of it.
                    self._finish(number, job, error=DeviceError(f"{self._name}: {type(error).__name__}: {error}"))
                else:
                    self._finish(number, job, answer)
        finally:
            self._workers[number].close()

    def _take(self, number: int) -> _Job | None:
        """Wait for a job; None when there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closing.is_set())
            if self._closing.is_set():
                return None
            self._busy.add(number)
            return self._jobs.popleft()

    def _finish(self, number: int, job: _Job, answer: Any = None, error: MokaError | None = None) -> None:
        with self._changed:
            self._busy.discard(number)
            job.answer = answer
            job.error = error
            job.finished = True
            self._changed.notify_all()

    def _give_back(self, number: int, job: _Job, error: DeviceLost) -> None:
        """Put a job that has no answer where it is taken next."""
        with self._changed:
            self._busy.discard(number)
            job.lost += 1
            if job.lost < ATTEMPTS:
                self._jobs.appendleft(job)
            else:
                job.error = DeviceError(f"{self._name} was lost {job.lost} times with the same pictures. {error}")
                job.finished = True
            self._changed.notify_all()

    def _start_again(self, number: int, lost: DeviceLost) -> bool:
        """Wait for the device and start its process. Returns False if that is given up."""
        if self._closing.is_set():
            return False
        _logger.warning("%s Waiting up to %g s for it.", _one_line(lost), WAIT_SECONDS)
        begun = time.monotonic()
        self._workers[number].close()
        reason: DeviceError = lost
        while not self._closing.wait(PAUSE):
            if time.monotonic() - begun >= WAIT_SECONDS:
                self._give_up(number, reason)
                return False
            if not self._there():
                continue
            self._starting.add(number)
            try:
                worker = self._start()
            except DeviceError as error:
                reason = error
                continue
            finally:
                self._starting.discard(number)
            with self._changed:
                self._workers[number] = worker
            _logger.warning("%s is back after %.1f s; nothing was lost.", self._name, time.monotonic() - begun)
            return True
        return False

    def _give_up(self, number: int, reason: DeviceError) -> None:
        """Go on without this device. If it was the last, whoever waits gets an error."""
        with self._changed:
            self._alive -= 1
            if not self._alive:
                self._gone = DeviceError(f"{self._name} did not come back in {WAIT_SECONDS:g} s. {reason}")
                for job in self._jobs:
                    job.error = self._gone
                    job.finished = True
                self._jobs.clear()
            self._changed.notify_all()


def _one_line(error: DeviceError) -> str:
    """Write an error in one line: the last words of a process follow its message on lines of their own."""
    return str(error).split("\n")[0]
