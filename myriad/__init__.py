"""Myriad X blobs."""

from .blob import BlobError, BlobHeader, read_header

__all__ = ["BlobError", "BlobHeader", "read_header"]
