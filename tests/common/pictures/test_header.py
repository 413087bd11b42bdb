"""What picture files claim to be: every format that Caffe reads, those it does not, and headers that lie."""

from __future__ import annotations

import io
import struct
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from common.errors import PictureError, UsageError
from common.pictures.formats import jpeg_coefficients, without_tiff_orientation
from common.pictures.header import Header, largest_file, most_pixels, read_header

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)


def opencv(ending: str, picture: np.ndarray = PICTURE, *options: int) -> bytes:
    return cv2.imencode(ending, picture, list(options))[1].tobytes()


def pillow(kind: str, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PICTURE[..., ::-1]).convert(mode).save(file, kind, **options)
    return file.getvalue()


CLEAR = np.dstack([PICTURE, PICTURE[..., :1]])
FLOATS = PICTURE.astype(np.float32) / 255
FILES = {
    "JPEG": [
        opencv(".jpg"),
        opencv(".jpg", PICTURE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        opencv(".jpg", PICTURE[..., 0]),
        pillow("JPEG", "CMYK"),
    ],
    "PNG": [opencv(".png"), opencv(".png", CLEAR), pillow("PNG", "P"), pillow("PNG", "1")],
    "BMP": [opencv(".bmp"), pillow("BMP", "1")],
    "TIFF": [opencv(".tiff"), pillow("TIFF", "L"), pillow("TIFF", compression="jpeg"), pillow("TIFF", "CMYK")],
    "WebP": [opencv(".webp"), opencv(".webp", PICTURE, cv2.IMWRITE_WEBP_QUALITY, 101), opencv(".webp", CLEAR)],
    "PNM": [opencv(".ppm"), opencv(".pgm", PICTURE[..., 0]), opencv(".pbm", PICTURE[..., 0]), pillow("PPM")],
    "PAM": [opencv(".pam")],
    "PFM": [opencv(".pfm", FLOATS)],
    "Sun raster": [opencv(".ras")],
    "HDR": [opencv(".hdr", FLOATS)],
    "JPEG 2000": [opencv(".jp2")],
}


@pytest.mark.parametrize(("kind", "data"), [(kind, data) for kind, files in FILES.items() for data in files])
def test_the_header_says_what_the_decoder_finds(kind: str, data: bytes) -> None:
    header = read_header(data)
    assert header == (kind, 48, 40)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), header.flags(cv2.IMREAD_COLOR)).shape == (40, 48, 3)


def test_a_windows_bitmap_from_top_to_bottom_and_an_old_one() -> None:
    rows = b"".join(np.pad(row.reshape(-1), (0, 0)).tobytes() for row in PICTURE)
    down = b"BM" + struct.pack("<IIIIiiHH6I", 54 + len(rows), 0, 54, 40, 48, -40, 1, 24, *[0] * 6) + rows
    old = b"BM" + struct.pack("<IIIIHHHH", 26 + len(rows), 0, 26, 12, 48, 40, 1, 24) + rows
    for data in (down, old):
        assert read_header(data) == ("BMP", 48, 40)
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (40, 48, 3)


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_without_its_orientation_is_not_turned(big: bool) -> None:
    tag = struct.pack(">HHIHH" if big else "<HHIHH", 274, 3, 1, 6, 0)
    head = b"MM\0*\0\0\0\x08\0\x01" if big else b"II*\0\x08\0\0\0\x01\0"
    upright = struct.pack(">HHIHH" if big else "<HHIHH", 274, 3, 1, 1, 0)
    assert without_tiff_orientation(head + tag + b"rest") == head + upright + b"rest"


def test_a_thumbnail_is_not_the_picture() -> None:
    data, thumbnail = opencv(".jpg"), opencv(".jpg", PICTURE[:8, :8])
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 8) + b"Exif\0\0" + thumbnail
    assert read_header(data[:2] + segment + data[2:]) == ("JPEG", 48, 40)


SMOOTH = Image.fromarray(cv2.resize(PICTURE, (400, 400)))


