"""The errors of this room.

    MokaError
    └── FacesError            faces cannot be found or cut                exit code 1
        ├── DetectorError     a detector's files are missing or damaged
        └── LandmarkError     a file of landmarks is damaged or of another form

Pictures and options raise PictureError and UsageError of common/errors.py.
"""

from __future__ import annotations

from common.errors import MokaError


class FacesError(MokaError):
    """Faces cannot be found in a picture or cut out of it."""


class DetectorError(FacesError):
    """A detector's files are missing or damaged."""


class LandmarkError(FacesError):
    """A file of landmarks is damaged, or has another form than expected."""
