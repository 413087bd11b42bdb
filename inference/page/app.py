"""The routes of the page and of the API."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from typing import Any, NamedTuple

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from common.errors import MokaError, PictureError

from .capture import Captures
from .engine import Busy, Engine
from .guard import COOKIE, FAULT, same
from .live import Live, without_password
from .schemas import Allowed, Captured, Health, People, Problem, Status, device_used, people
from .settings import Limits
from .streams import EVENTS, MOTION_JPEG, Streams, events, jpegs, newest
from .uploads import body_of, is_empty, uploaded

STATIC = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""The files of the page by their path. They are read once: no path of a client is ever opened."""
STATUS_OF: dict[type[Exception], int] = {PictureError: 422, Busy: 503, MokaError: 503}
"""The status that answers each error. FastAPI takes the nearest class."""
COOKIE_SECONDS = 30 * 24 * 3600


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
    app.add_exception_handler(RequestValidationError, _invalid)
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

    @app.post("/session", status_code=204, responses=_problems(400, 422))
    async def session(given: Token) -> Response:
        """Exchange the token for a cookie, which a browser sends with pictures and streams too."""
        if not token or not same(given.token, token):
            raise HTTPException(401, "That is not the token." if token else "This page needs no token.")
        response = Response(status_code=204)
        response.set_cookie(COOKIE, token, max_age=COOKIE_SECONDS, httponly=True, samesite="strict")
        return response

    @app.post("/analyze", openapi_extra=body_of(True), responses=_problems(400, 408, 413, 415, 422, 503), **secured)
    async def analyze(request: Request) -> People:
        """Answer about everybody in a picture: the file itself, or a form with the file as `picture`."""
        _, analysis = await engine.analyze(await uploaded(request, limits))
        return people(analysis, runner)

    @app.post(
        "/capture", openapi_extra=body_of(False), responses=_problems(400, 404, 408, 413, 415, 422, 503), **secured
    )
    async def capture(request: Request) -> Captured:
        """Write a picture and its answers to --capture: the picture that is sent, or without one the live frame."""
        if not captures:
            raise HTTPException(404, "This page was started without --capture.")
        data = b"" if is_empty(request) else await uploaded(request, limits)
        if data:
            picture, analysis = await engine.analyze(data)
            source, described = "sent", people(analysis, runner)
        else:
            shot = await newest(live)
            picture, source = shot.frame.picture, shot.frame.name
            described = people(shot.analysis, runner)
        written = await run_in_threadpool(captures.write, picture, described, without_password(source))
        engine.metrics.captures.inc()
        return Captured(written=written, **described.model_dump())

    @app.get("/video", responses=_problems(404, 503, also={200: {"content": {MOTION_JPEG: {}}}}), **secured)
    async def video() -> Response:
        """Stream the live picture with the answers drawn in, as motion JPEG: for <img>, VLC or another program."""
        return StreamingResponse(jpegs(*watch()), media_type=MOTION_JPEG)

    @app.get("/events", responses=_problems(404, 503, also={200: {"content": {EVENTS: {}}}}), **secured)
    async def answers() -> Response:
        """Stream the answers about the live picture as server-sent events; the data of each is one JSON object."""
        return StreamingResponse(events(*watch(), runner), media_type=EVENTS)

    watchers = Streams(engine.metrics, limits.streams)

    def watch() -> tuple[Live, Streams]:
        if not live:
            raise HTTPException(404, "This page was started without --source.")
        if watchers.full:
            raise HTTPException(503, f"{limits.streams} watch already.", {"retry-after": "5"})
        return live, watchers

    return app


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


async def _invalid(request: Request, error: Exception) -> Response:
    """Answer in one sentence what is wrong. FastAPI's own answer repeats what was sent, such as a token."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = " ".join(str(part) for part in first["loc"])
    return JSONResponse({"detail": f"{place}: {first['msg']}."}, 422)


async def _fault(request: Request, error: Exception) -> Response:
    """Answer that there is a fault. What it is stands in the log, which the guard writes."""
    return JSONResponse({"detail": FAULT}, 500)


def _problems(*codes: int, also: dict[int | str, Any] | None = None) -> dict[int | str, Any]:
    """Describe the refusals of a route for the OpenAPI document. Those of the guard come to every route."""
    return {**(also or {}), **{code: {"model": Problem} for code in (*codes, 401, 403, 429)}}


def _file(name: str, kind: str) -> Any:
    body = (files("inference.page") / "static" / name).read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'

    async def answer(request: Request) -> Response:
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=kind, headers=headers)

    return answer
