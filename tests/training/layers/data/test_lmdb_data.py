"""Data: order, starting again, resuming, random crops, bad records."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST, TRAIN, Datum
from caffe_io.databases.backends import BACKENDS
from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.errors import DatabaseError
from kits.training_layers import layer_of
from training.errors import LayerError, TrainingError
from training.layers.data.lmdb_data import Data

SHAPE = (3, 5, 6)


def write(path: Path, count: int, shape: tuple[int, ...] = SHAPE, backend: str = "lmdb") -> Path:
    """Make `count` records; record i has label 10 + i and random pixels."""
    with BACKENDS[backend].write(path, False) as database:
        for index in range(count):
            picture = np.random.default_rng(index).integers(0, 256, shape, dtype=np.uint8)
            database.put(b"%08d_p" % index, array_to_datum(picture, 10 + index).SerializeToString())
    return path


def data_layer(
    path: Path, settings: str = "batch_size: 2", transform: str = "", phase: int = TRAIN, seed: int = 0
) -> Data:
    layer, _ = layer_of(
        f'name: "data" type: "Data" top: "data" top: "label" transform_param {{ {transform} }} '
        f'data_param {{ source: "{path}" backend: LMDB {settings} }}', phase=phase, seed=seed,
    )  # fmt: skip
    assert isinstance(layer, Data)
    return layer


def draw(layer: Data, batches: int) -> tuple[np.ndarray, list[int]]:
    """Return the pictures and labels of the next batches (at least one)."""
    drawn = [layer.forward([]) for _ in range(batches)]
    return np.concatenate([b[0].numpy() for b in drawn]), [int(label) for b in drawn for label in b[1]]


def test_records_come_in_order_and_start_again(tmp_path: Path) -> None:
    layer = data_layer(write(tmp_path / "db", 5))
    pictures, labels = draw(layer, 6)
    layer.close()
    assert labels == [10 + index % 5 for index in range(12)]
    expected = [np.random.default_rng(index % 5).integers(0, 256, SHAPE, dtype=np.uint8) for index in range(12)]
    np.testing.assert_array_equal(pictures, expected)
    assert layer.records == 5


def test_a_leveldb_gives_the_same_batches(tmp_path: Path) -> None:
    pytest.importorskip("plyvel", reason="plyvel is not installed; Python 3.13 has no package of it")
    path = write(tmp_path / "leveldb", 5, backend="leveldb")
    # Two nets read it at the same time; the second begins where a training was interrupted.
    for settings in ("batch_size: 2 backend: LEVELDB", "batch_size: 2"):
        text = f'type: "Data" top: "data" top: "label" data_param {{ source: "{path}" {settings} }}'
        layers = [layer_of(text)[0] for _ in range(2)]
        first, second = (layer for layer in layers if isinstance(layer, Data))
        second.seek(4)
        labels = draw(first, 6)[1]
        assert labels == [10 + index % 5 for index in range(12)]
        assert draw(second, 2)[1] == labels[8:]
        assert second.records == 5
        first.close()
        second.close()


@pytest.mark.parametrize("source", ["", 'source: ""'])
def test_no_source(source: str) -> None:
    with pytest.raises(LayerError, match=r"data_param has no source\. Name the folder of a database"):
        layer_of(f'type: "Data" top: "d" data_param {{ {source} batch_size: 1 }}')


def test_a_batch_larger_than_the_database(tmp_path: Path) -> None:
    layer = data_layer(write(tmp_path / "db", 2), "batch_size: 5")
    assert draw(layer, 2)[1] == [10, 11, 10, 11, 10, 11, 10, 11, 10, 11]
    layer.close()


def test_shapes_and_one_top(tmp_path: Path) -> None:
    source = write(tmp_path / "db", 3)
    data = f'data_param {{ source: "{source}" batch_size: 2 backend: LMDB }}'
    _, shapes = layer_of(f'type: "Data" top: "d" top: "l" transform_param {{ crop_size: 4 }} {data}')
    assert shapes == [(2, 3, 4, 4), (2,)]
    layer, shapes = layer_of(f'type: "Data" top: "d" {data}')
    assert shapes == [(2, *SHAPE)]
    assert [tuple(top.shape) for top in layer.forward([])] == [(2, *SHAPE)]
    layer.close()


@pytest.mark.parametrize("batch", [0, 1, 4, 9])
def test_seek_continues_as_if_never_interrupted(tmp_path: Path, batch: int) -> None:
    source, transform = write(tmp_path / "db", 5), "crop_size: 3 mirror: true"
    unbroken, resumed = (data_layer(source, transform=transform, seed=6) for _ in range(2))
    for _ in range(batch):
        draw(unbroken, 1)
    draw(resumed, 2)
    resumed.seek(batch)
    for one, other in zip(draw(unbroken, 5), draw(resumed, 5), strict=True):
        np.testing.assert_array_equal(one, other)
    for layer in (unbroken, resumed):
        layer.close()


def test_close_loses_no_record(tmp_path: Path) -> None:
    """close() drops the batches that were made ahead, and they are made again."""
    layer = data_layer(write(tmp_path / "db", 7))
    labels = []
    for _ in range(4):
        labels += draw(layer, 1)[1]
        layer.close()
    assert labels == [10, 11, 12, 13, 14, 15, 16, 10]


def test_crops_are_random_in_training_and_by_the_seed(tmp_path: Path) -> None:
    source, transform = write(tmp_path / "db", 4), "crop_size: 3 mirror: true"
    first, same, other = (draw(data_layer(source, transform=transform, seed=seed), 4)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    # The same records with other crops.
    assert not np.array_equal(first[:4], first[4:])
    tested = draw(data_layer(source, transform="crop_size: 3", phase=TEST), 4)[0]
    np.testing.assert_array_equal(tested[:4], tested[4:])


def test_float_records(tmp_path: Path) -> None:
    with write_lmdb(tmp_path / "db") as database:
        values = [0.5, -1, 2, 3.25]
        database.put(b"0", Datum(channels=1, height=2, width=2, label=3, float_data=values).SerializeToString())
    pictures, labels = draw(data_layer(tmp_path / "db", "batch_size: 1"), 1)
    np.testing.assert_array_equal(pictures, np.reshape(values, (1, 1, 2, 2)))
    assert labels == [3]


def test_waiting_time_outlives_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = data_layer(write(tmp_path / "db", 3))
    slow = layer._decode
    monkeypatch.setattr(layer, "_decode", lambda *record: (time.sleep(0.03), slow(*record))[1])
    assert layer.waited == 0
    draw(layer, 2)
    during = layer.waited
    layer.close()
    assert 0.05 < during <= layer.waited < 5
    draw(layer, 1)
    layer.close()
    assert layer.waited > during + 0.03


def test_a_bad_record_is_named_each_time(tmp_path: Path) -> None:
    source = write(tmp_path / "db", 3)
    with write_lmdb(source, force=True) as database:
        picture = array_to_datum(np.zeros(SHAPE, np.uint8), 0)
        database.put(b"0_good", picture.SerializeToString())
        picture.data = picture.data[:-4]
        database.put(b"1_short", picture.SerializeToString())
    layer = data_layer(source)
    for _ in range(2):
        with pytest.raises(DatabaseError, match='db, record "1_short": holds 86 values'):
            layer.forward([])
    layer.close()


def test_a_record_of_another_size_is_named(tmp_path: Path) -> None:
    with write_lmdb(tmp_path / "db") as database:
        for key, shape in ((b"0_a", SHAPE), (b"1_b", (3, 8, 9))):
            database.put(key, array_to_datum(np.zeros(shape, np.uint8), 0).SerializeToString())
    layer = data_layer(tmp_path / "db")
    with pytest.raises(TrainingError, match=r'record "1_b": is 3x8x9 .*the first record is 3x5x6.*--resize_height'):
        layer.forward([])
    layer.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [("backend: LMDB", "batch_size of at least 1")],
)
def test_settings_that_do_not_fit(tmp_path: Path, settings: str, message: str) -> None:
    source = write(tmp_path / "db", 2)
    with pytest.raises(LayerError, match=message):
        layer_of(f'type: "Data" top: "d" data_param {{ source: "{source}" {settings} }}')


def test_no_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"none: no LMDB here .*create_lmdb\.sh"):
        data_layer(tmp_path / "none")
