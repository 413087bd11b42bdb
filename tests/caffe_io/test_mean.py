from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_io.blobs import array_to_blob
from caffe_io.caffe_pb2 import BlobProto
from caffe_io.mean import read_mean, write_mean
from common.errors import MeanError, OutputExists


def some_mean() -> np.ndarray:
    return np.random.default_rng(2).uniform(0, 255, (3, 4, 5)).astype(np.float32)


def test_a_round_trip_in_the_form_of_compute_image_mean(tmp_path: Path) -> None:
    mean = some_mean()
    write_mean(tmp_path / "mean.binaryproto", mean)
    np.testing.assert_array_equal(read_mean(tmp_path / "mean.binaryproto"), mean)
    blob = BlobProto.FromString((tmp_path / "mean.binaryproto").read_bytes())
    assert (blob.num, blob.channels, blob.height, blob.width, blob.HasField("shape")) == (1, 3, 4, 5, False)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 3, 4, 5), (1, 1, 4, 5), (1, 4, 5)])
def test_means_of_other_programs(tmp_path: Path, shape: tuple[int, ...]) -> None:
    (tmp_path / "m").write_bytes(array_to_blob(np.zeros(shape)).SerializeToString())
    assert read_mean(tmp_path / "m").shape == shape[-3:]


def test_an_existing_mean_is_kept(tmp_path: Path) -> None:
    write_mean(tmp_path / "m", some_mean())
    with pytest.raises(OutputExists):
        write_mean(tmp_path / "m", np.zeros((3, 4, 5), np.float32))
    np.testing.assert_array_equal(read_mean(tmp_path / "m"), some_mean())
    write_mean(tmp_path / "m", np.zeros((3, 4, 5), np.float32), force=True)
    assert read_mean(tmp_path / "m").sum() == 0


def damaged(kind: str) -> bytes:
    data = array_to_blob(some_mean(), legacy_shape=True).SerializeToString()
    return {
        "empty": b"",
        "text": b'layer { name: "a" }\n',
        "truncated": data[: len(data) // 2],
        "two pictures": array_to_blob(np.zeros((2, 3, 4, 5))).SerializeToString(),
        "five channels": array_to_blob(np.zeros((5, 4, 5))).SerializeToString(),
        "a vector": array_to_blob(np.zeros(7)).SerializeToString(),
        "no pixels": array_to_blob(np.zeros((3, 0, 5))).SerializeToString(),
        "too few numbers": BlobProto(num=1, channels=3, height=9, width=9, data=[1, 2]).SerializeToString(),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty", r"is empty \(0 bytes\)"),
        ("text", "not a mean image"),
        ("truncated", "not a mean image"),
        ("two pictures", "shape 2x3x4x5;"),
        ("five channels", "shape 5x4x5;"),
        ("a vector", "shape 7;"),
        ("no pixels", "shape 3x0x5;"),
        ("too few numbers", "holds 2 numbers"),
    ],
)
def test_damaged_means_are_refused_by_name(tmp_path: Path, kind: str, message: str) -> None:
    (tmp_path / "mean.binaryproto").write_bytes(damaged(kind))
    with pytest.raises(MeanError, match=message) as caught:
        read_mean(tmp_path / "mean.binaryproto")
    assert "mean.binaryproto" in str(caught.value)
    assert caught.value.exit_code == 1


def test_a_missing_mean_names_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(MeanError, match=r"no\.binaryproto: cannot be read .*\n.*create_mean\.sh"):
        read_mean(tmp_path / "no.binaryproto")
