"""The routes of the page and of the API."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.formparsers import MultiPartException, MultiPartParser

from common.errors import MokaError, PictureError

from .capture import Captures
from .engine import Busy, Engine
from .guard import COOKIE, FAULT, same
from .live import Live, Shot, without_password
from .metrics import Metrics
from .schemas import Allowed, Captured, Health, LivePeople, People, Problem, Status, device_used, people
from .settings import Limits

if TYPE_CHECKING:
    from ..runner import Runner

STATIC = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""The files of the page by their path. They are read once: no path of a client is ever opened."""
STATUS_OF: dict[type[Exception], int] = {PictureError: 422, Busy: 503, MokaError: 503}
"""The status that answers each error. FastAPI takes the nearest class."""
MOTION_JPEG = "multipart/x-mixed-replace; boundary=frame"
EVENTS = "text/event-stream"
SECONDS_FOR_A_FRAME = 10.0
COOKIE_SECONDS = 30 * 24 * 3600
PICTURE = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
UPLOAD = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"picture": {**PICTURE, "description": "one picture file"}},
            "required": ["picture"],
        }
    },
    **{f"image/{kind}": {"schema": PICTURE} for kind in ("jpeg", "png", "webp", "bmp", "tiff")},
    "application/octet-stream": {"schema": PICTURE},
}


class Parts(NamedTuple):
    """What the routes work with."""

    engine: Engine
    live: Live | None
    captures: Captures | None
    limits: Limits
    token: str | None


class Token(BaseModel):
    """The secret of --token."""

    token: str = Field(max_length=512)


def make_app(parts: Parts) -> FastAPI:
    """Return the application. It has no documentation pages, because FastAPI's load their scripts from the Internet."""
    app = FastAPI(
        title="Moka",
        version="1",
        description="Faces in pictures, and what the networks say about each.",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(parts),
    )
    for error, code in STATUS_OF.items():
        app.add_exception_handler(error, partial(_explain, code))
    app.add_exception_handler(Exception, _fault)
    engine, live, captures, limits, token = parts
    secured: dict[str, Any] = {"dependencies": [Depends(HTTPBearer(auto_error=False))]} if token else {}
    runner = engine.analyzer.runner

    for path, (name, kind) in STATIC.items():
        app.add_api_route(path, _file(name, kind), methods=["GET", "HEAD"], include_in_schema=False)

    @app.get("/healthz", responses=_problems(503))
    async def healthz() -> Health:
        """Say whether pictures can be answered about."""
        problem = engine.problem
        if problem:
            raise HTTPException(503, problem)
        return Health(status="ok", problem=live.problem if live else "")

    @app.get("/metrics", responses={200: {"content": {"text/plain": {}}}, **_problems()}, **secured)
    async def metrics() -> Response:
        """Return figures for Prometheus."""
        return Response(engine.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/status", responses=_problems(), **secured)
    async def status() -> Status:
        """Say what this page runs on."""
        return Status(
            device=device_used(runner),
            networks=[card.name for card in runner.cards],
            detector=engine.analyzer.detector_name,
            source=live.source if live else "",
            problem=live.problem if live else "",
            capture=captures.place if captures else "",
            limits=Allowed(bytes=limits.body, pixels=limits.pixels),
        )

    @app.post("/session", status_code=204, responses=_problems(422))
    async def session(given: Token) -> Response:
        """Exchange the token for a cookie, which a browser sends with pictures and streams too."""
        if not token or not same(given.token, token):
            raise HTTPException(401, "That is not the token." if token else "This page needs no token.")
        response = Response(status_code=204)
        response.set_cookie(COOKIE, token, max_age=COOKIE_SECONDS, httponly=True, samesite="strict")
        return response

    @app.post("/analyze", openapi_extra=_body(True), responses=_problems(400, 408, 413, 415, 422, 503), **secured)
    async def analyze(request: Request) -> People:
        """Answer about everybody in a picture: the file itself, or a form with the file as `picture`."""
        _, analysis = await engine.analyze(await _uploaded(request, limits))
        return people(analysis, runner)

    @app.post("/capture", openapi_extra=_body(False), responses=_problems(400, 404, 408, 413, 415, 422, 503), **secured)
    async def capture(request: Request) -> Captured:
        """Write a picture and its answers to --capture: the picture that is sent, or without one the live frame."""
        if not captures:
            raise HTTPException(404, "This page was started without --capture.")
        data = b"" if _is_empty(request) else await _uploaded(request, limits)
        if data:
            picture, analysis = await engine.analyze(data)
            source, described = "sent", people(analysis, runner)
        else:
            shot = await _newest(live)
            picture, source = shot.frame.picture, shot.frame.name
            described = people(shot.analysis, runner)
        written = await run_in_threadpool(captures.write, picture, described, without_password(source))
        engine.metrics.captures.inc()
        return Captured(written=written, **described.model_dump())

    @app.get("/video", responses=_problems(404, 503, also={200: {"content": {MOTION_JPEG: {}}}}), **secured)
    async def video() -> Response:
        """Stream the live picture with the answers drawn in, as motion JPEG: for <img>, VLC or another program."""
        return StreamingResponse(_jpegs(*watch()), media_type=MOTION_JPEG)

    @app.get("/events", responses=_problems(404, 503, also={200: {"content": {EVENTS: {}}}}), **secured)
    async def events() -> Response:
        """Stream the answers about the live picture as server-sent events; the data of each is one JSON object."""
        return StreamingResponse(_events(*watch(), runner), media_type=EVENTS)

    streams = Streams(engine.metrics, limits.streams)

    def watch() -> tuple[Live, Streams]:
        if not live:
            raise HTTPException(404, "This page was started without --source.")
        if streams.full:
            raise HTTPException(503, f"{limits.streams} watch already.", {"retry-after": "5"})
        return live, streams

    return app


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


async def _jpegs(live: Live, streams: Streams) -> AsyncIterator[bytes]:
    with streams.one_more():
        async for shot in live.shots():
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(shot.jpeg)}\r\n\r\n"
            yield head.encode() + shot.jpeg + b"\r\n"


