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
        # The first is another layer's.
        assert [blob.shape for blob in weights["twin"]] == [(0,), (4,)]


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
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if keep < 1 else int(keep)])
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


@pytest.mark.parametrize("kind", ["soft", "external"])
@pytest.mark.parametrize("place", ["data", "data/conv", "data/conv/0"])
def test_links_are_not_followed(tmp_path: Path, kind: str, place: str) -> None:
    """An external link to a FIFO would wait for ever; one to another file would read it."""
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["data/conv/0"] = CONV
    with h5py.File(tmp_path / "w", "w") as file:
        file["other/conv/0"] = CONV
        file["data/fc/0"] = CONV
        if place in file:
            del file[place]
        target = place.replace("data", "other", 1)
        file[place] = h5py.SoftLink(f"/{target}") if kind == "soft" else h5py.ExternalLink(str(secret), place)
    with pytest.raises(WeightsError, match=f"w: {place}: is a link to another place or file, which is not followed"):
        read_hdf5_weights(tmp_path / "w")


def test_numbers_in_other_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(96))
    with h5py.File(tmp_path / "source", "w") as file:
        file["x"] = CONV
    with h5py.File(tmp_path / "stored", "w") as file:
        file.create_dataset("data/conv/0", CONV.shape, "<f4", external=[(str(tmp_path / "secret"), 0, 96)])
    with h5py.File(tmp_path / "virtual", "w") as file:
        layout = h5py.VirtualLayout(CONV.shape, "<f4")
        layout[...] = h5py.VirtualSource(str(tmp_path / "source"), "x", CONV.shape)
        file.create_virtual_dataset("data/conv/0", layout)
    for name in ("stored", "virtual"):
        with pytest.raises(WeightsError, match=f"{name}: data/conv/0: keeps its numbers in other files"):
            read_hdf5_weights(tmp_path / name)


@pytest.mark.timeout(20)
def test_groups_inside_each_other_without_end(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "deep", "w") as file:
        group = file.create_group("data")
        for _ in range(5000):
            group = group.create_group("a")
        group["0"] = CONV
    with h5py.File(tmp_path / "circle", "w") as file:
        file["data/conv/0"] = CONV
        file["data/conv/again"] = file["data"]
        file["data/again"] = file["data"]
    for name in ("deep", "circle"):
        with pytest.raises(WeightsError, match=f"{name}: has more than 32 groups inside each other"):
            read_hdf5_weights(tmp_path / name)


@pytest.mark.timeout(20)
def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w")
    assert not is_hdf5(tmp_path / "w")
    for read in (read_weights, read_solverstate, read_hdf5_weights, read_hdf5_state):
        with pytest.raises(WeightsError, match=r"w: cannot be read .*a FIFO, not an ordinary file"):
            read(tmp_path / "w")
