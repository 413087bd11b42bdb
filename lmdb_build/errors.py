"""The errors of this room.

    MokaError
    └── LmdbBuildError        pictures could not become a database       exit code 1
        ├── ArchiveError      an archive that is damaged or unsafe
        ├── DatasetError      a folder without labelled pictures, a set that cannot be split
        └── ListError         a list file that is missing or empty, or a line that is not "path label"

Databases raise caffe_io's DatabaseError; means, pictures and options MeanError, PictureError and UsageError of common/errors.py.
"""

from __future__ import annotations

from common.errors import MokaError


class LmdbBuildError(MokaError):
    """Pictures could not become a database or a mean image."""


class ArchiveError(LmdbBuildError):
    """An archive that is missing, damaged, or names files outside its own folder."""


class DatasetError(LmdbBuildError):
    """A folder that holds no labelled pictures, or too few of them."""


class ListError(LmdbBuildError):
    """A list file that is missing or empty, or holds a line that is not "path label"."""
