"""Runs items through steps, each in a thread of its own, so that reading, finding, computing and drawing overlap.

Decoding, detectors and networks work outside of Python's lock, so two cores are used by threads.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

WAITING = 2
"""Items between two steps. More would only add delay and memory."""
LEAVE_WITHIN = 5.0
"""Seconds. Who leaves waits so long for steps that are at work: the device is closed next, and a process that ends while a
library computes is aborted by it. Only a camera that hangs takes longer."""


class _Failed(NamedTuple):
    error: BaseException


class _Channel:
    """Items on their way from one thread to the next, in order, at most WAITING of them. Closed, it takes and gives no more."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._changed = threading.Condition()
        self._ended = self._closed = False

    def put(self, item: Any, droppable: Callable[[Any], bool] | None = None) -> int:
        """Append an item, as soon as there is room. Returns how many were dropped for it.

        If the item is `droppable` it does not wait: the oldest such item goes.
        """
        with self._changed:
            dropped = 0
            if droppable and droppable(item) and len(self._items) >= WAITING:
                oldest = next((each for each in self._items if droppable(each)), None)
                if oldest is not None:
                    # By identity, because items may hold arrays, which have no ==.
                    self._items = deque(each for each in self._items if each is not oldest)
                    dropped = 1
            self._changed.wait_for(lambda: len(self._items) < WAITING or self._closed)
            self._items.append(item)
            self._changed.notify_all()
            return dropped

    def end(self) -> None:
        """Say that nothing follows."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let go of everybody who waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether nobody wants more."""
        return self._closed

    def __iter__(self) -> Iterator[Any]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._ended or self._closed)
                if self._closed or not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item


class Pipeline:
    """Iterate over it to get what the last step makes of each item, in the order of the items.

    `droppable` says of an item that it may be dropped if it comes faster than it is worked on; `dropped` counts those. An error
    in the items or in a step is raised by the iteration, after the results before it. Leaving the iteration, or closing its
    iterator, ends the threads as soon as each has done with its item, and waits for that.
    """

    def __init__(
        self,
        items: Iterable[Any],
        steps: Sequence[Callable[[Any], Any]],
        droppable: Callable[[Any], bool] | None = None,
    ) -> None:
        self._items = items
        self._steps = steps
        self._droppable = droppable
        self.dropped = 0

    def __iter__(self) -> Generator[Any, None, None]:
        channels = [_Channel() for _ in range(len(self._steps) + 1)]
        works = [lambda: self._read(channels[0])]
        for step, before, after in zip(self._steps, channels[:-1], channels[1:], strict=True):
            works.append(lambda step=step, before=before, after=after: _work(step, before, after))  # type: ignore[misc]
        # Daemons, because a camera that hangs must not keep the program alive.
        threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in threads:
            thread.start()
        try:
            for result in channels[-1]:
                if isinstance(result, _Failed):
                    raise result.error
                yield result
        finally:
            for channel in channels:
                channel.close()
            deadline = time.monotonic() + LEAVE_WITHIN
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _read(self, channel: _Channel) -> None:
        try:
            for item in self._items:
                self.dropped += channel.put(item, self._droppable)
                if channel.closed:
                    break
        except BaseException as error:
            channel.put(_Failed(error))
        finally:
            # In the thread that uses it.
            close_source(self._items)
            channel.end()


def close_source(items: Iterable[Any]) -> None:
    """Close what a generator has opened. Other iterables have nothing to close."""
    close = getattr(items, "close", None)
    if close:
        close()


def _work(step: Callable[[Any], Any], before: _Channel, after: _Channel) -> None:
    for item in before:
        if isinstance(item, _Failed):
            after.put(item)
            break
        try:
            result = step(item)
        except BaseException as error:
            result = _Failed(error)
        after.put(result)
        if isinstance(result, _Failed):
            before.close()
            break
    after.end()
