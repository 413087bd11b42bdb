"""Myriad X blobs: read, listed and computed, with numpy alone."""

from .blob import Blob, read_blob
from .errors import BlobError
from .header import BlobHeader, read_header

__all__ = ["Blob", "BlobError", "BlobHeader", "read_blob", "read_header"]
