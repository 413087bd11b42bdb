"""Makes database records as Caffe's convert_imageset does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np

from caffe_io.caffe_pb2 import Datum
from caffe_io.datum import raw_record
from common.errors import PictureError
from faces.pictures import decode, read_bytes, resize

from .errors import LmdbBuildError
from .lists import Entry
from .parallel import in_order, say, with_progress


@dataclass(frozen=True)
class Recipe:
    """The flags of convert_imageset, under their own names. Both sizes are 0 (no resize) or neither is."""

    gray: bool = False
    resize_height: int = 0
    resize_width: int = 0
    encoded: bool = False
    encode_type: str = ""


class Record(NamedTuple):
    """A serialized Datum, and the size of the picture in it."""

    value: bytes
    height: int
    width: int


def record_key(index: int, entry: Entry) -> bytes:
    """Return eight digits, "_" and the path as in the list. `index` counts the lines, including skipped pictures."""
    return f"{index:08d}_{entry.path}".encode("utf-8", "surrogateescape")


def make_record(path: str, entry: Entry, recipe: Recipe) -> Record:
    """Return the record of the picture at `path`.

    Without an encoding it holds channels, height, width, raw bytes in channel, row, column order, label and encoded =
    false. With an encoding it holds the bytes of a picture file, label and encoded = true. These are the file's own bytes
    if it is not resized and its name ends with the encoding; otherwise the picture is encoded again.
    Raises PictureError if the file is not a complete picture, LmdbBuildError if OpenCV does not know the encoding.
    """
    data = read_bytes(path)
    picture = resize(decode(data, recipe.gray), recipe.resize_height, recipe.resize_width)
    height, width = picture.shape[:2]
    encoding = encoding_of(entry.path, recipe)
    if not encoding:
        planes = [np.asarray(plane, np.uint8) for plane in cv2.split(picture)]
        return Record(raw_record(planes, entry.label), height, width)
    if recipe.resize_height or not _ends_as(path, encoding):
        datum = Datum(data=_encode(picture, encoding, entry.path), label=entry.label, encoded=True)
    else:
        datum = Datum(data=data, label=entry.label, encoded=True)
    return Record(datum.SerializeToString(), height, width)


def readable_records(
    prefix: str,
    entries: Iterable[Entry],
    count: int,
    recipe: Recipe,
    database: str,
    start: int = 0,
    first: tuple[Entry, Record] | None = None,
) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield index, key and value of the record of each picture that can be read, in order, and show progress.

    `prefix` is put before the paths of the `count` entries. A picture that cannot be read is named on stderr, once even
    if several entries name it; its index stays unused. `start` leaves out the entries before that index, and `first` is
    the first record of all if it is one of those.
    Raises LmdbBuildError, which says that `database` was not written, if no picture can be read or sizes differ.
    """

    def work(item: tuple[int, Entry]) -> tuple[int, Entry, Record | PictureError]:
        index, entry = item
        try:
            return index, entry, make_record(prefix + entry.path, entry, recipe)
        except PictureError as error:
            return index, entry, error

    skipped: dict[str, None] = {}
    remaining = islice(enumerate(entries), start, None)
    for index, entry, record in with_progress(in_order(work, remaining), count - start, "converted"):
        if isinstance(record, PictureError):
            if entry.path not in skipped:
                say(f"skipped: {prefix}{entry.path}: {record}")
            skipped[entry.path] = None
            continue
        first = first or (entry, record)
        _check_same_size(entry, record, *first)
        yield index, record_key(index, entry), record.value
    if first is None:
        raise LmdbBuildError(
            f"{database}: not written, because none of the {count} pictures could be read. The first is "
            f"{prefix}{next(iter(skipped), '')}. Check the paths, and the folder that they are relative to."
        )


def _check_same_size(entry: Entry, record: Record, first_entry: Entry, first: Record) -> None:
    if (record.height, record.width) != (first.height, first.width):
        raise LmdbBuildError(
            f"{entry.path}: is {record.height}x{record.width} (height x width), but the pictures before it are "
            f"{first.height}x{first.width}; the first is {first_entry.path}. No database was written. "
            "Give --resize_height and --resize_width."
        )


def encoding_of(path: str, recipe: Recipe) -> str:
    """Return "" for raw bytes, otherwise --encode_type, or the ending of the path in lower case."""
    if recipe.encode_type or not recipe.encoded:
        return recipe.encode_type
    return path.rpartition(".")[2].lower()


def _ends_as(path: str, encoding: str) -> bool:
    ending, encoding = path.rpartition(".")[2].lower(), encoding.lower()
    return ending == encoding or (ending, encoding) == ("jpeg", "jpg")


def _encode(picture: cv2.typing.MatLike, encoding: str, path: str) -> bytes:
    try:
        return cv2.imencode(f".{encoding}", picture)[1].tobytes()
    except cv2.error as error:
        raise LmdbBuildError(
            f"{path}: cannot be encoded as {encoding!r}, which OpenCV does not know. Give --encode_type jpg or png."
        ) from error
