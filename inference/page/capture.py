"""Captures: a picture and its answers, written to a folder or to S3-compatible storage.

Access keys come from where fsspec and Amazon's own programs look for them: environment variables, ~/.aws, the role of a
machine. They are never in a file of ours. What is written is never made public: objects get no access list of their own.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from common.commands import LOGGER
from common.errors import MokaError, UsageError
from common.files import atomic_file
from common.messages import last_line

from .schemas import People

if TYPE_CHECKING:
    from faces.pictures import Picture

EXPECTED = "a folder, or s3://BUCKET/PREFIX"
EVERYBODY = ("groups/global/AllUsers", "groups/global/AuthenticatedUsers")
QUALITY = 95
PATIENCE = {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 2}}
"""Of botocore with a server: by default it would try for minutes."""


class _Store(Protocol):
    place: str

    def write(self, name: str, data: bytes) -> str:
        """Write a file, complete or not at all. Return what to call it."""
        ...


class Captures:
    """Writes captures to `place`. Raises UsageError if it is no place for captures, MokaError if it cannot be written to."""

    def __init__(self, place: str) -> None:
        kind = urlsplit(place).scheme if "://" in place else ""
        if kind not in STORES:
            raise UsageError(f"--capture {_shown(place)}: expected {EXPECTED}.")
        self._store = STORES[kind](place)
        self.place = self._store.place

    def write(self, picture: Picture, people: People, source: str) -> list[str]:
        """Write the picture as a JPEG and its answers as JSON. Return the two names. Only pixels are kept, no metadata.

        Nothing of the names comes from a client. Raises MokaError.
        """
        import cv2

        done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not done:
            raise MokaError(f"a picture of {picture.shape[1]}x{picture.shape[0]} pixels cannot be written as a JPEG.")
        now = datetime.now(timezone.utc)
        name = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        answers = {"picture": f"{name}.jpg", "time": now.isoformat(timespec="milliseconds"), "source": source}
        text = json.dumps({**answers, **people.model_dump()}, indent=2)
        # The answers last: who waits for them finds the picture too.
        return [
            self._store.write(f"{name}.jpg", jpeg.tobytes()),
            self._store.write(f"{name}.json", text.encode()),
        ]


class _Folder:
    def __init__(self, place: str) -> None:
        self._folder = Path(place)
        self.place = place
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--capture {place}: cannot be a folder ({error.strerror}). Name another.") from error

    def write(self, name: str, data: bytes) -> str:
        with atomic_file(self._folder / name) as temporary:
            temporary.write_bytes(data)
        return str(self._folder / name)


class _Bucket:
    def __init__(self, place: str) -> None:
        import fsspec

        parts = urlsplit(place)
        if "@" in parts.netloc or parts.query or not parts.netloc:
            raise UsageError(
                f"--capture {_shown(place)}: expected s3://BUCKET/PREFIX. Keys come from AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY or ~/.aws, another server from AWS_ENDPOINT_URL."
            )
        self._bucket = parts.netloc
        prefix = parts.path.strip("/")
        self._root = f"{self._bucket}/{prefix}".rstrip("/")
        self.place = f"s3://{self._root}"
        self._files: Any = fsspec.filesystem(
            "s3", use_listings_cache=False, skip_instance_cache=True, config_kwargs=PATIENCE
        )
        self._check()

    def write(self, name: str, data: bytes) -> str:
        try:
            # One request: an object is there as a whole, or not at all.
            self._files.pipe_file(f"{self._root}/{name}", data, ContentType=_TYPES[Path(name).suffix])
        except Exception as error:
            # botocore's, aiohttp's and the system's errors have no class in common.
            raise MokaError(f"{self.place}: {name} cannot be written: {last_line(error)}.") from error
        return f"{self.place}/{name}"

    def _check(self) -> None:
        """Raise UsageError if the bucket is not there, or open to everybody."""
        try:
            self._files.call_s3("head_bucket", Bucket=self._bucket)
        except Exception as error:
            raise UsageError(
                f"--capture {self.place}: the bucket cannot be used: {last_line(error)}. Check its name, and the keys and "
                "AWS_ENDPOINT_URL in the environment."
            ) from error
        try:
            grants = self._files.call_s3("get_bucket_acl", Bucket=self._bucket).get("Grants", [])
        except Exception as error:
            logging.getLogger(LOGGER).warning(
                "%s: whether the bucket is public could not be read: %s", self.place, last_line(error)
            )
            return
        if any(str(grant.get("Grantee", {}).get("URI", "")).endswith(EVERYBODY) for grant in grants):
            raise UsageError(
                f"--capture {self.place}: everybody may use this bucket, and captures show faces. Block public access "
                "to it, or name another."
            )


STORES: dict[str, Callable[[str], _Store]] = {"": _Folder, "s3": _Bucket}
"""Places by what stands before ://."""
_TYPES = {".jpg": "image/jpeg", ".json": "application/json"}


def _shown(place: str) -> str:
    """Return a place without the secrets that a URL may hold."""
    before, at, after = place.rpartition("@")
    return f"...@{after}" if at and before else place
