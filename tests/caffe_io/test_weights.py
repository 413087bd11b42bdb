from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from caffe_io.blobs import array_to_blob, blob_to_array
from caffe_io.caffe_pb2 import BlobProto, BlobShape, LayerParameter, NetParameter, SolverState, V1LayerParameter
from caffe_io.errors import CaffeIOError, WeightsError
from caffe_io.mean import write_mean
from caffe_io.prototxt import read_net
from caffe_io.weights import newest_snapshot, read_solverstate, read_weights, write_solverstate, write_weights
from common.errors import OutputExists


def some_weights() -> dict[str, list[np.ndarray]]:
    draw = np.random.default_rng(3)
    return {
        "conv": [draw.normal(size=(4, 3, 2, 2)).astype(np.float32), np.zeros(4, np.float32)],
        "scale": [np.float32(2).reshape(())],
    }


def some_net() -> NetParameter:
    return NetParameter(
        name="n", layer=[LayerParameter(name=name, type="X") for name in ("data", "conv", "relu", "scale")]
    )


def test_a_round_trip_of_weights(tmp_path: Path) -> None:
    net, weights = some_net(), some_weights()
    write_weights(tmp_path / "w", net, weights)
    back = read_weights(tmp_path / "w")
    assert list(back) == ["conv", "scale"]
    for name, blobs in weights.items():
        assert [blob.shape for blob in back[name]] == [blob.shape for blob in blobs]
        for found, expected in zip(back[name], blobs, strict=True):
            np.testing.assert_array_equal(found, expected)
    # The net passed in has not changed.
    assert not any(layer.blobs for layer in net.layer)
    assert NetParameter.FromString((tmp_path / "w").read_bytes()).layer[1].type == "X"


def test_old_weights_are_replaced(tmp_path: Path) -> None:
    net = some_net()
    net.layer[0].blobs.append(array_to_blob(np.zeros(5)))
    write_weights(tmp_path / "w", net, some_weights())
    assert "data" not in read_weights(tmp_path / "w")


def test_v1_weights(tmp_path: Path) -> None:
    layer = V1LayerParameter(name="c", type=V1LayerParameter.CONVOLUTION)
    layer.blobs.append(array_to_blob(np.ones((2, 3)), legacy_shape=True))
    (tmp_path / "w").write_bytes(NetParameter(layers=[layer]).SerializeToString())
    assert read_weights(tmp_path / "w")["c"][0].shape == (1, 1, 2, 3)


def test_existing_weights_are_kept(tmp_path: Path) -> None:
    write_weights(tmp_path / "w", some_net(), some_weights())
    before = (tmp_path / "w").read_bytes()
    with pytest.raises(OutputExists):
        write_weights(tmp_path / "w", some_net(), {})
    assert (tmp_path / "w").read_bytes() == before


def test_a_blob_that_claims_a_trillion_values(tmp_path: Path) -> None:
    layer = LayerParameter(name="fc", blobs=[BlobProto(shape=BlobShape(dim=[10**6, 10**6]))])
    (tmp_path / "w").write_bytes(NetParameter(layer=[layer]).SerializeToString())
    with pytest.raises(WeightsError, match=r'w: layer "fc", blob 0: holds 0 numbers; expected 1000000000000 '):
        read_weights(tmp_path / "w")


@pytest.mark.parametrize("cut", [1, 0.3, 0.9, -1])
def test_a_truncated_caffemodel(tmp_path: Path, cut: float) -> None:
    write_weights(tmp_path / "w", some_net(), some_weights())
    data = (tmp_path / "w").read_bytes()
    (tmp_path / "w").write_bytes(data[: int(len(data) * cut) if isinstance(cut, float) else cut])
    with pytest.raises(WeightsError, match=r"w: \d+ bytes that are not a caffemodel; the file is damaged, cut short"):
        read_weights(tmp_path / "w")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"w: is empty \(0 bytes\)"),
        (b"# a prototxt\n", "not a caffemodel"),
        (some_net().SerializeToString(), "w: holds 4 layers but no weights; expected a trained caffemodel"),
    ],
)
def test_files_that_are_not_a_caffemodel(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "w").write_bytes(data)
    with pytest.raises(WeightsError, match=message):
        read_weights(tmp_path / "w")


def test_a_round_trip_of_a_solverstate(tmp_path: Path) -> None:
    history = [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros(2, np.float32)]
    write_solverstate(tmp_path / "s", 120, "n_iter_120.caffemodel", history, current_step=3)
    state = read_solverstate(tmp_path / "s")
    assert (state.iter, state.learned_net, state.current_step) == (120, "n_iter_120.caffemodel", 3)
    for found, expected in zip(state.history, history, strict=True):
        np.testing.assert_array_equal(blob_to_array(found), expected)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"s: is empty \(0 bytes\); expected a solverstate"),
        (
            SolverState(iter=3, learned_net="abc").SerializeToString()[:-1],
            "not a solverstate; the file is damaged, cut short",
        ),
        (NetParameter(name="n").SerializeToString(), r"s: has no iteration number or no history; .*--weights"),
        (b"net: 'x'", "not a solverstate"),
    ],
)
def test_files_that_are_not_a_solverstate(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "s").write_bytes(data)
    with pytest.raises(WeightsError, match=message):
        read_solverstate(tmp_path / "s")


