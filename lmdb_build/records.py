"""Database records as Caffe's convert_imageset writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from caffe_io.caffe_pb2 import Datum
from caffe_io.datum import raw_record
from faces.pictures import decode, read_bytes, resize

from .errors import LmdbBuildError
from .lists import Entry


@dataclass(frozen=True)
class Recipe:
    """What convert_imageset's flags ask for, under their names. Both sizes are 0 (as the file is) or neither."""

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
    """Eight digits, "_", the path as the list gives it; `index` counts the list's lines, skipped pictures as well."""
    return f"{index:08d}_{entry.path}".encode("utf-8", "surrogateescape")


def make_record(path: str, entry: Entry, recipe: Recipe) -> Record:
    """The record of the picture at `path`.

    Without an encoding: channels, height, width, raw bytes in channel, row, column order, label, encoded = false.
    With one: the bytes of a picture file, label, encoded = true. The file's own bytes if nothing has to be changed
    (no resize, and the name ends as the encoding says), else encoded anew.
    Raises PictureError if the file is no whole picture, LmdbBuildError if OpenCV does not know the encoding.
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


def encoding_of(path: str, recipe: Recipe) -> str:
    """ "" for raw bytes; else --encode_type, or what stands after the path's last point, in small letters."""
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
