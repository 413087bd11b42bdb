"""The errors of this room.

    MokaError
    └── LmdbBuildError        pictures cannot become a database           exit code 1
        ├── ArchiveError      an archive is damaged or unsafe
        ├── DatasetError      a folder has no labelled pictures, or they cannot be split
        ├── ListError         a list file is missing or empty, or a line is not "path label"
        └── TableError        a table of pictures and tasks is missing, empty or wrong

Databases raise caffe_io's DatabaseError; means, pictures and options MeanError, PictureError and UsageError of common/errors.py.
"""

from __future__ import annotations

from common.errors import MokaError


class LmdbBuildError(MokaError):
    """Pictures cannot become a database."""


class ArchiveError(LmdbBuildError):
    """An archive is missing, damaged, or names files outside its own folder."""


class DatasetError(LmdbBuildError):
    """A folder holds no labelled pictures, or too few of them."""


class ListError(LmdbBuildError):
    """A list file is missing or empty, or holds a line that is not "path label"."""


class TableError(LmdbBuildError):
    """A table of pictures and tasks, or its tasks.json, is missing or empty, or holds what it must not."""