async def _events(live: Live, streams: Streams, runner: Runner) -> AsyncIterator[str]:
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


async def _newest(live: Live | None) -> Shot:
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


def _lifespan(parts: Parts) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if parts.live:
            parts.live.start()
        try:
            yield
        finally:
            if parts.live:
                parts.live.close()
            await run_in_threadpool(parts.engine.close)

    return lifespan


async def _explain(code: int, request: Request, error: Exception) -> Response:
    """Answer that an error of ours is the reason."""
    headers = {"retry-after": "1"} if code == 503 else None
    return JSONResponse({"detail": str(error)}, code, headers)


async def _fault(request: Request, error: Exception) -> Response:
    """Answer that there is a fault. What it is stands in the log, which the guard writes."""
    return JSONResponse({"detail": FAULT}, 500)


def _problems(*codes: int, also: dict[int | str, Any] | None = None) -> dict[int | str, Any]:
    """Describe the refusals of a route for the OpenAPI document. Those of the guard come to every route."""
    return {**(also or {}), **{code: {"model": Problem} for code in (*codes, 401, 403, 429)}}


def _body(required: bool) -> dict[str, Any]:
    return {"requestBody": {"required": required, "content": UPLOAD}}


def _file(name: str, kind: str) -> Any:
    body = (files("inference.page") / "static" / name).read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'

    async def answer(request: Request) -> Response:
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=kind, headers=headers)

    return answer


def _is_empty(request: Request) -> bool:
    return request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers


async def _uploaded(request: Request, limits: Limits) -> bytes:
    """Return the bytes of the picture that was sent, "" if none was. They never touch a disk."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind in UPLOAD and kind != "multipart/form-data":
        return await request.body()
    if kind != "multipart/form-data":
        raise HTTPException(415, f"Found content-type {kind[:100]!r}, expected one of {', '.join(UPLOAD)}.")
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=0)
    # Above this size the parser would write a temporary file.
    parser.spool_max_size = limits.body
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, f"The form cannot be read: {error.message}") from error
    try:
        file = form.get("picture")
        if file is None or isinstance(file, str):
            raise HTTPException(422, "The form has no file `picture`. Send one: curl -F picture=@photo.jpg.")
        return await file.read()
    finally:
        await form.close()
