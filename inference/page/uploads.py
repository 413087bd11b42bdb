"""Picture files that clients send. They stay in memory: nothing is written to a disk, and no name of a client is used."""

from __future__ import annotations

from typing import Any

from fastapi import HTTPException, Request
from starlette.formparsers import MultiPartException, MultiPartParser

from .settings import Limits

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


def body_of(required: bool) -> dict[str, Any]:
    return {"requestBody": {"required": required, "content": UPLOAD}}


def is_empty(request: Request) -> bool:
    """Return whether a request has no body."""
    return request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers


async def uploaded(request: Request, limits: Limits) -> bytes:
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
