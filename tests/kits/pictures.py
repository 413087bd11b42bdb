"""One set of pictures of which each shows a rule: orientation marks, transparency, depth, formats that Caffe lacks."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEIGHT, WIDTH = 24, 32
Pixels = NDArray[np.uint8]


class Shown(NamedTuple):
    """What a picture of the set shows to every command: pixels in colour (BGR) and in grey. None if it is refused."""

    colour: Pixels | None
    grey: Pixels | None


def write_pictures(folder: Path) -> dict[str, Shown]:
    """Write the set into `folder`. Returns what is to be seen of each file, by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(9).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    bgr = np.asarray(cv2.GaussianBlur(noise, (5, 5), 0), np.uint8)
    image = Image.fromarray(bgr[..., ::-1])
    upright = _shown(bgr)
    turned = _shown(np.ascontiguousarray(np.rot90(bgr, -1)))
    # Orientation 6: the picture must be turned clockwise.
    mark = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + b"\0\0\0\0"
    exif = b"Exif\0\0" + mark
    image.save(folder / "mark.png", exif=mark)
    image.save(folder / "mark.webp", lossless=True, exif=exif)
    image.save(folder / "mark.tif", tiffinfo={0x0112: 6})
    # WebP does not keep the colour of a pixel that is not seen at all.
    clear = np.dstack([bgr, np.maximum(noise[..., 0], 1)])
    deep = bgr.astype(np.uint16) * 256 + noise
    for name, pixels in {"plain.png": bgr, "clear.png": clear, "clear.tif": clear, "deep.png": deep}.items():
        assert cv2.imwrite(str(folder / name), pixels)
    assert cv2.imwrite(str(folder / "clear.webp"), clear, [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert cv2.imwrite(str(folder / "grey.png"), bgr[..., 1])
    # JPEG keeps pixels only nearly, so they are those of the same file without a mark.
    image.save(folder / "plain.jpg", quality=95)
    image.save(folder / "mark.jpg", quality=95, exif=exif)
    jpeg, grey_jpeg = (
        np.asarray(cv2.imread(str(folder / "plain.jpg"), mode), np.uint8)
        for mode in (cv2.IMREAD_COLOR, cv2.IMREAD_GRAYSCALE)
    )
    image.save(folder / "frames.webp", save_all=True, append_images=[image.rotate(180)])
    image.save(folder / "moving.gif")
    image.save(folder / "phone.avif", exif=mark)
    refused = Shown(None, None)
    grey = bgr[..., 1]
    return {
        "plain.png": upright,
        "plain.jpg": Shown(jpeg, grey_jpeg),
        "mark.jpg": Shown(np.rot90(jpeg, -1), np.rot90(grey_jpeg, -1)),
        "mark.tif": turned,
        "mark.png": upright,
        "mark.webp": upright,
        "clear.png": upright,
        "clear.tif": upright,
        "clear.webp": upright,
        "deep.png": upright,
        "grey.png": Shown(np.dstack([grey] * 3), grey),
        "frames.webp": refused,
        "moving.gif": refused,
        "phone.avif": refused,
    }


def _shown(bgr: Pixels) -> Shown:
    return Shown(bgr, np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8))
