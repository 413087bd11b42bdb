"""Errors of Myriad X blobs."""

from __future__ import annotations

from common.errors import MokaError


class BlobError(MokaError):
    """A file that is no Myriad X blob, is cut short, or is damaged."""
