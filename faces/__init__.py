"""Pictures of faces: read, check, decode, resize, crop."""

from .crop import Box, crop
from .pictures import MIN_SIDE, check_picture, decode, read_bytes, read_picture, resize

__all__ = ["MIN_SIDE", "Box", "check_picture", "crop", "decode", "read_bytes", "read_picture", "resize"]
