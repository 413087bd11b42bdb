"""HDF5Data: rows across files, resumed shuffling, bad files."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from kits.training_layers import layer_of
from training.errors import LayerError
from training.layers import Layer


@pytest.fixture
def stores(tmp_path: Path) -> Path:
    """Make three files of 4, 1 and 3 rows: `n` counts the rows of all files, `d` (2 x 3) is n everywhere."""
    first = 0
    for name, rows in (("a", 4), ("b", 1), ("c", 3)):
        numbers = np.arange(first, first + rows)
        with h5py.File(tmp_path / f"{name}.h5", "w") as store:
            store["n"] = numbers
            store["d"] = numbers[:, None, None] * np.ones((2, 3))
        first += rows
    (tmp_path / "list").write_text("".join(f"{tmp_path}/{name}.h5\n" for name in "abc"))
    return tmp_path


def layer(folder: Path, settings: str = "batch_size: 3", tops: str = 'top: "n" top: "d"', seed: int = 0) -> Layer:
    return layer_of(f'type: "HDF5Data" {tops} hdf5_data_param {{ source: "{folder}/list" {settings} }}', seed=seed)[0]


def numbers(layer: Layer, batches: int) -> list[int]:
    found: list[int] = []
    for _ in range(batches):
        count, data = (top.numpy() for top in layer.forward([]))
        assert count.dtype == data.dtype == np.float32
        np.testing.assert_array_equal(data, count[:, None, None] * np.ones((2, 3)))
        found += count.astype(int).tolist()
    layer.close()
    return found


def test_rows_continue_across_files(stores: Path) -> None:
    text = f'type: "HDF5Data" top: "d" top: "n" hdf5_data_param {{ source: "{stores}/list" batch_size: 3 }}'
    assert layer_of(text)[1] == [(3, 2, 3), (3,)]
    assert numbers(layer(stores), 6) == [index % 8 for index in range(18)]
    assert numbers(layer(stores, "batch_size: 19"), 1) == [index % 8 for index in range(19)]


def test_a_shuffled_pass_has_every_row_file_by_file(stores: Path) -> None:
    drawn = numbers(layer(stores, "batch_size: 8 shuffle: true", seed=1), 6)
    passes = [drawn[first : first + 8] for first in range(0, 48, 8)]
    files = set()
    for one in passes:
        assert sorted(one) == list(range(8))
        blocks = [[number for number in one if number in rows] for rows in ({0, 1, 2, 3}, {4}, {5, 6, 7})]
        order = sorted(blocks, key=lambda block: one.index(block[0]))
        # The rows of a file stay together.
        assert [number for block in order for number in block] == one
        files.add(tuple(min(block) for block in order))
    assert len({tuple(one) for one in passes}) == 6
    assert len(files) > 1
    assert numbers(layer(stores, "batch_size: 8 shuffle: true", seed=1), 6) == drawn


@pytest.mark.parametrize("batch", [0, 1, 2, 7])
def test_seek_continues_as_if_never_interrupted(stores: Path, batch: int) -> None:
    settings = "batch_size: 3 shuffle: true"
    unbroken = numbers(layer(stores, settings, seed=5), batch + 4)
    resumed = layer(stores, settings, seed=5)
    numbers(resumed, 1)
    resumed.seek(batch)  # type: ignore[attr-defined]  # a Source
    assert numbers(resumed, 4) == unbroken[3 * batch :]


@pytest.mark.parametrize(
    ("settings", "tops", "message"),
    [
        ("", 'top: "n"', "batch_size of at least 1"),
        ("batch_size: 1", 'top: "x"', r'a\.h5 has no dataset "x"; it has d, n'),
        ("batch_size: 1 } transform_param { scale: 2", 'top: "n"', "does not transform its data"),
    ],
)
def test_settings_that_do_not_fit(stores: Path, settings: str, tops: str, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        layer(stores, settings, tops)


def test_files_that_do_not_fit(stores: Path) -> None:
    def rewritten(**datasets: object) -> None:
        with h5py.File(stores / "b.h5", "w") as store:
            for name, values in datasets.items():
                store[name] = values

    for datasets, message in (
        ({"n": [1], "d": np.ones((1, 2, 4))}, r"rows of .*b\.h5 have other shapes than those of .*a\.h5"),
        ({"n": [1, 2], "d": np.ones((1, 2, 3))}, r"b\.h5: its datasets have the shapes .* same number of rows"),
        ({"n": np.ones((0,)), "d": np.ones((0, 2, 3))}, "same number of rows, at least 1"),
        ({"n": 3.0, "d": 4.0}, "same number of rows, at least 1"),
        ({"n": [b"one"], "d": np.ones((1, 2, 3))}, r"b\.h5: a dataset does not hold numbers"),
        ({"d": np.ones((1, 2, 3))}, r'b\.h5 has no dataset "n"'),
        ({"n/d": [1], "d": np.ones((1, 2, 3))}, r'b\.h5 has no dataset "n"; it has d, n'),  # a group
    ):
        rewritten(**datasets)
        with pytest.raises(LayerError, match=message):
            layer(stores)
    (stores / "b.h5").write_text("no")
    with pytest.raises(LayerError, match=r"b\.h5 cannot be read as an HDF5 file"):
        layer(stores)
    (stores / "list").write_text(" \n")
    with pytest.raises(LayerError, match='list" is empty'):
        layer(stores)
    (stores / "list").unlink()
    with pytest.raises(LayerError, match='list" cannot be read'):
        layer(stores)


def test_the_hdf5_file_itself_as_source(stores: Path) -> None:
    text = f'type: "HDF5Data" top: "n" hdf5_data_param {{ source: "{stores}/a.h5" batch_size: 1 }}'
    with pytest.raises(LayerError, match=r"a\.h5\" is an HDF5 file itself. Expected a text file with the names"):
        layer_of(text)


@pytest.mark.timeout(20)
def test_fifos_links_and_claims(stores: Path) -> None:
    (stores / "b.h5").unlink()
    os.mkfifo(stores / "b.h5")
    with pytest.raises(LayerError, match=r"b\.h5 cannot be read as an HDF5 file .*a FIFO, not an ordinary file"):
        layer(stores)
    (stores / "b.h5").unlink()
    with h5py.File(stores / "b.h5", "w") as store:
        store["n"] = [1]
        store["d"] = h5py.ExternalLink(str(stores / "a.h5"), "d")
    with pytest.raises(LayerError, match=r'b\.h5: "d": is a link to another place or file'):
        layer(stores)
    with h5py.File(stores / "b.h5", "w") as store:
        store["n"] = [1]
        store.create_dataset("d", (10**6, 10**6), "<f4", chunks=(1000, 1000))
    with pytest.raises(LayerError, match="claims 1000000000000 numbers"):
        layer(stores)
    (stores / "list").unlink()
    os.mkfifo(stores / "list")
    with pytest.raises(LayerError, match=r'list" cannot be read .*a FIFO'):
        layer(stores)
