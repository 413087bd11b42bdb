from __future__ import annotations

import cv2
import numpy as np
import pytest

from caffe_io.caffe_pb2 import Datum
from caffe_io.datum import array_to_datum, datum_to_array, parse_datum, raw_record
from caffe_io.errors import DatabaseError


def picture(height: int = 5, width: int = 4, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, channels), np.uint8)


def encoded(image: np.ndarray, kind: str = ".png") -> Datum:
    return Datum(encoded=True, data=cv2.imencode(kind, image)[1].tobytes(), label=3)


def test_the_record_is_channels_then_rows_then_columns() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    datum = array_to_datum(array, 7)
    assert (datum.channels, datum.height, datum.width, datum.label, datum.encoded) == (2, 3, 4, 7, False)
    assert datum.data == bytes(range(24))
    assert datum.SerializeToString() == b"\x08\x02\x10\x03\x18\x04\x22\x18" + bytes(range(24)) + b"\x28\x07\x38\x00"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("label", [-1, 0, 70_000])
def test_a_raw_record_has_the_bytes_of_a_datum(channels: int, label: int) -> None:
    array = np.ascontiguousarray(picture(9, 40, channels).transpose(2, 0, 1))
    assert raw_record(list(array), label) == array_to_datum(array, label).SerializeToString()


def test_a_round_trip() -> None:
    array = picture().transpose(2, 0, 1)
    back = datum_to_array(parse_datum(array_to_datum(array, 0).SerializeToString()))
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, array)


def test_float_data() -> None:
    back = datum_to_array(Datum(channels=1, height=2, width=2, float_data=[0.5, -1, 2, 300]))
    assert back.dtype == np.float32
    assert back.tolist() == [[[0.5, -1], [2, 300]]]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_encoded_picture_has_the_files_channels(channels: int) -> None:
    image = picture(channels=channels)
    np.testing.assert_array_equal(datum_to_array(encoded(image)), image.transpose(2, 0, 1))


def test_sixteen_bits_are_refused() -> None:
    with pytest.raises(DatabaseError, match="k7: a picture of uint16 values; expected 8 bits"):
        datum_to_array(encoded(picture().astype(np.uint16) * 256), "k7")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "an encoded picture that cannot be decoded: not a picture, or damaged .0 bytes"),
        (b"no picture", "an encoded picture that cannot be decoded: not a picture, or damaged .10 bytes"),
        (b"GIF89a and more", "an encoded picture that cannot be decoded: a GIF file, which Caffe does not read"),
        (
            cv2.imencode(".png", picture())[1].tobytes()[:40],
            "an encoded picture .* a truncated or damaged PNG .40 bytes",
        ),
        (cv2.imencode(".bmp", picture())[1].tobytes()[:40], "40 encoded bytes that no decoder can read"),
    ],
)
def test_bytes_that_no_decoder_can_read(data: bytes, reason: str) -> None:
    with pytest.raises(DatabaseError, match=f"k: {reason}"):
        datum_to_array(Datum(encoded=True, data=data), "k")


@pytest.mark.parametrize(
    "datum",
    [
        Datum(),
        Datum(channels=3, height=2, width=2, data=b"12345678901"),
        Datum(channels=-3, height=-4, width=1, data=b"123456789012"),
        Datum(channels=2**31 - 1, height=2**31 - 1, width=2**31 - 1, data=b"1"),
        Datum(channels=1, height=1, width=2, float_data=[1]),
    ],
)
def test_sizes_that_do_not_match_the_bytes(datum: Datum) -> None:
    with pytest.raises(DatabaseError, match=r"k: holds \d+ values, but claims"):
        datum_to_array(datum, "k")


def test_bytes_that_are_not_a_record() -> None:
    with pytest.raises(DatabaseError, match="4 bytes that are no Datum"):
        parse_datum(b"\xff\xff\xff\xff", "k")


def test_a_jpeg_that_claims_gigabytes_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """30,000 x 30,000 pixels in a few hundred bytes: OpenCV would take 5 GB and 50 s for them."""
    small = cv2.imencode(".jpg", picture(8, 8))[1].tobytes()
    size = small.index(b"\xff\xc0") + 5
    huge = small[:size] + (30000).to_bytes(2, "big") * 2 + small[size + 4 :]
    monkeypatch.setattr(cv2, "imdecode", lambda *arguments: pytest.fail("decoded"))
    with pytest.raises(DatabaseError, match=f"a JPEG that claims 30000x30000 pixels in {len(huge)} bytes"):
        datum_to_array(Datum(encoded=True, data=huge), "k")


@pytest.mark.parametrize("flags", [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_QUALITY, 1]])
def test_the_emptiest_real_jpegs_are_decoded(flags: list[int]) -> None:
    blank = np.zeros((3000, 4000, 1), np.uint8)
    data = cv2.imencode(".jpg", blank, [cv2.IMWRITE_JPEG_OPTIMIZE, 1, *flags])[1].tobytes()
    assert datum_to_array(Datum(encoded=True, data=data)).shape == (1, 3000, 4000)


def test_sizes_that_the_decoder_refuses() -> None:
    # A terapixel in PGM.
    header = b"P5 1000000 1000000 255\n"
    with pytest.raises(DatabaseError, match="a PNM of 1000000x1000000 pixels"):
        datum_to_array(Datum(encoded=True, data=header + bytes(100)), "k")


def test_color_sets_the_channels_of_encoded_pictures() -> None:
    random = np.random.default_rng(0)
    colour, grey = (random.integers(0, 256, shape, dtype=np.uint8) for shape in ((4, 5, 3), (4, 5)))
    for picture in (colour, grey):
        datum = Datum(encoded=True, data=cv2.imencode(".png", picture)[1].tobytes())
        for color, mode in ((True, cv2.IMREAD_COLOR), (False, cv2.IMREAD_GRAYSCALE), (None, cv2.IMREAD_UNCHANGED)):
            want = np.atleast_3d(cv2.imdecode(np.frombuffer(datum.data, np.uint8), mode)).transpose(2, 0, 1)
            np.testing.assert_array_equal(datum_to_array(datum, "r", color), want)
    assert len(datum_to_array(datum, "r", True)) == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_would_spoil_a_training(value: float) -> None:
    with pytest.raises(DatabaseError, match=r"k: holds a number that is infinite or not a number"):
        datum_to_array(Datum(channels=1, height=1, width=2, float_data=[1, value]), "k")


def test_a_bomb_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PNG of a billion black pixels has 125 kB."""
    data = bytearray(cv2.imencode(".png", picture(8, 8))[1].tobytes())
    data[16:24] = (32000).to_bytes(4, "big") * 2
    monkeypatch.setattr(cv2, "imdecode", lambda *arguments: pytest.fail("decoded"))
    with pytest.raises(DatabaseError, match="a PNG of 32000x32000 pixels, but at most 134217728 are decoded"):
        datum_to_array(Datum(encoded=True, data=bytes(data)), "k")
