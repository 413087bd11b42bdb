"""The errors of this room.

    caffe_io.MokaError
    └── LmdbBuildError        pictures could not become a database       exit code 1
        ├── ArchiveError      an archive that is damaged or unsafe
        ├── DatasetError      a folder without labelled pictures, a set that cannot be split
        ├── ListError         a list file that is missing or empty, or a line that is not "path label"
        └── PictureError      one picture that cannot be taken; the commands count it, name it and go on

Databases and mean files raise caffe_io's DatabaseError and MeanError, options caffe_io's UsageError.
"""

from __future__ import annotations

from caffe_io.errors import MokaError


class LmdbBuildError(MokaError):
    """Pictures could not become a database or a mean image."""


class ArchiveError(LmdbBuildError):
    """An archive that is missing, damaged, or names files outside its own folder."""


class DatasetError(LmdbBuildError):
    """A folder that holds no labelled pictures, or too few of them."""


class ListError(LmdbBuildError):
    """A list file that is missing or empty, or holds a line that is not "path label"."""


class PictureError(LmdbBuildError):
    """A file that is not a whole picture; the message is the reason alone, the caller knows the file."""
