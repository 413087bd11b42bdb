"""An address in the network as a source: the stream of a camera (RTSP, HTTP), a video, or a picture.

Names and passwords in an address reach the camera only. Frames, messages and files get the address without them.
"""

from __future__ import annotations

import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any, NamedTuple, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from common.errors import PictureError, UsageError
from common.messages import last_line
from common.pictures.header import largest_file

from ..frame import Frame, Unreadable
from .live import live_frames
from .picture import frame_of, is_picture
from .video import open_capture

SCHEMES = ("rtsp", "rtsps", "http", "https")
OPEN_SECONDS = 10.0
"""For a server to answer. A frame has as long."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SECRET = re.compile(r"(?i)(?<=[?&])([^=&]*(?:user|usr|login|name|pass|pwd|token|key|auth|secret|sig)[^=&]*)=[^&]*")
_CHUNK, _HEAD = 1 << 16, 16
# How lists of videos begin: HLS, DASH.
_PLAYLISTS = (b"#EXTM3U", b"<", b"\xef\xbb\xbf")
# What a server says that does not know.
_UNKNOWN_KINDS = ("application/octet-stream", "binary/octet-stream", "text/plain")
_PICTURE_SECONDS = 60.0

Result = TypeVar("Result")


def is_url(word: str) -> bool:
    """Return whether a word is an address."""
    return _URL.match(word) is not None


def open_url(word: str) -> Iterator[Frame | Unreadable]:
    """Return the frames of an address. Raises UsageError if it is malformed or of another kind."""
    try:
        parts = urlsplit(word)
        malformed = not parts.hostname or parts.port == 0
    except ValueError:
        malformed = True
    if malformed or re.search(r"[\x00-\x20\x7f]", word):
        raise UsageError(f"{public_name(word)}: not a complete address. Expected such as rtsp://192.168.1.20/stream.")
    if parts.scheme not in SCHEMES:
        raise UsageError(f"{public_name(word)}: expected an address that begins with {', '.join(SCHEMES)}.")
    return _frames(word, parts)


def public_name(word: str) -> str:
    """Return an address without the user, the password and the values of its query that may be secret."""
    scheme, _, rest = word.partition("://")
    host, slash, path = rest.partition("/")
    return _SECRET.sub(r"\1=...", f"{scheme}://{host.rpartition('@')[2]}{slash}{path}")


def _frames(word: str, parts: SplitResult) -> Iterator[Frame | Unreadable]:
    name = public_name(word)
    live = None
    if parts.scheme.startswith("http"):
        begun = time.perf_counter()
        try:
            answer = _in_time(lambda: _fetch(parts), _PICTURE_SECONDS)
        except PictureError as error:
            yield Unreadable(name, str(error))
            return
        if answer.picture is not None:
            yield frame_of(name, answer.picture, begun)
            return
        if answer.has_length:
            live = False
    yield from live_frames(name, lambda: _open_stream(word), live)


def _open_stream(word: str) -> Any:
    import cv2

    wait = int(OPEN_SECONDS * 1e3)
    capture = open_capture(
        word, cv2.CAP_FFMPEG, [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, wait, cv2.CAP_PROP_READ_TIMEOUT_MSEC, wait]
    )
    if not capture.isOpened():
        raise PictureError(
            f"no stream of pictures opened within {OPEN_SECONDS:g} s. Check the address, the user and the password, and that "
            "the camera is on"
        )
    return capture


class _Answer(NamedTuple):
    """What a server answers: the bytes of a picture, or whether something else has a length, as streams have not."""

    picture: bytes | None = None
    has_length: bool = False


def _fetch(parts: SplitResult) -> _Answer:
    """Ask for what the address leads to. Raises PictureError, with the reason alone."""
    user, at, host = parts.netloc.rpartition("@")
    address = parts._replace(netloc=host, fragment="").geturl()
    try:
        with _opener(address, user if at else None).open(address, timeout=OPEN_SECONDS) as answer:
            kind = answer.headers.get_content_type()
            if kind.startswith("multipart/"):
                return _Answer()
            head = answer.read(_HEAD)
            if kind.startswith("image/") or (kind in _UNKNOWN_KINDS and is_picture(head)):
                return _Answer(_read(answer, head))
            # A playlist is short and names a stream that may have no end.
            return _Answer(has_length="Content-Length" in answer.headers and not head.startswith(_PLAYLISTS))
    except urllib.error.HTTPError as error:
        error.close()
        raise PictureError(
            f"the server answers {error.code} {error.reason}. Check the address, user and password"
        ) from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise PictureError(
            f"the server cannot be reached ({last_line(error) if reason is error else reason})"
        ) from error


def _opener(address: str, user: str | None) -> urllib.request.OpenerDirector:
    """Return what opens addresses, and answers with `user` (NAME:PASSWORD, quoted) where it is asked for it."""
    if user is None:
        return urllib.request.build_opener()
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    name, _, password = user.partition(":")
    passwords.add_password(None, address, unquote(name), unquote(password))
    kinds = (urllib.request.HTTPBasicAuthHandler, urllib.request.HTTPDigestAuthHandler)
    return urllib.request.build_opener(*(kind(passwords) for kind in kinds))


def _read(answer: Any, head: bytes) -> bytes:
    data = bytearray(head)
    while part := answer.read(_CHUNK):
        data += part
        if len(data) > largest_file():
            raise PictureError(f"larger than the {largest_file()} bytes that are expected at most")
    return bytes(data)


def _in_time(function: Callable[[], Result], seconds: float) -> Result:
    """Return what `function` returns, or raise what it raises. Raises PictureError if it takes longer.

    A server that sends a byte now and then keeps any single wait short.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise PictureError(f"the server did not finish within {seconds:g} s")
    return results[0]
