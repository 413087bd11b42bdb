"""What the camera or video sends to those who watch: pictures, and answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastapi import HTTPException

from .live import Live, Shot, without_password
from .metrics import Metrics
from .schemas import LivePeople, people

if TYPE_CHECKING:
    from ..runner import Runner

MOTION_JPEG = "multipart/x-mixed-replace; boundary=frame"
EVENTS = "text/event-stream"
SECONDS_FOR_A_FRAME = 10.0


class Streams:
    """Counts who watches."""

    def __init__(self, metrics: Metrics, most: int) -> None:
        self._metrics = metrics
        self._most = most
        self._now = 0

    @property
    def full(self) -> bool:
        """Whether nobody else may watch."""
        return self._now >= self._most

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Count one watcher for a while."""
        self._now += 1
        self._metrics.streams.set(self._now)
        try:
            yield
        finally:
            self._now -= 1
            self._metrics.streams.set(self._now)


async def jpegs(live: Live, streams: Streams) -> AsyncIterator[bytes]:
    """Yield the parts of a motion JPEG."""
    with streams.one_more():
        async for shot in live.shots():
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(shot.jpeg)}\r\n\r\n"
            yield head.encode() + shot.jpeg + b"\r\n"


async def events(live: Live, streams: Streams, runner: Runner) -> AsyncIterator[str]:
    """Yield server-sent events, one for each frame that was answered about."""
    with streams.one_more():
        async for shot in live.shots():
            described = LivePeople(
                **people(shot.analysis, runner).model_dump(),
                number=shot.number,
                source=without_password(shot.frame.name),
                seconds=round(shot.frame.seconds, 3),
                rate=round(shot.rate, 2),
                latency=round(shot.latency, 1),
                dropped=shot.dropped,
            )
            yield f"data: {described.model_dump_json()}\n\n"


async def newest(live: Live | None) -> Shot:
    """Return the live frame that is shown, or the next one if nobody watches."""
    if not live:
        raise HTTPException(422, "Nothing to capture: send a picture, or start this page with --source.")
    shots = live.shots()
    try:
        return await asyncio.wait_for(shots.__anext__(), SECONDS_FOR_A_FRAME)
    except (asyncio.TimeoutError, StopAsyncIteration) as error:
        raise HTTPException(503, live.problem or "The camera or video gives no frame.") from error
    finally:
        await shots.aclose()