def test_the_newest_snapshot_is_the_one_with_the_highest_number(tmp_path: Path) -> None:
    for number in (900, 10000, 9999):
        (tmp_path / f"AgeNet_iter_{number}.caffemodel").touch()
    for name in (
        "AgeNet_iter_99999.solverstate",
        "AgeNet_iter_x.caffemodel",
        "AgeNet.caffemodel",
        "a_iter_².caffemodel",
    ):
        (tmp_path / name).touch()
    (tmp_path / "AgeNet_iter_7.caffemodel.h5").touch()
    (tmp_path / "AgeNet_iter_12000.caffemodel.h5").touch()
    assert newest_snapshot(tmp_path).name == "AgeNet_iter_12000.caffemodel.h5"
    (tmp_path / "AgeNet_iter_12000.caffemodel.h5").unlink()
    (tmp_path / "Other_iter_20000.caffemodel").touch()
    assert newest_snapshot(tmp_path, name="AgeNet").name == "AgeNet_iter_10000.caffemodel"
    assert newest_snapshot(tmp_path, ".solverstate").name == "AgeNet_iter_99999.solverstate"


def test_snapshots_of_two_trainings(tmp_path: Path) -> None:
    """The highest number may be an older training's, so nothing is chosen."""
    for number, age in ((3000, 100), (80, 0), (40, 50)):
        path = tmp_path / f"AgeNet_iter_{number}.caffemodel"
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    message = r"AgeNet_iter_3000\.caffemodel has the highest number, but AgeNet_iter_80\.caffemodel was written after"
    with pytest.raises(WeightsError, match=message):
        newest_snapshot(tmp_path)
    # Files that were copied one after the other are of one training.
    os.utime(tmp_path / "AgeNet_iter_80.caffemodel", (1e9 - 99.5, 1e9 - 99.5))
    os.utime(tmp_path / "AgeNet_iter_40.caffemodel", (1e9 - 100, 1e9 - 100))
    assert newest_snapshot(tmp_path).name == "AgeNet_iter_3000.caffemodel"


def test_snapshots_with_two_names(tmp_path: Path) -> None:
    """The training that wrote last counts, as with the settled weights of a recipe; of two copies neither was last."""
    for name, number, age in (("Net", 4000, 100), ("Net", 3000, 200), ("Net_settled", 60, 10)):
        path = tmp_path / f"{name}_iter_{number}.caffemodel"
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    assert newest_snapshot(tmp_path).name == "Net_settled_iter_60.caffemodel"
    # Trained again, and not settled.
    os.utime(tmp_path / "Net_iter_4000.caffemodel", (1e9, 1e9))
    assert newest_snapshot(tmp_path).name == "Net_iter_4000.caffemodel"
    os.utime(tmp_path / "Net_settled_iter_60.caffemodel", (1e9 - 0.5, 1e9 - 0.5))
    message = r"Net_iter_4000\.caffemodel and Net_settled_iter_60\.caffemodel are of different trainings and were"
    with pytest.raises(WeightsError, match=message):
        newest_snapshot(tmp_path)


def test_no_snapshot_at_all(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(WeightsError, match=r"holds no snapshot \(\*_iter_N\.caffemodel\)"):
            newest_snapshot(folder)


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"x{300}: cannot be read \(File name too long\)"):
        newest_snapshot(tmp_path / ("x" * 300))


def test_names_are_not_patterns(tmp_path: Path) -> None:
    (tmp_path / "[a]*_iter_5.caffemodel").touch()
    (tmp_path / "ab_iter_6.caffemodel").touch()
    assert newest_snapshot(tmp_path, name="[a]*").name == "[a]*_iter_5.caffemodel"


_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 45640000\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_POINTER, "It is a Git LFS pointer, not the file itself. Fetch the file with `git lfs pull`"),
        (b"<!DOCTYPE html><html>", "It is a web page (HTML), not the file itself"),
        (b'name: "n"\nlayer {\n}\n', "It is a net as text (prototxt). Pass it with --model"),
        (b"PK\x03\x04" + bytes(100), "It is a zip archive. Unpack it first."),
    ],
)
def test_other_files_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "w").write_bytes(data)
    for read in (read_weights, read_solverstate):
        with pytest.raises(WeightsError) as caught:
            read(tmp_path / "w")
        assert words in str(caught.value)


def test_caffes_other_binary_files_are_named(tmp_path: Path) -> None:
    write_solverstate(tmp_path / "state", 9, "x.caffemodel", [np.ones(3)])
    write_mean(tmp_path / "mean", np.ones((3, 4, 4), np.float32))
    write_weights(tmp_path / "model", some_net(), some_weights())
    for name, read, words in [
        ("state", read_weights, r"It is a solver state\. Pass it with --snapshot, and its caffemodel with --weights\."),
        ("mean", read_weights, r"It is a mean image \(binaryproto\)\."),
        (
            "model",
            read_solverstate,
            r"Pass a \.caffemodel with --weights\.|It is a caffemodel\. Pass it with --weights\.",
        ),
        ("mean", read_solverstate, r"It is a mean image \(binaryproto\)\."),
        ("state", read_net, r"is not text; .* It is a solver state"),
        ("mean", read_net, r"is not text; .* It is a mean image"),
        ("model", read_net, r"is not text; .* It is a caffemodel\. Pass it with --weights\."),
    ]:
        with pytest.raises(CaffeIOError, match=words):
            read(tmp_path / name)


def test_a_net_without_weights(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(some_net().SerializeToString())
    with pytest.raises(WeightsError, match=r"holds 4 layers but no weights; .* Pass the \*\.caffemodel that training"):
        read_weights(tmp_path / "w")
