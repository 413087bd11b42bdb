"""Photographs as phones and browsers write them: the formats that all commands read, and AVIF and HEIC.

Caffe reads neither of the two, so no network was trained on them, and the commands of training refuse them
(docs/pictures.md). Whoever asks a network about a photograph cares little for that. Both carry their own rotation in
place of an EXIF mark. The codec of AVIF comes with OpenCV; that of HEIC is an optional package.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from common.errors import PictureError
from common.messages import last_line
from common.pictures.header import most_pixels

from .pictures import check_picture, decode, is_truncated, silent_opencv

if TYPE_CHECKING:
    from .pictures import Picture

_AVIF = re.compile(rb"....ftyp(avif|avis)", re.DOTALL)
_HEIC = re.compile(rb"....ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)", re.DOTALL)
# A box "ispe" says how large a picture, or a tile of one, is: its length (20), its name, 4 bytes of flags, both sides.
_SIZE = re.compile(rb"\0\0\0\x14ispe\0\0\0\0(.{4})(.{4})", re.DOTALL)
# How a file is to be shown: quarter turns to the left, then a mirror (0: top and bottom change places, 1: left and right).
_TURN = re.compile(rb"\0\0\0\x09irot(.)", re.DOTALL)
_MIRROR = re.compile(rb"\0\0\0\x09imir(.)", re.DOTALL)
HEIF_PACKAGE = "pillow-heif"
"""Of the dependency group heif in pyproject.toml."""


def decode_photo(data: bytes) -> Picture:
    """Decode the bytes of a picture file into BGR uint8, height x width x 3.

    Raises PictureError, with the reason alone, if the file is damaged, cut short, too large, or smaller than MIN_SIDE.
    """
    if is_truncated(data):
        raise PictureError(f"cut short ({len(data)} bytes, no end marker). Copy or download it again")
    decoder = next((decoder for beginning, decoder in _DECODERS if beginning.match(data)), decode)
    picture = decoder(data)
    try:
        check_picture(picture, "")
    except PictureError as error:
        raise PictureError(str(error).removeprefix(": ").rstrip(".")) from error
    return picture


def is_photo(data: bytes) -> bool:
    """Return whether a file that begins with `data` is an AVIF or HEIC file. Videos begin nearly the same."""
    return any(beginning.match(data) for beginning, _ in _DECODERS)


def _decode_avif(data: bytes) -> Picture:
    import cv2
    import numpy as np

    if _is_heic(data):
        return _decode_heic(data)
    _check_size("an AVIF", data)
    try:
        with silent_opencv():
            # An EXIF mark may repeat the file's own rotation.
            mode = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except (cv2.error, MemoryError) as error:
        raise PictureError(f"an AVIF file that OpenCV refuses: {getattr(error, 'err', 'not enough memory')}") from error
    if picture is None:
        reason = "a truncated or damaged AVIF" if _has_avif() else "an AVIF file, for which this OpenCV has no codec"
        raise PictureError(f"{reason} ({len(data)} bytes). Convert it to JPEG or PNG")
    # OpenCV leaves the picture as it is stored.
    if turn := _TURN.search(data):
        picture = np.rot90(picture, turn[1][0] & 3)
    if mirror := _MIRROR.search(data):
        picture = picture[:, ::-1] if mirror[1][0] & 1 else picture[::-1]
    return np.ascontiguousarray(picture, np.uint8)


def _decode_heic(data: bytes) -> Picture:
    import numpy as np

    try:
        import pillow_heif
    except ImportError:
        raise PictureError(
            "a HEIC file, as iPhones write them, whose codec is not installed. Run "
            f"{sys.executable} -m pip install {HEIF_PACKAGE}, or convert it to JPEG"
        ) from None
    _check_size("a HEIC", data)
    try:
        photo = pillow_heif.open_heif(data, convert_hdr_to_8bit=True, bgr_mode=True)
        pixels = np.asarray(photo, np.uint8)
    except (ValueError, OSError, EOFError, RuntimeError, SyntaxError, MemoryError) as error:
        raise PictureError(f"a truncated or damaged HEIC ({last_line(error)})") from error
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    # Grey becomes three equal channels, transparency is dropped.
    return np.ascontiguousarray(np.repeat(pixels[..., :1], 3, axis=2) if pixels.shape[2] < 3 else pixels[..., :3])


def _is_heic(data: bytes) -> bool:
    """Return whether the general brand mif1 or msf1 stands for HEIC: no AVIF is among the compatible brands."""
    length = int.from_bytes(data[:4], "big")
    return data[8:12] in (b"mif1", b"msf1") and b"avif" not in data[16 : min(length, 256)]


def _has_avif() -> bool:
    import cv2

    return bool(cv2.haveImageWriter("moka.avif"))


def _check_size(kind: str, data: bytes) -> None:
    """Raise PictureError if a file claims more pixels than are decoded. The decoders hold the file to what it claims."""
    most = most_pixels()
    for width, height in _SIZE.findall(data):
        across, down = int.from_bytes(width, "big"), int.from_bytes(height, "big")
        if across * down > most:
            raise PictureError(
                f"{kind} file of {across}x{down} pixels, but at most {most} are decoded. Make it smaller"
            )


_DECODERS = [
    (_AVIF, _decode_avif),
    (re.compile(rb"....ftyp(mif1|msf1)", re.DOTALL), _decode_avif),
    (_HEIC, _decode_heic),
]
"""What a file begins with -> its decoder. The brands mif1 and msf1 are of both."""
