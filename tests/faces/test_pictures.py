"""Decoding as Caffe decodes: what databases take, and what they refuse."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import PictureError
from faces.pictures import decode, read_bytes, resize
from kits.lmdb_build import picture


def encoded(ending: str, what: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(ending, what, list(options))[1].tobytes()


def test_colour_is_bgr() -> None:
    blue = np.zeros((4, 6, 3), np.uint8)
    blue[..., 0] = 255
    assert np.array_equal(decode(encoded(".png", blue)), blue)


def test_grey_becomes_three_equal_channels_or_one() -> None:
    grey = picture(channels=1)
    assert np.array_equal(decode(encoded(".png", grey)), np.repeat(grey[..., None], 3, axis=2))
    assert np.array_equal(decode(encoded(".png", grey), gray=True), grey)


def test_transparency_is_dropped() -> None:
    transparent = picture(channels=4)
    assert np.array_equal(decode(encoded(".png", transparent)), transparent[..., :3])


def test_sixteen_bits_become_their_upper_eight() -> None:
    deep = (picture().astype(np.uint16) << 8) + 37
    assert np.array_equal(decode(encoded(".png", deep)), picture())


def test_the_camera_s_orientation_mark_is_obeyed() -> None:
    jpeg = encoded(".jpg", picture(height=24, width=16))
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + b"\0\0\0\0"
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    upright = decode(jpeg)
    assert np.array_equal(decode(turned), np.rot90(upright, -1))


@pytest.mark.parametrize(
    "options",
    [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)],
    ids=["baseline", "progressive", "restart marks"],
)
def test_a_jpeg_cut_anywhere_is_refused(tmp_path: Path, options: tuple[int, ...]) -> None:
    data = encoded(".jpg", picture(), *options)
    decode(data)
    for length in range(1, len(data)):
        with pytest.raises(PictureError):
            decode(data[:length])
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(data[:-20])
    assert cv2.imread(str(cut)) is not None, "from a file OpenCV, and so Caffe, would have taken it"


@pytest.mark.parametrize("ending", [".png", ".bmp", ".webp"])
def test_other_formats_cut_are_refused(ending: str) -> None:
    data = encoded(ending, picture())
    for part in (0.1, 0.5, 0.9):
        with pytest.raises(PictureError, match=r"a truncated or damaged (PNG|BMP|WebP)"):
            decode(data[: int(len(data) * part)])


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("this is no picture\n" * 100)
    with pytest.raises(PictureError, match=r"empty file \(0 bytes\)"):
        read_bytes(tmp_path / "empty.jpg")
    with pytest.raises(PictureError, match=r"not a picture, or damaged \(1900 bytes"):
        decode(read_bytes(tmp_path / "text.jpg"))
    with pytest.raises(PictureError, match="no such file"):
        read_bytes(tmp_path / "none.jpg")
    with pytest.raises(PictureError, match="a folder"):
        read_bytes(tmp_path)


def test_a_picture_that_claims_to_be_huge() -> None:
    header = struct.pack(">II5B", 60000, 60000, 8, 2, 0, 0, 0)
    png = encoded(".png", picture())
    with pytest.raises(PictureError):
        decode(png[:16] + header + png[29:])


def test_resize_stretches() -> None:
    assert resize(picture(), 10, 30).shape == (10, 30, 3)
    assert resize(picture(channels=1), 10, 30).shape == (10, 30)
    assert np.array_equal(resize(picture(), 0, 0), picture())


def test_one_pixel_can_be_resized() -> None:
    pixel = np.array([[[10, 20, 30]]], np.uint8)
    assert np.array_equal(resize(decode(encoded(".png", pixel)), 227, 227), np.tile(pixel, (227, 227, 1)))


def test_opencv_prints_nothing_while_any_thread_decodes(capfd: pytest.CaptureFixture[str]) -> None:
    level = cv2.utils.logging.getLogLevel()
    data = encoded(".tiff", picture())
    cut = data[: len(data) // 2]

    def fail(_: int) -> None:
        with pytest.raises(PictureError):
            decode(cut)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fail, range(200)))
    assert capfd.readouterr().err == ""
    assert cv2.utils.logging.getLogLevel() == level
