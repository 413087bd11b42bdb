"""Reading the picture of a face: good files as cv2.imread reads training pictures, bad ones with a message."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import PictureError
from faces.pictures import MIN_SIDE, check_picture, read_picture


@pytest.fixture
def face() -> NDArray[np.uint8]:
    """Smooth colours, 40 high and 32 wide, all channels different."""
    noise = np.random.default_rng(7).integers(0, 256, (40, 32, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def save(path: Path, picture: NDArray[np.generic], *options: int) -> Path:
    assert cv2.imwrite(str(path), picture, list(options))
    return path


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """A JPEG with one more segment right after its start."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff"])
def test_each_format_as_imread_reads_it(tmp_path: Path, face: NDArray[np.uint8], suffix: str) -> None:
    path = save(tmp_path / f"face{suffix}", face)
    read = read_picture(path)
    assert read.dtype == np.uint8
    assert read.shape == (40, 32, 3)
    assert np.array_equal(read, cv2.imread(str(path)))


@pytest.mark.parametrize(
    "options",
    [
        (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        (cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
        (cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    ],
)
def test_each_kind_of_jpeg_whole_and_cut(tmp_path: Path, face: NDArray[np.uint8], options: tuple[int, ...]) -> None:
    path = save(tmp_path / "face.jpg", face, *options)
    assert np.array_equal(read_picture(path), cv2.imread(str(path)))
    data = path.read_bytes()
    path.write_bytes(data + b"trailing bytes of a camera")
    assert read_picture(path).shape == (40, 32, 3)
    for length in range(3, len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(PictureError, match=f"cut short .{length} bytes"):
            read_picture(path)


def test_a_cut_jpeg_with_a_whole_thumbnail(tmp_path: Path, face: NDArray[np.uint8]) -> None:
    """The thumbnail's own end marker, in an EXIF segment, is not the picture's."""
    jpeg = cv2.imencode(".jpg", face)[1].tobytes()
    whole = with_segment(jpeg, 0xE1, b"Exif\0\0" + jpeg)
    path = tmp_path / "face.jpg"
    path.write_bytes(whole)
    assert np.array_equal(read_picture(path), cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))
    path.write_bytes(whole[: len(whole) - 20])
    with pytest.raises(PictureError, match="cut short"):
        read_picture(path)


def test_a_cut_png(tmp_path: Path, face: NDArray[np.uint8], capfd: pytest.CaptureFixture[str]) -> None:
    path = save(tmp_path / "face.png", face)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(PictureError, match="cut short"):
        read_picture(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".bmp", ".webp", ".tiff"])
def test_other_formats_cut_in_half(
    tmp_path: Path, face: NDArray[np.uint8], suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save(tmp_path / f"face{suffix}", face)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PictureError, match=r"a truncated or damaged (BMP|WebP|TIFF) .*Expected a JPEG, PNG"):
        read_picture(path)
    assert capfd.readouterr().err == ""


def test_upright_by_exif(tmp_path: Path, face: NDArray[np.uint8]) -> None:
    """Orientation 6: the camera lay on its side, so the picture must be turned clockwise."""
    jpeg = cv2.imencode(".jpg", face)[1].tobytes()
    tiff = b"MM\0\x2a" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    path = tmp_path / "face.jpg"
    path.write_bytes(with_segment(jpeg, 0xE1, b"Exif\0\0" + tiff))
    read = read_picture(path)
    assert read.shape == (32, 40, 3)
    plain = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(read, np.rot90(plain, -1))


def test_grey_becomes_three_equal_channels(tmp_path: Path, face: NDArray[np.uint8]) -> None:
    read = read_picture(save(tmp_path / "grey.png", face[..., 0]))
    assert np.array_equal(read, np.repeat(face[..., :1], 3, axis=2))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_keeps_its_brightness(tmp_path: Path, face: NDArray[np.uint8], suffix: str) -> None:
    """The upper byte counts; cutting off at 255 or taking the lower byte would be far away."""
    deep = face.astype(np.uint16) * 256 + 77
    path = save(tmp_path / f"deep{suffix}", deep)
    read = read_picture(path)
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - face).max() <= 1
    assert np.array_equal(read, cv2.imread(str(path)))


def test_transparency_is_dropped(tmp_path: Path, face: NDArray[np.uint8]) -> None:
    alpha = np.full((40, 32, 1), 9, np.uint8)
    assert np.array_equal(read_picture(save(tmp_path / "rgba.png", np.concatenate([face, alpha], 2))), face)


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, MIN_SIDE - 1)])
def test_too_small(tmp_path: Path, shape: tuple[int, int]) -> None:
    path = save(tmp_path / "dot.png", np.zeros((*shape, 3), np.uint8))
    with pytest.raises(PictureError, match=rf"dot\.png: {shape[1]}x{shape[0]} pixels, expected at least 16x16\."):
        read_picture(path)


def test_the_smallest_face(tmp_path: Path) -> None:
    assert read_picture(save(tmp_path / "f.png", np.zeros((MIN_SIDE, MIN_SIDE, 3), np.uint8))).shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file (0 bytes)"),
        (
            b"Not a picture at all\n",
            "not a picture, or damaged (21 bytes that begin with b'Not a pictur'). Expected a JPEG",
        ),
        (b"\xff\xd8\xff\xd9", "a truncated or damaged JPEG (4 bytes)"),
        (b"\0" * 5000, "not a picture, or damaged (5000 bytes"),
    ],
)
def test_no_picture(tmp_path: Path, content: bytes, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "face.jpg"
    path.write_bytes(content)
    with pytest.raises(PictureError) as caught:
        read_picture(path)
    assert str(caught.value).startswith(f"{path}: {words}")
    assert capfd.readouterr().err == ""


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"face\.jpg: no such file or directory\. Give the picture of one face"):
        read_picture(tmp_path / "face.jpg")
    with pytest.raises(PictureError, match=r": a folder, not an ordinary file\. Give the picture of one face"):
        read_picture(tmp_path)


def test_a_picture_too_large_to_decode(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A PNG header that claims 60,000 x 60,000 pixels."""
    path = save(tmp_path / "huge.png", np.zeros((20, 20, 3), np.uint8))
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 60000, 60000)
    path.write_bytes(data)
    with pytest.raises(
        PictureError, match=r"huge\.png: a PNG of 60000x60000 pixels, but at most 134217728 are decoded"
    ):
        read_picture(path)
    assert "OpenCV" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((40, 40), np.uint8),
        np.zeros((40, 40, 4), np.uint8),
        np.zeros((40, 40, 3), np.float32),
        np.zeros((3, 40, 40), np.uint8),
        [[1, 2], [3, 4]],
        None,
    ],
)
def test_an_array_that_is_no_picture(wrong: object) -> None:
    with pytest.raises(PictureError, match="expected BGR uint8, height x width x 3"):
        check_picture(wrong)  # type: ignore[arg-type]
