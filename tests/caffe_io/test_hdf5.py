from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from caffe_io.blobs import blob_to_array
from caffe_io.errors import WeightsError
from caffe_io.hdf5 import is_hdf5, read_hdf5_state, read_hdf5_weights, write_hdf5_state, write_hdf5_weights
from caffe_io.weights import read_solverstate, read_weights
from common.errors import OutputExists

CONV = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
BIAS = np.zeros(4, np.float32)


def weights_file(folder: Path) -> Path:
    path = folder / "net.caffemodel.h5"
    write_hdf5_weights(path, ["data", "block/conv", "twin"], {"block/conv": {0: CONV, 1: BIAS}, "twin": {1: BIAS}})
    return path


def test_a_round_trip_of_weights(tmp_path: Path) -> None:
    path = weights_file(tmp_path)
    assert is_hdf5(path)
    for read in (read_hdf5_weights, read_weights):
        weights = read(path)
        assert set(weights) == {"block/conv", "twin"}
        np.testing.assert_array_equal(weights["block/conv"][0], CONV)
        assert [blob.shape for blob in weights["twin"]] == [(0,), (4,)]  # the first is another layer's


def test_the_layout_is_caffes(tmp_path: Path) -> None:
    with h5py.File(weights_file(tmp_path)) as file:
        assert file["data/block/conv/0"].dtype == np.dtype("<f4")
        assert len(file["data/data"]) == 0
    write_hdf5_state(tmp_path / "s", 7, "x.caffemodel.h5", [CONV], 2)
    with h5py.File(tmp_path / "s") as file:
        assert [file[key].dtype.str for key in ("iter", "current_step")] == ["<i4", "<i4"]
        assert file["learned_net"][()] == b"x.caffemodel.h5"
        assert list(file["history"]) == ["0"]


def test_a_round_trip_of_a_state(tmp_path: Path) -> None:
    write_hdf5_state(tmp_path / "s", 2**24 + 1, "models/é.h5", [CONV, BIAS] * 6, 2)
    for read in (read_hdf5_state, read_solverstate):
        state = read(tmp_path / "s")
        assert (state.iter, state.current_step, state.learned_net) == (2**24 + 1, 2, "models/é.h5")
        assert [blob_to_array(blob).tolist() for blob in state.history] == [CONV.tolist(), BIAS.tolist()] * 6


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    before = weights_file(tmp_path).read_bytes()
    with pytest.raises(OutputExists):
        weights_file(tmp_path)
    assert (tmp_path / "net.caffemodel.h5").read_bytes() == before


@pytest.mark.parametrize("keep", [8, 200, 0.5, 0.95])
def test_files_that_are_cut_short(tmp_path: Path, keep: float) -> None:
    path = weights_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep) if keep < 1 else int(keep)])
    with pytest.raises(WeightsError, match=r"net\.caffemodel\.h5: "):
        read_weights(path)


def test_files_with_other_content(tmp_path: Path) -> None:
    weights_file(tmp_path)
    with pytest.raises(WeightsError, match="has no iteration number"):
        read_hdf5_state(tmp_path / "net.caffemodel.h5")
    write_hdf5_state(tmp_path / "s", 7, "x", [])
    with pytest.raises(WeightsError, match='has no group "data"'):
        read_hdf5_weights(tmp_path / "s")
    write_hdf5_weights(tmp_path / "none", ["data"], {})
    with pytest.raises(WeightsError, match="holds no weights"):
        read_hdf5_weights(tmp_path / "none")
    with h5py.File(tmp_path / "text", "w") as file:
        file["data/conv/0"] = "no numbers"
    with pytest.raises(WeightsError, match="is not a data set of numbers"):
        read_hdf5_weights(tmp_path / "text")
    with h5py.File(tmp_path / "gap", "w") as file:
        file["data/conv/1000000000"] = CONV
    with pytest.raises(WeightsError, match="has a blob number 1000000000"):
        read_hdf5_weights(tmp_path / "gap")


def test_a_claim_of_a_trillion_values(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w", "w") as file:
        file.create_dataset("data/fc/0", (10**6, 10**6), "<f4", chunks=(1000, 1000))
    with pytest.raises(WeightsError, match="claims 1000000000000 numbers"):
        read_hdf5_weights(tmp_path / "w")


def test_files_that_are_not_hdf5(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"\x0a\x01n")
    assert not is_hdf5(tmp_path / "w")
    assert not is_hdf5(tmp_path / "missing")
    with pytest.raises(WeightsError, match="missing: cannot be read"):
        read_weights(tmp_path / "missing")


def test_names_that_are_not_text(tmp_path: Path) -> None:
    path = weights_file(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"twin\0", b"tw\xffn\0"))
    assert set(read_weights(path)) == {"block/conv", os.fsdecode(b"tw\xffn")}
    write_hdf5_weights(tmp_path / "w", ["fc"], {"fc": {0: CONV, 1: BIAS}})
    with h5py.File(tmp_path / "w", "a") as file:
        file["data/fc"].move(b"1", b"\xff")
    assert [blob.shape for blob in read_weights(tmp_path / "w")["fc"]] == [CONV.shape]
