"""uvicorn, with connections that may not take for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import FrameType
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from .settings import Limits, is_loopback

LARGEST_HEAD = 16 << 10
KEEP_ALIVE_SECONDS = 5
END_SECONDS = 3
"""After Ctrl-C, answers that are under way may take so long."""


class Server(uvicorn.Server):
    """A server that tells `on_end` as soon as it is asked to end: streams never end by themselves."""

    def __init__(self, config: uvicorn.Config, on_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_end = on_end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        self._on_end()
        super().handle_exit(sig, frame)


def make_server(app: ASGIApp, limits: Limits, on_end: Callable[[], None]) -> Server:
    """Return a server of `app`, for a socket that listens already."""
    logger = logging.getLogger("uvicorn.error")
    # Clients that send nonsense are no news, and our own errors are logged in one line each by the guard.
    logger.setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        http=_protocol(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=END_SECONDS,
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )
    return Server(config, on_end)


def _protocol(limits: Limits) -> type[H11Protocol]:
    class Impatient(H11Protocol):
        """Ends a connection whose client sends no whole head in time, reads nothing, or has too many others."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._head: asyncio.TimerHandle | None = None
            self._stall: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if self._too_many():
                transport.abort()
                return
            self._watch_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch_head()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._stall = self._stall or self.loop.call_later(limits.stall_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._stall:
                self._stall.cancel()
                self._stall = None

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._head, self._stall):
                if timer:
                    timer.cancel()
            super().connection_lost(exc)

        def _watch_head(self) -> None:
            """Give the client some time for a head that it has begun, or that a new connection is for."""
            waits = self.conn.their_state is h11.IDLE
            if waits and not self._head:
                self._head = self.loop.call_later(limits.head_seconds, self.transport.abort)
            elif not waits and self._head:
                self._head.cancel()
                self._head = None

        def _too_many(self) -> bool:
            if len(self.connections) > 2 * limits.connections:
                return True
            if not self.client or is_loopback(self.client[0]):
                return False
            hosts = [(getattr(each, "client", None) or ("",))[0] for each in self.connections]
            return hosts.count(self.client[0]) > limits.connections_of_one

    return Impatient
