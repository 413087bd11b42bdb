"""Where pictures come from: each source is a generator of frames that closes what it opened.

    for each in open_sources(["photo.jpg", "holiday/", "film.mp4", "webcam"]):
        print(each.name, each.reason if isinstance(each, Unreadable) else each.picture.shape)

What cannot be read is an Unreadable among the frames, and the others go on.

| a word | means |
|---|---|
| `-` | standard input: pictures one after another, or a YUV4MPEG2 stream |
| `mjpeg`, `mjpeg@30` | standard input: JPEGs that are the frames of one video |
| `raw:640x480`, `raw:640x480@30` | standard input: frames of BGR bytes, without a header |
| `webcam`, `webcam:1`, `/dev/video1` | a camera at this computer |
| `oak` | the camera of an OAK |
| `rtsp://...`, `http://...` | a camera, a video or a picture in the network |
| a folder | the pictures and videos in it and below it |
| `photos/*.jpg`, `photos/**/*.png` | the files that match, if the shell has left the pattern as it is |
| a file | by its contents: a picture, a video or a tar of pictures; .txt, .lst and .list are lists of files |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from common.errors import UsageError

from ..frame import Frame, Unreadable
from . import camera, files, folder, oak, stream, url

__all__ = ["KINDS", "Kind", "Opener", "how_many", "open_sources"]


Opener = Callable[[str], Iterator[Frame | Unreadable]]
"""Returns the frames of a source. Raises UsageError if the word is malformed."""


class Kind(NamedTuple):
    """A kind of source: which words mean it, how it is opened, and how many frames it has, if that is known cheaply."""

    takes: Callable[[str], bool]
    open: Opener
    how_many: Callable[[str], int | None]


def _unknown(_: str) -> int | None:
    return None


KINDS = {
    "standard input": Kind(stream.is_stdin, stream.open_stdin, _unknown),
    "motion JPEG": Kind(stream.is_motion_jpeg, stream.open_motion_jpeg, _unknown),
    "raw frames": Kind(stream.is_raw, stream.open_raw, _unknown),
    "webcam": Kind(camera.is_webcam, camera.open_webcam, _unknown),
    "OAK": Kind(oak.is_oak, oak.open_oak, _unknown),
    "URL": Kind(url.is_url, url.open_url, _unknown),
    "folder": Kind(folder.is_folder, folder.open_folder, folder.count_folder),
    "glob": Kind(folder.is_pattern, folder.open_pattern, folder.count_pattern),
    "file": Kind(lambda word: True, files.open_file, files.count_file),
}
"""The first kind that takes a word opens it."""
ON_STDIN = [KINDS[name] for name in ("standard input", "motion JPEG", "raw frames")]
"""The kinds that read standard input, which can be read once."""


def open_sources(words: Sequence[str], others: Mapping[str, Opener] | None = None) -> Iterator[Frame | Unreadable]:
    """Return the frames of all sources, one source after another. Raises UsageError at once if a word is malformed.

    A source is opened when the one before it has ended. Closing the generator closes the source that is open. `others` opens some
    words in another way than KINDS.
    """
    if sum(kind_of(word) in ON_STDIN for word in words) > 1:
        raise UsageError("Standard input is named twice. Give -, mjpeg or raw:WIDTHxHEIGHT once.")
    openers = others or {}
    return _one_after_another([openers.get(word, kind_of(word).open)(word) for word in words])


def how_many(words: Sequence[str]) -> int | None:
    """Return about how many frames and unreadable files the sources have, or None if only reading them would tell.

    Videos count by what their headers claim.
    """
    total = 0
    for word in words:
        count = kind_of(word).how_many(word)
        if count is None:
            return None
        total += count
    return total


def kind_of(word: str) -> Kind:
    """Return the kind of source that a word means."""
    return next(kind for kind in KINDS.values() if kind.takes(word))


def _one_after_another(sources: Sequence[Iterator[Frame | Unreadable]]) -> Iterator[Frame | Unreadable]:
    for source in sources:
        yield from source
