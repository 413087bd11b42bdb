"""The routes: /compile and /zoo_models, as blobconverter's server had them."""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from common.errors import UsageError

from .compile import compile_job
from .request import LARGEST_CONFIG, read_request, safe_name

MOST_FILES = 8
MOST_FIELDS = 32
_CHUNK = 1 << 20
LOOPBACK_NAMES = ["127.0.0.1", "localhost", "::1", "[::1]"]
_ABOUT = """Moka's stand-in for blobconverter: POST /compile, GET /zoo_models.

    import blobconverter
    blobconverter.set_defaults(url="{url}", output_dir="blobs")
    blobconverter.from_onnx("net.onnx", shaves=6)

docs/other_doors.md says more.
"""


@dataclass(frozen=True)
class Limits:
    """Bytes of one request, seconds of one compilation, and how many requests may be there at a time."""

    body: int = 512 << 20
    seconds: float = 600.0
    waiting: int = 8


class Refused(Exception):
    """A request that is answered with `status` and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def make_app(limits: Limits, token: str | None = None) -> Starlette:
    """Return the application. With a `token` its paths begin with it, and it may be called by any name."""
    one = asyncio.Semaphore(1)
    present = 0

    async def compile_(request: Request) -> Response:
        nonlocal present
        if present >= limits.waiting:
            raise Refused(503, "Too many requests are waiting. Try again later.")
        present += 1
        try:
            with tempfile.TemporaryDirectory(prefix="moka-blob-") as folder:
                return await _compile(request, Path(folder), limits, one)
        finally:
            present -= 1

    async def zoo_models(request: Request) -> Response:
        return JSONResponse({"version": "2", "available": [], "unavailable": []})

    async def about(request: Request) -> Response:
        return PlainTextResponse(_ABOUT.format(url=str(request.base_url).rstrip("/") + prefix))

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return JSONResponse(
            {"message": error.message, "exit_code": 2, "stdout": "", "stderr": error.message}, error.status
        )

    prefix = f"/{token}" if token else ""
    routes = [
        Route(f"{prefix}/compile", compile_, methods=["GET", "POST"]),
        Route(f"{prefix}/zoo_models", zoo_models),
        Route(f"{prefix}/", about),
    ]
    # A web page could lead a name of its own to 127.0.0.1, and call us from a browser.
    guards = [] if token else [Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_NAMES, www_redirect=False)]
    return Starlette(routes=routes, middleware=guards, exception_handlers={Refused: refuse})


async def _compile(request: Request, folder: Path, limits: Limits, one: asyncio.Semaphore) -> Response:
    """Receive the files, compile them, and send the blob."""
    if "origin" in request.headers:
        raise Refused(403, "This server is for programs, not for pages in a browser.")
    fields, config, files = await _receive(request, folder, limits)
    try:
        job = read_request(fields, config, files)
    except UsageError as error:
        raise Refused(400, str(error)) from error
    if job.dry:
        return JSONResponse([shlex.join(["./moka", *job.words])])
    async with one:
        outcome = await compile_job(job, folder, limits.seconds)
    if outcome.exit_code:
        message = outcome.stderr.strip() or "the command says nothing"
        answer = {
            "message": message,
            "exit_code": outcome.exit_code,
            "stdout": outcome.stdout,
            "stderr": outcome.stderr,
        }
        return JSONResponse(answer, 400)
    suffix, kind = (".zip", "application/zip") if job.with_ir else (".blob", "application/octet-stream")
    headers = {"Content-Disposition": f'attachment; filename="{job.name}{suffix}"'}
    return Response(outcome.content, media_type=kind, headers=headers)


async def _receive(request: Request, folder: Path, limits: Limits) -> tuple[dict[str, str], bytes | None, list[str]]:
    """Read the form: its fields with those of the address, the file "config", and the names of the files now in `folder`."""
    fields = dict(request.query_params)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return {**fields, **await _plain_form(request)}, None, []
    parser = MultiPartParser(
        request.headers, _limited(request, limits.body), max_files=MOST_FILES, max_fields=MOST_FIELDS
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refused(400, f"The form cannot be read: {error.message}") from error
    config, names = None, []
    try:
        for key, value in form.multi_items():
            if not isinstance(value, UploadFile):
                fields[key] = value
            elif key == "config":
                config = await value.read(LARGEST_CONFIG + 1)
            else:
                try:
                    name = safe_name(value.filename or key)
                except UsageError as error:
                    raise Refused(400, str(error)) from error
                await _write(value, folder / name)
                names.append(name)
    finally:
        await form.close()
    return fields, config, names


async def _plain_form(request: Request) -> dict[str, str]:
    """Return the fields of a form without files."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    if int(request.headers.get("content-length") or LARGEST_CONFIG + 1) > LARGEST_CONFIG:
        raise Refused(413, f"A form without files has at most {LARGEST_CONFIG} bytes.")
    form = await request.form(max_fields=MOST_FIELDS)
    return {key: value for key, value in form.multi_items() if isinstance(value, str)}


async def _write(upload: UploadFile, path: Path) -> None:
    with path.open("xb") as file:
        while data := await upload.read(_CHUNK):
            file.write(data)


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """Give the body of a request, up to `most` bytes."""
    left = most
    async for data in request.stream():
        left -= len(data)
        if left < 0:
            raise Refused(413, f"The files have more than {most} bytes. Start the server with a larger --most_mb.")
        yield data
