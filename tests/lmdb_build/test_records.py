from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from caffe_io.caffe_pb2 import Datum
from kits.lmdb_build import picture, write_picture
from lmdb_build.errors import LmdbBuildError
from lmdb_build.lists import Entry
from lmdb_build.records import Recipe, encoding_of, make_record, record_key


def record(path: Path, label: int = 3, **flags: object) -> bytes:
    return make_record(str(path), Entry(path.name, label), Recipe(**flags)).value  # type: ignore[arg-type]


def test_key() -> None:
    assert record_key(42, Entry("a b/ä.jpg", 1)) == "00000042_a b/ä.jpg".encode()
    assert record_key(123456789, Entry("x", 1)) == b"123456789_x"


def test_a_raw_record_byte_by_byte(tmp_path: Path) -> None:
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)  # 1 row, 2 columns, BGR
    cv2.imwrite(str(tmp_path / "x.png"), pixels)
    # channels 3, height 1, width 2, data (6 bytes: both blues, greens, reds), label 300, encoded false
    expected = "0803 1001 1802 2206 010402050306 28ac02 3800"
    assert record(tmp_path / "x.png", label=300) == bytes.fromhex(expected)


def test_a_grey_record(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), np.array([[7, 8]], np.uint8))
    assert record(tmp_path / "x.png", label=0, gray=True) == bytes.fromhex("0801 1001 1802 2202 0708 2800 3800")


def test_an_encoded_record_holds_the_file_as_it_is(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "x.jpg")
    data = path.read_bytes()
    assert record(path, encoded=True) == Datum(data=data, label=3, encoded=True).SerializeToString()
    assert record(path, encode_type="JPG") == record(path, encoded=True) == record(path, encode_type="jpg")
    path.rename(tmp_path / "x.jpeg")
    assert Datum.FromString(record(tmp_path / "x.jpeg", encode_type="jpg")).data == data


@pytest.mark.parametrize("flags", [{"encode_type": "png"}, {"encoded": True, "resize_height": 24, "resize_width": 20}])
def test_an_encoded_record_is_encoded_again_if_something_changes(tmp_path: Path, flags: dict[str, object]) -> None:
    path = write_picture(tmp_path / "x.bmp")
    datum = Datum.FromString(record(path, **flags))
    assert datum.encoded
    assert datum.data != path.read_bytes() or "resize_height" in flags
    assert not datum.HasField("channels")
    assert np.array_equal(cv2.imdecode(np.frombuffer(datum.data, np.uint8), cv2.IMREAD_UNCHANGED), picture())


@pytest.mark.parametrize(
    ("path", "flags", "encoding"),
    [
        ("a.JPG", {}, ""),
        ("a.JPG", {"encoded": True}, "jpg"),
        ("a.chip.Png", {"encoded": True}, "png"),
        ("a.jpg", {"encoded": True, "encode_type": "png"}, "png"),
        ("a.jpg", {"encode_type": "png"}, "png"),  # Caffe: a type alone means encoded
    ],
)
def test_encoding_of(path: str, flags: dict[str, object], encoding: str) -> None:
    assert encoding_of(path, Recipe(**flags)) == encoding  # type: ignore[arg-type]


def test_an_encoding_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(LmdbBuildError, match=r"'xyz', which OpenCV does not know.*--encode_type jpg"):
        record(write_picture(tmp_path / "x.jpg"), encode_type="xyz")
    write_picture(tmp_path / "x.jpg").rename(tmp_path / "plain")
    with pytest.raises(LmdbBuildError, match=r"plain: cannot be encoded as 'plain'"):
        record(tmp_path / "plain", encoded=True)
