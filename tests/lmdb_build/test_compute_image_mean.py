from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from caffe_io.caffe_pb2 import BlobProto, Datum
from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.errors import DatabaseError
from common.errors import OutputExists
from kits.lmdb_build import command, picture, verb
from lmdb_build.compute_image_mean import channel_means, image_mean

main = verb("compute_image_mean")


def raw(pixels: np.ndarray, label: int = 0) -> Datum:
    channels, height, width = pixels.shape
    return Datum(channels=channels, height=height, width=width, data=pixels.tobytes(), label=label, encoded=False)


def store(path: Path, datums: list[Datum]) -> Path:
    with write_lmdb(path) as database:
        for index, datum in enumerate(datums):
            database.put(f"{index:08d}_{index}.png".encode(), datum.SerializeToString())
    return path


def pixels(seed: int, height: int = 24, width: int = 20) -> np.ndarray:
    return np.ascontiguousarray(picture(seed, height, width).transpose(2, 0, 1))


def test_the_mean_of_raw_bytes(tmp_path: Path) -> None:
    pictures = [pixels(seed) for seed in range(37)]
    found = image_mean(store(tmp_path / "x", [raw(one, label) for label, one in enumerate(pictures)]))
    assert found.dtype == np.float32
    assert np.array_equal(found, np.sum(pictures, axis=0).astype(np.float32) / np.float32(37))


def test_records_of_every_kind_add_up(tmp_path: Path) -> None:
    """Raw, encoded, of floats, with fields in another writer's order, without `encoded`: all are Datums."""
    one = pixels(1)
    header = Datum(channels=3, height=24, width=20).SerializeToString()
    data = Datum(data=one.tobytes()).SerializeToString()
    disordered = Datum.FromString(data + header)
    bare = raw(one)
    bare.ClearField("encoded")
    png = cv2.imencode(".png", one.transpose(1, 2, 0))[1].tobytes()
    kinds = [
        raw(one),
        bare,
        disordered,
        Datum(data=png, encoded=True),
        Datum(channels=3, height=24, width=20, float_data=one.ravel().astype(float)),
    ]
    for first in range(len(kinds)):
        path = store(tmp_path / str(first), [kinds[first], *kinds])
        assert np.array_equal(image_mean(path), one.astype(np.float32)), first


def test_a_second_data_field_wins_as_protobuf_says(tmp_path: Path) -> None:
    first, second = raw(pixels(1)), raw(pixels(2))
    with write_lmdb(tmp_path / "x") as database:
        database.put(b"0", first.SerializeToString())
        database.put(b"1", first.SerializeToString() + Datum(data=second.data).SerializeToString())
    expected = (pixels(1).astype(np.float32) + pixels(2)) / 2
    assert np.array_equal(image_mean(tmp_path / "x"), expected)


def test_sums_are_rounded_to_float32_in_the_order_of_the_records(tmp_path: Path) -> None:
    with write_lmdb(tmp_path / "x") as database:
        for index in range(70_000):
            database.put(b"%08d" % index, raw(np.full((1, 1, 3), 255, np.uint8)).SerializeToString())
    expected = np.float32(0)
    for _ in range(70_000):
        expected += np.float32(255)
    assert expected != 255 * 70_000
    assert image_mean(tmp_path / "x").tolist() == [[[expected / np.float32(70_000)] * 3]]


def test_another_size_is_named(tmp_path: Path) -> None:
    path = store(tmp_path / "x", [raw(pixels(0)), raw(pixels(1)), raw(pixels(2, height=25))])
    with pytest.raises(
        DatabaseError, match=r"00000002_2\.png: is 3x25x20 \(channels x height x width\).*00000000_0\.png is 3x24x20"
    ):
        image_mean(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (raw(pixels(1)).SerializeToString()[:-700], "no Datum"),
        (Datum(channels=3, height=24, width=20, data=b"short").SerializeToString(), "holds 5 values"),
        (raw(pixels(1)).SerializeToString()[:12], "no Datum"),
        (Datum(data=b"no picture", encoded=True).SerializeToString(), "cannot be decoded: not a picture"),
        (
            Datum(
                data=cv2.imencode(".png", picture().astype(np.uint16))[1].tobytes(), encoded=True
            ).SerializeToString(),
            "uint16",
        ),
    ],
    ids=["truncated", "too short", "start only", "not a picture", "16 bits"],
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_damaged_record_is_named(tmp_path: Path, value: bytes, message: str, place: int) -> None:
    values = [raw(pixels(0)).SerializeToString()]
    values.insert(place, value)
    with write_lmdb(tmp_path / "x") as database:
        for index, one in enumerate(values):
            database.put(f"{index:08d}_a.png".encode(), one)
    with pytest.raises(DatabaseError, match=rf"0000000{place}_a\.png.*{message}"):
        image_mean(tmp_path / "x")


def test_a_missing_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="no LMDB here"):
        image_mean(tmp_path / "none")


def test_channel_means() -> None:
    mean = np.stack([np.full((24, 20), value, np.float32) for value in (78.5, 87.75, 114.25)])
    assert channel_means(mean) == [78.5, 87.75, 114.25]


def test_the_files_and_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    store(
        tmp_path / "x_lmdb",
        [raw(np.full((3, 2, 2), [[[level]], [[level + 1]], [[level + 2]]], np.uint8)) for level in (10, 21)],
    )
    main(["x_lmdb", "data/mean.binaryproto", "--npy", "data/mean.npy"])
    blob = BlobProto.FromString((tmp_path / "data/mean.binaryproto").read_bytes())
    assert (blob.num, blob.channels, blob.height, blob.width) == (1, 3, 2, 2)
    assert list(blob.data) == [15.5] * 4 + [16.5] * 4 + [17.5] * 4
    assert not blob.HasField("shape")
    saved = np.load(tmp_path / "data/mean.npy")
    assert (saved.dtype, saved.shape) == (np.float32, (3, 2, 2))
    assert saved.ravel().tolist() == list(blob.data)
    assert "mean_value channel [0]: 15.5\nmean_value channel [1]: 16.5\nmean_value channel [2]: 17.5" in (
        capsys.readouterr().out
    )
    with pytest.raises(OutputExists, match="--force"):
        main(["x_lmdb", "data/mean.binaryproto"])
    main(["x_lmdb", "--force", "data/mean.binaryproto"])
    main(["x_lmdb"])  # Caffe's tool, too, may only print


def test_the_command_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    store(tmp_path / "x_lmdb", [raw(pixels(0)), raw(pixels(1, height=9))])
    run = command("compute_image_mean", "x_lmdb", "mean.binaryproto", "--npy", "mean.npy", folder=tmp_path)
    assert run.returncode == 1
    assert run.stderr.startswith("error: x_lmdb, 00000001_1.png")
    assert [path.name for path in tmp_path.iterdir()] == ["x_lmdb"]