def jpeg(mode: str, **options: object) -> bytes:
    file = io.BytesIO()
    SMOOTH.convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "bytes_a_pixel"),
    [
        (jpeg("RGB", subsampling=0), 6),
        (jpeg("RGB", subsampling=2, progressive=True), 6),
        (jpeg("RGB", subsampling=0, progressive=True), 9),
        (jpeg("CMYK", progressive=True), 11),
        (opencv(".bmp", np.asarray(SMOOTH)), 6),
    ],
    ids=["baseline", "progressive 4:2:0", "progressive 4:4:4", "progressive CMYK", "BMP"],
)
def test_memory_is_bounded_and_not_only_pixels(
    monkeypatch: pytest.MonkeyPatch, data: bytes, bytes_a_pixel: int
) -> None:
    least = max(160_000, -(-(160_000 * bytes_a_pixel + len(data)) // 7))
    monkeypatch.setenv("MOKA_MAX_PIXELS", str(least))
    assert read_header(data)[1:] == (400, 400)
    monkeypatch.setenv("MOKA_MAX_PIXELS", str(least - 1))
    with pytest.raises(PictureError, match=r"but at most .* (decoded|used).*or set MOKA_MAX_PIXELS"):
        read_header(data)


def test_a_jpeg_in_several_scans_is_known_by_its_first_one() -> None:
    """A baseline file may hold one channel a scan; then a decoder keeps all numbers, as of a progressive one."""
    data = jpeg("RGB", subsampling=0)
    assert jpeg_coefficients(data) == 0
    scan = data.index(b"\xff\xda") + 4
    assert data[scan] == 3
    assert jpeg_coefficients(data[:scan] + b"\1" + data[scan + 1 :]) == 6
    assert jpeg_coefficients(jpeg("RGB", subsampling=2, progressive=True)) == 3
    frame = data.index(b"\xff\xc0")
    with pytest.raises(PictureError, match="a truncated or damaged JPEG"):
        read_header(data[: frame + 11] + b"\0" + data[frame + 12 :])


def test_comments_in_a_portable_pixmap() -> None:
    assert read_header(b"P6 # 9 9\n# 8 8\n 48\n#7\n40 255\n") == ("PNM", 48, 40)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (pillow("GIF"), "a GIF file, which Caffe does not read; convert it to PNG or JPEG"),
        (pillow("AVIF"), "an AVIF or HEIC file, which Caffe"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "an AVIF or HEIC file"),
        (b"\xff\x0a\x00\x10", "a JPEG XL file"),
        (pillow("TIFF", big_tiff=True), "a TIFF file in the form for more than 4 GB"),
        (pillow("JPEG2000", no_jp2=True), "a JPEG 2000 code stream without"),
        (pillow("WEBP", save_all=True, append_images=[Image.new("RGB", (48, 40))]), "it is animated"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "not a picture: It is a Git LFS pointer"),
        (b"<html><body>Sign in</body></html>", "not a picture: It is a web page"),
        (b"", r"not a picture, or damaged \(0 bytes"),
        (b"some text", r"not a picture, or damaged \(9 bytes that begin with b'some text'\)"),
    ],
)
def test_what_caffe_does_not_read(data: bytes, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        read_header(data)


@pytest.mark.parametrize("kind", FILES)
def test_headers_that_are_cut(kind: str) -> None:
    """Cut anywhere in its header, a file is refused; cut later, its size is known."""
    for data in FILES[kind]:
        sizes = set()
        for length in range(min(len(data), 3000)):
            try:
                sizes.add(read_header(data[:length]))
            except PictureError as error:
                assert "damaged" in str(error)
        assert sizes <= {(kind, 48, 40), (kind, 48, 4), (kind, 4, 40)}


CLAIMS = {
    "PNG": (opencv(".png"), 16, ">II"),
    "BMP": (opencv(".bmp"), 18, "<II"),
    "Sun raster": (opencv(".ras"), 4, ">II"),
    "WebP": (b"RIFF....WEBPVP8X" + struct.pack("<IBBBB", 10, 0, 0, 0, 0) + b"\xff\xff\xff\xff\xff\xff", 16, ""),
}


@pytest.mark.parametrize("kind", CLAIMS)
def test_claims_beyond_the_limit(kind: str) -> None:
    data, place, form = CLAIMS[kind]
    if form:
        data = data[:place] + struct.pack(form, 65000, 16000) + data[place + 8 :]
    with pytest.raises(PictureError, match=rf"a {kind} of \d+x\d+ pixels, but at most 134217728 are decoded"):
        read_header(data)


def test_a_tile_of_a_tiff_may_not_be_larger_than_a_picture() -> None:
    entries = [(256, 4, 48), (257, 4, 40), (322, 4, 1 << 15), (323, 4, 1 << 15)]
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", 4) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in entries)
    with pytest.raises(PictureError, match="a TIFF of 32768x32768 pixels"):
        read_header(data)
    with pytest.raises(PictureError, match="its tag 256 has the type 2"):
        read_header(data.replace(struct.pack("<HH", 256, 4), struct.pack("<HH", 256, 2)))


def test_a_jpeg_of_few_bytes_and_many_pixels() -> None:
    data = opencv(".jpg")
    frame = data.index(b"\xff\xc0") + 5
    claims = data[:frame] + struct.pack(">HH", 9000, 9000) + data[frame + 4 :]
    with pytest.raises(PictureError, match=f"a JPEG that claims 9000x9000 pixels in {len(data)} bytes"):
        read_header(claims)


def test_the_limit_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert largest_file() == 4 * most_pixels() == 1 << 29
    data = opencv(".png", np.zeros_like(PICTURE))
    monkeypatch.setenv("MOKA_MAX_PIXELS", "1919")
    with pytest.raises(PictureError, match=r"a PNG of 48x40 pixels, but at most 1919 are decoded.*set MOKA_MAX_PIXELS"):
        read_header(data)
    monkeypatch.setenv("MOKA_MAX_PIXELS", "1920")
    assert read_header(data) == ("PNG", 48, 40)
    # A pixel of these takes four times the memory.
    with pytest.raises(PictureError, match="a JPEG 2000 of 48x40 pixels, but at most 480"):
        read_header(opencv(".jp2"))
    monkeypatch.setenv("MOKA_MAX_PIXELS", "many")
    with pytest.raises(UsageError, match="MOKA_MAX_PIXELS=many: expected a number of pixels"):
        read_header(data)


def test_which_pictures_are_turned() -> None:
    turned = {kind for kind in FILES if Header(kind, 1, 1).flags(cv2.IMREAD_COLOR) == cv2.IMREAD_COLOR}
    assert turned == {"JPEG", "TIFF"}
    assert Header("PNG", 1, 1).flags(cv2.IMREAD_GRAYSCALE) == cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION


def test_large_pictures_are_decoded_one_at_a_time() -> None:
    large, small = Header("PNG", 5000, 5000), Header("PNG", 10, 10)
    began = threading.Event()
    done: list[str] = []

    def decode() -> None:
        began.set()
        with large.decoding():
            done.append("second")

    with large.decoding(), small.decoding():
        other = threading.Thread(target=decode)
        other.start()
        began.wait()
        done.append("first")
    other.join()
    assert done == ["first", "second"]


def test_every_format_is_in_the_documents(request: pytest.FixtureRequest) -> None:
    page = (Path(request.config.rootpath) / "docs/pictures.md").read_text("utf-8")
    for kind in FILES:
        assert f"| {kind} |" in page


@pytest.mark.parametrize("length", [0xFF000D96, 0x7FFFFFFF, 100_000])
def test_a_png_whose_chunk_claims_more_than_the_file_holds(length: int) -> None:
    """OpenCV would make room for all of it: 4 GB for a file of a few thousand bytes."""
    data = bytearray(opencv(".png"))
    data[33:37] = struct.pack(">I", length)
    assert data[37:41] == b"IDAT"
    with pytest.raises(PictureError, match="a truncated or damaged PNG"):
        read_header(bytes(data))
