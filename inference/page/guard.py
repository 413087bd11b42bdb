"""What every request passes before it reaches a route: host, origin, rate, token, size.

Browsers are the reason for the first two. A page from the Internet that is open beside ours may send requests to
127.0.0.1 too, and with a name that leads there (DNS rebinding) it could even read the answers.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import logging
import time
from collections import OrderedDict
from collections.abc import MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.commands import LOGGER
from common.messages import last_line

from .metrics import Metrics
from .settings import Limits, is_loopback

COOKIE = "moka_token"
PUBLIC = ("/", "/page.css", "/page.js", "/icon.svg", "/healthz", "/session")
"""These show nothing of pictures or answers, so they need no token."""
SAFE = ("GET", "HEAD", "OPTIONS")
FAULT = "This is a fault in Moka. Its log has the reason."
MOST_CLIENTS = 4096
DRAIN_BYTES = 256 << 20
DRAIN_SECONDS = 10.0
"""Of a body that is too large so much is read and thrown away, so that the client sees the answer and not a broken connection."""

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """Wraps the application `app`. `host` is the address that it is served at; `token` is None if none is needed."""

    def __init__(self, app: ASGIApp, host: str, token: str | None, limits: Limits, metrics: Metrics) -> None:
        self._app = app
        # Who knows the token may also come through another server on this machine, by that server's name.
        self._loopback = is_loopback(host) and token is None
        self._token = token
        self._limits = limits
        self._metrics = metrics
        self._rates: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._bodies = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(self, scope, receive, send)
        try:
            self._check(scope)
            await request.read_body()
            await self._app(scope, request.receive, request.send)
        except HTTPException as refusal:
            await request.refuse(refusal)
        except Exception as error:
            # One line, because the log of a page that is reachable from a network must not grow by tracebacks.
            logging.getLogger(LOGGER).warning("%s %s: %s", scope["method"], scope["path"], last_line(error))
            if not request.status:
                await request.refuse(HTTPException(500, FAULT))
        finally:
            self._bodies -= request.read
            self._count(scope, request)

    def too_much(self, more: int) -> bool:
        """Add bytes to those of all bodies in memory. Returns whether they are too many now."""
        self._bodies += more
        return self._bodies > self._limits.bodies

    def _count(self, scope: Scope, request: _Request) -> None:
        # The template of a route, never the path: a client may ask for any number of paths.
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(route, request.method, str(request.status or 499)).inc()
        if not request.streams:
            self._metrics.seconds.labels(route).observe(time.perf_counter() - request.begun)

    def _check(self, scope: Scope) -> None:
        """Raise HTTPException if the request is refused for what its head says."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._loopback and not is_loopback(_name_of(host)):
            raise HTTPException(
                403,
                f"The page is served to this machine alone, not as {_name_of(host)[:100]!r}. Use 127.0.0.1 or localhost.",
            )
        if _from_another_page(scope["method"], headers, host):
            raise HTTPException(403, "Another web page sent this. Use this page, or a client that is no browser.")
        wait = self._wait_of((scope.get("client") or ("", 0))[0])
        if wait:
            raise HTTPException(
                429,
                f"More than {self._limits.rate:g} requests a second. Slow down.",
                {"retry-after": str(int(wait) + 1)},
            )
        if self._token and scope["path"] not in PUBLIC and not self._knows_token(headers):
            raise HTTPException(
                401, "Expected the token: send it as Authorization: Bearer TOKEN.", {"www-authenticate": "Bearer"}
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limits.body:
            raise HTTPException(413, _too_large(self._limits))

    def _knows_token(self, headers: Headers) -> bool:
        assert self._token
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return same(given.strip(), self._token)
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and same(cookie.value, self._token)

    def _wait_of(self, client: str) -> float:
        """Count a request. Returns the seconds that the client has to wait if it is over its rate, else 0."""
        if not client or is_loopback(client):
            return 0.0
        client = _network_of(client)
        now = time.monotonic()
        left, then = self._rates.pop(client, (float(self._limits.burst), now))
        left = min(float(self._limits.burst), left + (now - then) * self._limits.rate)
        self._rates[client] = (max(0.0, left - 1), now)
        while len(self._rates) > MOST_CLIENTS:
            self._rates.popitem(last=False)
        return (1 - left) / self._limits.rate if left < 1 else 0.0


class _Request:
    """One request: what was read of its body, and what was sent."""

    def __init__(self, guard: Guard, scope: Scope, receive: Receive, send: Send) -> None:
        self._guard = guard
        self._limits = guard._limits
        self._receive = receive
        self._send = send
        self._parts: list[bytes] = []
        self._ended = False
        self._handed_on = False
        self.begun = time.perf_counter()
        self.method = scope["method"] if scope["method"] in (*SAFE, "POST", "PUT", "PATCH", "DELETE") else "other"
        self.read = 0
        self.status = 0
        self.streams = False

    async def read_body(self) -> None:
        """Read the body, all of it. Raises HTTPException if it is too large, too late, or one of too many."""
        deadline = time.monotonic() + self._limits.body_seconds
        while not self._ended:
            try:
                message = await asyncio.wait_for(self._receive(), max(0.0, deadline - time.monotonic()))
            except asyncio.TimeoutError:
                raise HTTPException(
                    408, f"The body took more than {self._limits.body_seconds:g} s.", {"connection": "close"}
                ) from None
            if message["type"] != "http.request":
                # The client has gone; the application finds out by itself.
                return
            part = message.get("body", b"")
            self._ended = not message.get("more_body", False)
            self.read += len(part)
            self._parts.append(part)
            if self._guard.too_much(len(part)):
                raise HTTPException(503, "Too many pictures are being sent. Try again.", {"retry-after": "1"})
            if self.read > self._limits.body:
                raise HTTPException(413, _too_large(self._limits))

    async def receive(self) -> Message:
        """Hand on the body, which was read before, and then what else comes from the client."""
        if self._handed_on:
            return await self._receive()
        self._handed_on = True
        body = b"".join(self._parts)
        self._parts.clear()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Send a part of the answer, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", []))
            names = {name.lower() for name, _ in headers}
            self.streams = b"content-length" not in names
            more = {"cache-control": "no-store", **HEADERS}
            headers += [(name.encode(), value.encode()) for name, value in more.items() if name.encode() not in names]
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, why: HTTPException) -> None:
        """Answer that the request is refused."""
        body = json.dumps({"detail": why.detail}).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), **(why.headers or {})}
        if why.status_code == 413:
            headers["connection"] = "close"
        start = {
            "type": "http.response.start",
            "status": why.status_code,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await self.send(start)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        if why.status_code == 413:
            await self._drain()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drain(self) -> None:
        left, deadline = DRAIN_BYTES, time.monotonic() + DRAIN_SECONDS
        while left > 0 and not self._ended:
            try:
                message = await asyncio.wait_for(self._receive(), max(0.0, deadline - time.monotonic()))
            except asyncio.TimeoutError:
                return
            left -= len(message.get("body", b""))
            self._ended = not message.get("more_body", False)


def same(given: str, token: str) -> bool:
    """Compare in a time that says nothing about the token."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _too_large(limits: Limits) -> str:
    return f"The body is too large: at most {limits.body} bytes are read. Make the picture smaller."


def _name_of(host: str) -> str:
    """Return the name or address in a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _from_another_page(method: str, headers: Headers, host: str) -> bool:
    """Return whether a browser says that a page of another origin sent the request."""
    origin = headers.get("origin")
    if origin is not None and method not in SAFE:
        try:
            return urlsplit(origin).netloc.lower() != host.lower()
        except ValueError:
            return True
    follows_a_link = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return headers.get("sec-fetch-site") in ("cross-site", "same-site") and not follows_a_link


def _network_of(client: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that a household has of IPv6."""
    try:
        address = ipaddress.ip_address(client.split("%")[0])
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return client
