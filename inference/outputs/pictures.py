"""Annotated pictures: a folder of them, or a single one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import MokaError, UsageError
from common.files import atomic_file, atomic_folder, refuse_existing

from .drawing import draw_faces
from .output import FileStack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..analyzer import Analysis
    from ..frame import Frame, Unreadable
    from .output import About

SUFFIX = ".jpg"
"""What a folder holds."""
JPEG_QUALITY = 92
LONGEST_NAME = 100
"""Characters of a picture's name that the name of its annotated one keeps."""


class Pictures:
    """Writes an annotated JPEG for each picture into a folder, which is complete or missing.

    Its name is that of the picture, with the number of the frame where there is one. Of equal names the later ones get a
    number.
    """

    def __init__(self, path: Path, about: About, force: bool = False) -> None:
        self._files = FileStack()
        self._folder = self._files.enter(atomic_folder(path, force, _is_ours))
        self._next: dict[str, int] = {}

    def write(self, frame: Frame, analysis: Analysis) -> None:
        """Draw a picture and write it."""
        with self._files.guarded():
            (self._folder / self._name(frame)).write_bytes(encode(draw_faces(frame.picture, analysis), SUFFIX))

    def left_out(self, unreadable: Unreadable) -> None:
        """There is nothing to draw."""

    def close(self) -> None:
        """Put the folder into its place."""
        self._files.close()

    def discard(self) -> None:
        """Delete the folder."""
        self._files.discard()

    def _name(self, frame: Frame) -> str:
        """Return a name that the folder does not hold yet."""
        stem = stem_of(frame)
        name = f"{stem}{SUFFIX}"
        while (self._folder / name).exists():
            self._next[stem] = self._next.get(stem, 1) + 1
            name = f"{stem}_{self._next[stem]}{SUFFIX}"
        return name


class OnePicture:
    """Writes one annotated picture, in the format that its name ends with."""

    def __init__(self, path: Path, about: About, force: bool = False) -> None:
        refuse_existing(path, force)
        self._path = path
        self._force = force
        self._data = b""

    def write(self, frame: Frame, analysis: Analysis) -> None:
        """Draw the picture. Raises UsageError for a second one."""
        if self._data:
            raise UsageError(f"{self._path}: holds one picture, but there are several. Name a folder, or a video.")
        self._data = encode(draw_faces(frame.picture, analysis), self._path.suffix)

    def left_out(self, unreadable: Unreadable) -> None:
        """There is nothing to draw."""

    def close(self) -> None:
        """Write the file."""
        if self._data:
            with atomic_file(self._path, self._force) as temporary:
                temporary.write_bytes(self._data)

    def discard(self) -> None:
        """Nothing was written yet."""


def encode(sheet: NDArray[np.uint8], suffix: str) -> bytes:
    """Return a picture as the bytes of a file whose name ends in `suffix`."""
    import cv2

    try:
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix.lower() in (".jpg", ".jpeg") else []
        done, data = cv2.imencode(suffix.lower(), sheet, options)
    except cv2.error as error:
        raise MokaError(
            f"an annotated picture cannot be written as {suffix} ({error.err}). Use .jpg or .png."
        ) from error
    if not done:
        raise MokaError(f"OpenCV cannot write {suffix} here. Use .jpg or .png.")
    return bytes(data.tobytes())


def stem_of(frame: Frame) -> str:
    """Return the name of an annotated picture, without its suffix, in characters that every file system takes."""
    last = re.split(r"[/\\:]", frame.name.rstrip("/\\:"))[-1]
    stem = re.sub(r"\.\w{1,5}$", "", last)
    plain = re.sub(r"[^\w.-]+", "_", stem.encode("utf-8", "replace").decode("utf-8")).lstrip(".-")[:LONGEST_NAME]
    number = f"_{frame.index:06d}" if frame.moving else ""
    return f"{plain or 'picture'}{number}"


def _is_ours(names: set[str]) -> bool:
    return all(name.endswith(SUFFIX) for name in names)
