"""The text of a list of pictures, with a line "path label" for each, and what people write into one by mistake."""

from __future__ import annotations

import codecs
import errno
import os
import re

from common.inputs import read_input

ONE_LABEL = (
    "A list gives each picture one whole number. For several labels or decimals, write them into HDF5 files (HDF5Data), "
    "or into a second LMDB beside that of the pictures."
)
# Bytes. ImageNet's list of 1.3 million pictures has 50 MB.
_LONGEST = 1 << 30
# A picture's name, and numbers after it.
_SEVERAL_LABELS = re.compile(r".+\.\w+( +[+-]?[0-9][0-9.e+-]*)+")


def read_list_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a list, without a byte order mark. Raises OSError, with the reason in words as its strerror."""
    data = read_input(path, _LONGEST)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise OSError(errno.EILSEQ, "it is UTF-16 text. Save it as UTF-8", os.fspath(path))
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def has_labels(path: str) -> bool:
    """Whether what stands before the last label looks like a picture's name with more labels after it."""
    return _SEVERAL_LABELS.fullmatch(path) is not None
