"""Photographs in the formats of phones and browsers, and every form of pixels that the others know."""

from __future__ import annotations

import io
import re
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from common.errors import PictureError
from faces.photos import decode_photo, is_photo


@pytest.fixture(scope="module")
def bgr() -> NDArray[np.uint8]:
    """Smooth colours, 48 high and 64 wide, which no two turns show alike."""
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    return np.asarray(cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX), np.uint8)  # type: ignore[call-overload]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def difference(data: bytes, expected: NDArray[np.uint8]) -> float:
    found = decode_photo(data)
    assert found.shape == expected.shape
    return float(np.abs(found.astype(int) - expected).mean())


@pytest.mark.parametrize(
    ("kind", "mode", "most"),
    [
        ("JPEG", "RGB", 3),
        ("JPEG", "CMYK", 3),
        ("PNG", "RGB", 0),
        ("PNG", "RGBA", 0),
        ("TIFF", "RGB", 0),
        ("TIFF", "CMYK", 1),
        ("WEBP", "RGBA", 4),
        ("BMP", "RGB", 0),
        ("AVIF", "RGB", 4),
        ("AVIF", "RGBA", 4),
    ],
)
def test_colour(bgr: NDArray[np.uint8], kind: str, mode: str, most: float) -> None:
    image = Image.fromarray(bgr[..., ::-1]).convert(mode)
    assert difference(saved(image, kind, quality=95), bgr) <= most


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "L"), ("PNG", "L"), ("PNG", "LA"), ("TIFF", "L"), ("TIFF", "LA"), ("AVIF", "L")]
)
def test_grey_becomes_three_equal_channels(bgr: NDArray[np.uint8], kind: str, mode: str) -> None:
    image = Image.fromarray(bgr[..., ::-1]).convert("L")
    expected = np.dstack([np.asarray(image)] * 3)
    data = saved(image.convert(mode), kind, quality=95)
    assert difference(data, expected) <= 3
    assert np.ptp(decode_photo(data), axis=2).max() <= 3


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits_keep_the_upper_half(bgr: NDArray[np.uint8], suffix: str) -> None:
    deep = bgr.astype(np.uint16) * 257
    assert difference(cv2.imencode(suffix, deep)[1].tobytes(), bgr) == 0
    grey = np.dstack([bgr[..., 1]] * 3)
    assert difference(cv2.imencode(suffix, deep[..., 1])[1].tobytes(), grey) == 0


def test_a_tiff_of_floats_says_what_it_is(bgr: NDArray[np.uint8]) -> None:
    with pytest.raises(PictureError, match="floating point"):
        decode_photo(cv2.imencode(".tiff", bgr.astype(np.float32) / 255)[1].tobytes())


@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
@pytest.mark.parametrize("mark", range(1, 9))
def test_upright(bgr: NDArray[np.uint8], kind: str, mark: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = mark
    image = Image.fromarray(bgr[..., ::-1])
    marked = Image.open(io.BytesIO(saved(image, "PNG", exif=exif)))
    expected = np.asarray(ImageOps.exif_transpose(marked))[..., ::-1]
    assert difference(saved(image, kind, quality=95, exif=exif), expected) <= 4


def test_an_avif_of_10_bits_and_one_that_moves(bgr: NDArray[np.uint8]) -> None:
    deep = bgr.astype(np.uint16) * 4
    assert difference(cv2.imencode(".avif", deep, [cv2.IMWRITE_AVIF_DEPTH, 10])[1].tobytes(), bgr) <= 5
    image = Image.fromarray(bgr[..., ::-1])
    moving = saved(image, "AVIF", save_all=True, append_images=[image.rotate(180)], quality=95)
    assert difference(moving, bgr) <= 4


def test_a_cut_avif(bgr: NDArray[np.uint8], capfd: pytest.CaptureFixture[str]) -> None:
    data = saved(Image.fromarray(bgr), "AVIF")
    for length in (20, 100, len(data) // 2, len(data) - 5):
        with pytest.raises(PictureError, match=r"a truncated or damaged AVIF \(\d+ bytes\)"):
            decode_photo(data[:length])
    assert capfd.readouterr().err == ""


def test_a_huge_avif_is_not_decoded(bgr: NDArray[np.uint8]) -> None:
    data = saved(Image.fromarray(bgr), "AVIF")
    size = struct.pack(">II", 64, 48)
    assert data.count(size) == 1
    with pytest.raises(PictureError, match="an AVIF file of 60000x50000 pixels, but at most"):
        decode_photo(data.replace(size, struct.pack(">II", 60000, 50000)))


def test_an_avif_whose_content_is_larger_than_it_claims(
    bgr: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decoder holds the file to what it claims."""
    data = saved(Image.fromarray(bgr), "AVIF")
    lie = data.replace(struct.pack(">II", 64, 48), struct.pack(">II", 32, 24))
    try:
        assert decode_photo(lie).shape[:2] == (24, 32)
    except PictureError as error:
        assert "damaged" in str(error)


def test_heic_without_its_codec_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for brand in (b"heic", b"heix", b"mif1"):
        with pytest.raises(PictureError, match=rf"a HEIC file.*{re.escape(sys.executable)} -m pip install pillow-heif"):
            decode_photo(struct.pack(">I", 24) + b"ftyp" + brand + bytes(12))


@pytest.mark.parametrize(("mode", "mark"), [("RGB", 1), ("RGBA", 1), ("L", 1), ("RGB", 6), ("RGB", 3)])
def test_heic(bgr: NDArray[np.uint8], mode: str, mark: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="the codec of HEIC is not installed")
    image = Image.fromarray(bgr[..., ::-1]).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = mark
    marked = Image.open(io.BytesIO(saved(image, "PNG", exif=exif)))
    expected = np.asarray(ImageOps.exif_transpose(marked).convert("RGB"))[..., ::-1]
    pillow_heif.register_heif_opener()
    data = saved(marked, "HEIF", quality=95)
    assert is_photo(data)
    assert difference(data, expected) <= 5
    with pytest.raises(PictureError, match="damaged HEIC"):
        decode_photo(data[: len(data) // 2])


def test_pictures_that_are_too_small_or_cut() -> None:
    small = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    with pytest.raises(PictureError, match=r"^8x8 pixels, expected at least 16x16"):
        decode_photo(small)
    with pytest.raises(PictureError, match=r"^cut short"):
        decode_photo(small[:-12])


def test_a_video_of_the_same_family_is_no_photograph(tmp_path: Path) -> None:
    assert not is_photo(b"\0\0\0\x20ftypisom")
    assert not is_photo(b"\0\0\0\x20ftypqt  ")
