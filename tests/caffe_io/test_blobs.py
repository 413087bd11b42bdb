from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest

from caffe_io.blobs import array_to_blob, blob_shape, blob_to_array, same_shape
from caffe_io.caffe_pb2 import BlobProto, BlobShape
from caffe_io.errors import CaffeIOError


@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (2, 3), (4, 3, 2, 1), (1, 2, 3, 2, 2)])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16])
def test_a_round_trip(shape: tuple[int, ...], kind: type[np.generic]) -> None:
    array = (np.arange(np.prod(shape, dtype=int)) - 3).astype(kind).reshape(shape)
    blob = array_to_blob(array)
    assert list(blob.data) == [float(number) for number in array.ravel()]  # what protobuf itself sees
    back = blob_to_array(blob)
    assert back.dtype == np.float32
    assert back.shape == shape
    np.testing.assert_array_equal(back, array)


def test_any_memory_order_is_written_in_c_order() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T[::2]
    np.testing.assert_array_equal(blob_to_array(array_to_blob(array)), array)


def test_arrays_read_are_writable() -> None:
    array = blob_to_array(array_to_blob(np.zeros(3)))
    array += 1
    assert array.tolist() == [1, 1, 1]


def test_nan_and_infinity_keep_their_bits() -> None:
    array = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45], np.float32)
    assert blob_to_array(array_to_blob(array)).tobytes() == array.tobytes()


def test_legacy_shape() -> None:
    blob = array_to_blob(np.zeros((3, 4, 5)), legacy_shape=True)
    assert (blob.num, blob.channels, blob.height, blob.width) == (1, 3, 4, 5)
    assert not blob.HasField("shape")
    assert blob_shape(blob) == (1, 3, 4, 5)
    assert blob_to_array(blob).shape == (1, 3, 4, 5)


def test_a_legacy_blob_with_one_axis_named_has_four() -> None:
    assert blob_shape(BlobProto(width=7)) == (0, 0, 0, 7)


def test_double_data_and_unpacked_data() -> None:
    blob = BlobProto(double_data=[1.5, 1e300, -2], shape=BlobShape(dim=[3]))
    assert blob_to_array(blob).tolist() == [1.5, np.inf, -2]
    unpacked = b"".join(b"\x2d" + struct.pack("<f", number) for number in (1.0, 2.0))
    assert blob_to_array(BlobProto.FromString(unpacked + b"\x18\x01\x20\x02\x10\x01\x08\x01")).tolist() == [[[[1, 2]]]]


@pytest.mark.parametrize(("kind", "code"), [("<f8", 0), ("<f4", 1), ("<f2", 2)])
def test_raw_data_of_nvidias_fork(kind: str, code: int) -> None:
    numbers = np.array([[1.5, -2, 0], [3, 4, 1e4]], kind)
    tagged = b"\x50" + bytes([code]) + b"\x62" + bytes([numbers.nbytes]) + numbers.tobytes()  # fields 10 and 12
    blob = BlobProto.FromString(tagged + BlobProto(shape=BlobShape(dim=[2, 3])).SerializeToString())
    back = blob_to_array(blob)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, numbers.astype(np.float32))


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (
            BlobProto(shape=BlobShape(dim=[2, 2]), data=[1, 2, 3]),
            r"w: holds 3 numbers; expected 4 \(2x2\)",
        ),
        (BlobProto(shape=BlobShape(dim=[-1, -3]), data=[1, 2, 3]), r"\(-1x-3\)"),
        (BlobProto(data=[1, 2, 3]), r"holds 3 numbers; expected 1 \(scalar\)"),
        (BlobProto(num=1, channels=2), "holds 0 numbers"),
        (BlobProto(shape=BlobShape(dim=[3]), raw_data=b"1234567", raw_data_type=BlobProto.FLOAT), "holds 1 numbers"),
    ],
)
def test_numbers_that_do_not_fill_the_shape_are_refused(blob: BlobProto, message: str) -> None:
    if message == "holds 0 numbers":
        blob.height = blob.width = 1
    with pytest.raises(CaffeIOError, match=message):
        blob_to_array(blob, "w")


def test_a_huge_claim_takes_no_memory() -> None:
    blob = BlobProto(shape=BlobShape(dim=[10**6, 10**6, 2**62]), data=[1.0])
    tracemalloc.start()
    try:
        with pytest.raises(CaffeIOError, match="1000000x1000000"):
            blob_to_array(blob)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("found", "wanted", "fits"),
    [
        ((2, 3), (2, 3), True),
        ((1, 1, 2, 3), (2, 3), True),
        ((1, 1, 1, 3), (3,), True),
        ((1, 2, 1, 3), (2, 3), False),
        ((2, 3), (1, 1, 2, 3), False),
        ((1, 1, 2, 3), (1, 1, 2, 3), True),
        ((6,), (2, 3), False),
    ],
)
def test_same_shape(found: tuple[int, ...], wanted: tuple[int, ...], fits: bool) -> None:
    assert same_shape(found, wanted) is fits
