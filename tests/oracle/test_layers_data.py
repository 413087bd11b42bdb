"""Layers without bottoms against Caffe: the same files give the same blobs, batch after batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import numpy.typing as npt
import pytest
import torch

from caffe_io.caffe_pb2 import TEST, Datum
from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.prototxt import read_net
from common.errors import MokaError
from kits.oracle import saw
from kits.oracle_layers import Array, CaffeRefuses, Judge, our_net
from kits.training import make_mean
from training import pycaffe
from training.nets.net import Net

pytestmark = pytest.mark.oracle


def picture(seed: int, height: int = 20, width: int = 24, channels: int = 3) -> npt.NDArray[np.uint8]:
    """Draw a soft cloud, height x width x channels, BGR."""
    rough = np.random.default_rng(seed).uniform(0, 255, (5, 6, channels))
    return np.clip(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def same(judge: Judge, kind: str, text: str, batches: int = 3, phase: str = "TEST") -> dict[str, Array]:
    """Compare the last of `batches` batches of both, which may differ only by rounding; return ours."""
    whole = f'layer {{ name: "it" type: "{kind}" {text} }}'
    try:
        theirs = judge.run(whole, phase=phase, backward=False, forwards=batches).data
        net = our_net(whole, phase)
        for _ in range(batches):
            net.forward()
        net.close()
        assert net.blobs.keys() == theirs.keys()
        for name, expected in theirs.items():
            assert net.blobs[name].shape == expected.shape
            np.testing.assert_allclose(net.blobs[name].numpy(), expected, rtol=1e-6, atol=1e-6)
    except BaseException:
        saw(kind, "forward", ok=False)
        raise
    saw(kind, "forward")
    return {name: blob.numpy() for name, blob in net.blobs.items()}


def both_refuse(judge: Judge, text: str, said: str, phase: str = "TEST", forward: bool = False) -> None:
    def ours() -> None:
        net = our_net(text, phase)
        try:
            if forward:
                net.forward()
        finally:
            net.close()

    with pytest.raises(CaffeRefuses):
        judge.run(text, phase=phase, backward=False)
    with pytest.raises(MokaError, match=said):
        ours()


# Data

Records = Callable[[int], Datum]


def raw(index: int) -> Datum:
    return array_to_datum(np.ascontiguousarray(picture(index).transpose(2, 0, 1)), index % 3)


def encoded(suffix: str, channels: int = 3) -> Records:
    def make(index: int) -> Datum:
        data = cv2.imencode(suffix, picture(index, channels=channels))[1].tobytes()
        return Datum(encoded=True, data=data, label=index)

    return make


def floats(index: int) -> Datum:
    values = np.random.default_rng(index).standard_normal((2, 5, 6))
    return Datum(channels=2, height=5, width=6, label=index, float_data=values.ravel())


def growing(index: int) -> Datum:
    return array_to_datum(np.ascontiguousarray(picture(index, 18 + index, 30 - index).transpose(2, 0, 1)), index)


RECORDS: dict[str, Records] = {
    "raw": raw,
    "jpg": encoded(".jpg"),
    "png": encoded(".png"),
    "grey_png": encoded(".png", 1),
    "alpha_png": encoded(".png", 4),
    "floats": floats,
    "growing": growing,
}


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an LMDB of five records of each kind, and a mean of the pictures' size."""
    folder = tmp_path_factory.mktemp("databases")
    for name, make in RECORDS.items():
        with write_lmdb(folder / name) as database:
            for index in range(5):
                database.put(b"%02d" % index, make(index).SerializeToString())
    make_mean(folder / "mean.binaryproto", 24)
    return folder


def data(folder: Path, name: str, batch: int, transform: str = "", more: str = 'top: "d" top: "l"') -> str:
    source = f'data_param {{ source: "{folder / name}" backend: LMDB batch_size: {batch} rand_skip: 3 }}'
    return f"{more} {source} transform_param {{ {transform} }}"


@pytest.mark.parametrize(
    ("name", "transform"),
    [
        ("raw", ""),
        ("raw", "scale: 0.0078125 mean_value: 127.5"),
        ("raw", "mean_value: 104 mean_value: 117 mean_value: 123 crop_size: 15"),
        # force_* is ignored for records that are not encoded.
        ("raw", "force_gray: true"),
        ("jpg", "crop_size: 16"),
        ("jpg", "force_color: true"),
        ("jpg", "force_gray: true mean_value: 100"),
        ("png", "force_gray: true"),
        ("grey_png", ""),
        ("grey_png", "force_color: true crop_size: 19"),
        ("alpha_png", ""),
        ("alpha_png", "force_color: true"),
        ("floats", "scale: 3 mean_value: 0.5"),
        ("growing", "crop_size: 17 scale: 0.5"),
    ],
)
def test_data(judge: Judge, databases: Path, name: str, transform: str) -> None:
    same(judge, "Data", data(databases, name, 4, transform))


def test_data_with_a_mean_image(judge: Judge, databases: Path, tmp_path: Path) -> None:
    with write_lmdb(tmp_path / "square") as database:
        for index in range(3):
            values = np.ascontiguousarray(picture(index, 24).transpose(2, 0, 1))
            database.put(b"%d" % index, array_to_datum(values, index).SerializeToString())
    mean = f'mean_file: "{databases}/mean.binaryproto"'
    for more in ("", "scale: 0.01", "crop_size: 9"):
        same(judge, "Data", data(tmp_path, "square", 2, f"{mean} {more}"), batches=2)
    same(judge, "Data", data(tmp_path, "square", 5, mean, 'top: "d"'), phase="TRAIN")


def test_pictures_of_other_sizes_from_batch_to_batch(judge: Judge, databases: Path) -> None:
    """A batch of one takes any size, and the layers after it adapt."""
    pooled = '} layer { name: "p" type: "Pooling" bottom: "d" top: "p" pooling_param { kernel_size: 3 stride: 2 }'
    for batches in (1, 2, 4):
        blobs = same(judge, "Data", data(databases, "growing", 1) + pooled, batches)
        assert blobs["d"].shape == (1, 3, 17 + batches, 31 - batches)


def test_what_both_refuse_of_data(judge: Judge, databases: Path) -> None:
    for name, transform, said in (
        ("jpg", "force_color: true force_gray: true", "both force_color and force_gray"),
        ("raw", "crop_size: 21", "crop_size 21 is larger"),
        ("raw", "mean_value: 1 mean_value: 2", "2 mean_value"),
        ("raw", f'mean_file: "{databases}/mean.binaryproto" mean_value: 2', "both mean_file and mean_value"),
        ("raw", f'mean_file: "{databases}/mean.binaryproto"', "the mean is 3x24x24"),
        ("growing", "", "but the first record is 3x18x30"),
    ):
        text = f'layer {{ name: "it" type: "Data" {data(databases, name, 4, transform)} }}'
        both_refuse(judge, text, said, forward=True)


# ImageData


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make seven pictures of one size, five of different sizes, and their lists."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "in").mkdir()
    names = ["a.png", "b.jpg", "c c.png", "d.bmp", "e.png", "f.jpg", "g.png"]
    for index, name in enumerate(names):
        cv2.imwrite(str(folder / "in" / name), picture(index, channels=1 if index == 4 else 3))
    (folder / "list").write_text("".join(f"in/{name} {index * 7}\n" for index, name in enumerate(names)))
    for index in range(5):
        cv2.imwrite(str(folder / f"{index}.png"), picture(index, 18 + index, 30 - index))
    # Labels that are missing, words, with a sign, a fraction, and with another system's line ending.
    (folder / "sizes").write_text(
        f"{folder}/0.png\n{folder}/1.png x\n{folder}/2.png -3\n{folder}/3.png 4.7\n{folder}/4.png 5\r\n"
    )
    make_mean(folder / "mean.binaryproto", 24)
    return folder


def image_data(folder: Path, name: str, settings: str, transform: str = "") -> str:
    source = f'image_data_param {{ source: "{folder / name}" {settings} }}'
    return f'top: "d" top: "l" {source} transform_param {{ {transform} }}'


@pytest.mark.parametrize(
    ("settings", "transform"),
    [
        ("batch_size: 3", ""),
        ("batch_size: 9", "crop_size: 11 scale: 0.5 mean_value: 100"),
        ("batch_size: 4 is_color: false", "mean_value: 30"),
        ("batch_size: 4 new_height: 13 new_width: 31", ""),
        ("batch_size: 4 new_height: 24 new_width: 24", 'mean_file: "{folder}/mean.binaryproto" crop_size: 20'),
        ("batch_size: 4 new_height: 40 new_width: 48 is_color: false", ""),
        # It skips fewer than 1.
        ("batch_size: 2 rand_skip: 1", ""),
    ],
)
def test_image_data(judge: Judge, pictures: Path, settings: str, transform: str) -> None:
    settings += f' root_folder: "{pictures}/"'
    same(judge, "ImageData", image_data(pictures, "list", settings, transform.format(folder=pictures)))


def test_image_data_of_several_sizes(judge: Judge, pictures: Path) -> None:
    # The labels are 0, 0, -3, 4, 5, 0.
    for batches in range(1, 7):
        blobs = same(judge, "ImageData", image_data(pictures, "sizes", "batch_size: 1"), batches)
    assert blobs["l"] == [0]
    same(judge, "ImageData", image_data(pictures, "sizes", "batch_size: 3 new_height: 8 new_width: 9"))
    same(judge, "ImageData", image_data(pictures, "sizes", "batch_size: 4", "crop_size: 18"))


def test_shuffled_image_data_of_both_hold_every_picture_once(judge: Judge, pictures: Path) -> None:
    text = image_data(pictures, "list", f'batch_size: 7 shuffle: true root_folder: "{pictures}/"')
    whole = f'layer {{ name: "it" type: "ImageData" {text} }}'
    net = our_net(whole)
    orders = []
    for _ in range(3):
        net.forward()
        orders.append(net.blobs["l"].tolist())
    net.close()
    theirs = judge.run(whole, backward=False).data["l"].tolist()
    for order in (*orders, theirs):
        assert sorted(order) == [0, 7, 14, 21, 28, 35, 42]
    assert len({tuple(order) for order in orders}) == 3


def test_what_both_refuse_of_image_data(judge: Judge, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    (tmp_path / "gone").write_text("nowhere.png 1\n")
    (tmp_path / "text").write_text(f"{tmp_path}/empty 1\n")
    for folder, name, settings, said in (
        (pictures, "list", "batch_size: 2 new_height: 5", "expected both, or neither"),
        (pictures, "list", "batch_size: 2", "line 1: in/a.png: no such file"),
        (tmp_path, "gone", "batch_size: 2", "line 1: nowhere.png: no such file"),
        (tmp_path, "text", "batch_size: 2", "not a picture, or damaged"),
        (tmp_path, "empty", "batch_size: 2", "names no picture"),
        (tmp_path, "none", "batch_size: 2", "cannot be read"),
        (pictures, "sizes", "batch_size: 2", "but the first record is 3x18x30"),
        (pictures, "sizes", "batch_size: 0", "batch_size of at least 1"),
    ):
        text = f'layer {{ name: "it" type: "ImageData" {image_data(folder, name, settings)} }}'
        both_refuse(judge, text, said, forward=True)


# HDF5Data


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    random = np.random.default_rng(0)
    for index, rows in enumerate((5, 2, 4)):
        with h5py.File(folder / f"{index}.h5", "w") as store:
            store["d"] = random.standard_normal((rows, 2, 3, 4))  # doubles
            store["l"] = random.integers(-9, 9, (rows,))
            store.create_dataset("v", data=random.standard_normal((rows, 3)).astype(np.float32), compression="gzip")
            store["short"] = np.zeros((rows - 1, 2))
            store["word"] = [b"x"] * rows
    (folder / "three").write_text("".join(f"{folder}/{index}.h5\n" for index in range(3)))
    (folder / "one").write_text(f"{folder}/1.h5")
    (folder / "gone").write_text(f"{folder}/9.h5")
    (folder / "empty").write_text("")
    return folder


def hdf5_data(folder: Path, name: str, batch: int, tops: str = "d l v", more: str = "") -> str:
    names = " ".join(f'top: "{top}"' for top in tops.split())
    return f'{names} hdf5_data_param {{ source: "{folder / name}" batch_size: {batch} }} {more}'


def test_hdf5_data(judge: Judge, stores: Path) -> None:
    for name, batch in (("three", 4), ("three", 30), ("one", 3), ("one", 2)):
        for batches in (1, 4):
            same(judge, "HDF5Data", hdf5_data(stores, name, batch), batches)
    same(judge, "HDF5Data", hdf5_data(stores, "three", 4, "v"), phase="TRAIN")


def test_what_both_refuse_of_hdf5_data(judge: Judge, stores: Path) -> None:
    for name, tops, more, said in (
        ("three", "d", "transform_param { scale: 2 }", "does not transform"),
        ("three", "d x", "", 'no dataset "x"; it has d, l, short, v, word'),
        ("gone", "d", "", "cannot be read as an HDF5 file"),
        ("none", "d", "", "cannot be read"),
        ("empty", "d", "", "is empty"),
        ("three", "d short", "", "same number of rows"),
        ("three", "word d", "", "does not hold numbers"),
    ):
        text = f'layer {{ name: "it" type: "HDF5Data" {hdf5_data(stores, name, 3, tops, more)} }}'
        both_refuse(judge, text, said)


# MemoryData, DummyData, Input


def test_memory_data(judge: Judge) -> None:
    settings = "batch_size: 2 channels: 3 height: 4 width: 5"
    text = f'layer {{ name: "it" type: "MemoryData" top: "d" top: "l" memory_data_param {{ {settings} }} }}'
    arrays = np.random.default_rng(0).standard_normal((6, 3, 4, 5)).astype(np.float32), np.arange(6, dtype=np.float32)
    net = our_net(text)
    net.set_input_arrays(*arrays)
    for batches in range(1, 6):
        theirs = judge.run(text, backward=False, forwards=batches, memory=arrays).data
        net.forward()
        # Caffe reshapes the labels from N to N x 1 x 1 x 1 in the first forward pass.
        for name, expected in theirs.items():
            np.testing.assert_array_equal(net.blobs[name].numpy().ravel(), expected.ravel())
    saw("MemoryData", "forward")
    for wrong in ((arrays[0][:5], arrays[1][:5]), (arrays[0][:, :2].copy(), arrays[1])):
        with pytest.raises(MokaError):
            net.set_input_arrays(*wrong)


def test_memory_data_by_pycaffe_s_names(tmp_path: Path) -> None:
    settings = "batch_size: 1 channels: 1 height: 2 width: 2"
    text = f'layer {{ name: "it" type: "MemoryData" top: "d" top: "l" memory_data_param {{ {settings} }} }}'
    (tmp_path / "net.prototxt").write_text(text)
    net = pycaffe.Net(tmp_path / "net.prototxt", pycaffe.TEST)
    with pytest.raises(MokaError, match="set_input_arrays"):
        net.forward()
    net.set_input_arrays(np.float32([[[[1, 2], [3, 4]]], [[[5, 6], [7, 8]]]]), np.float32([9, 8]))
    assert [float(net.forward()["l"][0]) for _ in range(3)] == [9, 8, 9]


def test_dummy_data(judge: Judge) -> None:
    five = 'data_filler { type: "constant" value: 5 }'
    for settings in (
        "shape { dim: 2 dim: 3 }",
        f"{five} shape {{ dim: 2 dim: 3 }} shape {{ dim: 4 }}",
        f'{five} data_filler {{ type: "constant" value: -1 }} shape {{ }}',
        f"{five} num: 2 channels: 3 height: 4 height: 5 width: 1",
    ):
        same(judge, "DummyData", f'top: "a" top: "b" dummy_data_param {{ {settings} }}')
    drawn = 'data_filler { type: "uniform" min: 2 max: 3 } data_filler { type: "gaussian" mean: 7 std: 0.1 }'
    settings = f"{drawn} shape {{ dim: 50 dim: 40 }}"
    text = f'layer {{ name: "it" type: "DummyData" top: "a" top: "b" dummy_data_param {{ {settings} }} }}'
    net, before = our_net(text), {}
    for _ in range(2):
        net.forward()
        theirs = judge.run(text, backward=False, forwards=2).data
        for name, expected in theirs.items():
            mine = net.blobs[name].numpy()
            # Filled again in each forward pass.
            assert not torch.equal(before.get(name, torch.zeros(())), net.blobs[name])
            assert abs(mine.mean() - expected.mean()) < 0.03
            assert mine.std() == pytest.approx(expected.std(), rel=0.1)
        before = dict(net.blobs)


def test_what_both_refuse_of_the_others(judge: Judge) -> None:
    for text, said in (
        ('type: "DummyData" top: "a" dummy_data_param { num: 2 channels: 3 height: 4 }', "0 of num, channels"),
        ('type: "DummyData" top: "a" dummy_data_param { num: 2 shape { dim: 3 } }', "both shape and num"),
        ('type: "DummyData" top: "a" dummy_data_param { }', "1 tops and 0 shape"),
        (
            'type: "DummyData" top: "a" top: "b" top: "c" dummy_data_param { shape { dim: 3 } shape { dim: 2 } }',
            "3 tops and 2 shape",
        ),
        ('type: "MemoryData" top: "a" top: "b" memory_data_param { batch_size: 2 }', "needs batch_size, channels"),
        (
            'type: "Input" top: "a" top: "b" top: "c" input_param { shape { dim: 3 } shape { dim: 2 } }',
            "3 tops and 2 shapes",
        ),
    ):
        both_refuse(judge, f'layer {{ name: "it" {text} }}', said)


def test_input(judge: Judge) -> None:
    text = 'layer { name: "it" type: "Input" top: "a" top: "b" input_param { shape { dim: 2 dim: 3 } } }'
    arrays = {"a": np.ones((2, 3), np.float32), "b": np.full((2, 3), 2, np.float32)}
    net = our_net(text)
    net.forward({name: torch.from_numpy(values) for name, values in arrays.items()})
    theirs = judge.run(text, arrays, backward=False).data
    for name, expected in theirs.items():
        np.testing.assert_array_equal(net.blobs[name].numpy(), expected)
    saw("Input", "forward")


# WindowData

# Boxes (left, top, right, bottom) of pictures that are 20 high and 24 wide: inside, at each border, all of it, one pixel,
# thin, with odd and even sizes.
BOXES = [
    (3, 4, 15, 13),
    (0, 0, 9, 8),
    (14, 11, 23, 19),
    (0, 0, 23, 19),
    (5, 6, 5, 6),
    (2, 9, 22, 10),
    (11, 1, 12, 18),
]


def write_windows(folder: Path, foreground: tuple[int, ...], background: tuple[int, ...]) -> None:
    """Write a window file with one window of each kind, in different pictures, and one between the thresholds."""
    for number in range(2):
        cv2.imwrite(str(folder / f"{number}.png"), picture(number))
    text = f"""# 0
{folder}/0.png
3
20
24
2
4 0.75 {" ".join(map(str, foreground))}
2 0.5 1 1 2 2
# 1
{folder}/1.png 3 20 24
1
7 0.2 {" ".join(map(str, background))}
"""
    (folder / "windows.txt").write_text(text)


def window_text(
    folder: Path, transform: str, rest: str, thresholds: str = "fg_threshold: 0.6 bg_threshold: 0.4"
) -> str:
    return (
        f'top: "data" top: "label" transform_param {{ {transform} }} window_data_param {{ source: "{folder}/windows.txt" '
        f"batch_size: 4 {thresholds} {rest} }}"
    )


@pytest.mark.parametrize(
    "rest", ["", "context_pad: 1", "context_pad: 3", 'crop_mode: "square"', 'crop_mode: "square" context_pad: 2']
)
@pytest.mark.parametrize("box", BOXES, ids=str)
def test_windows_are_cut_and_warped(judge: Judge, tmp_path: Path, box: tuple[int, ...], rest: str) -> None:
    write_windows(tmp_path, box, BOXES[BOXES.index(box) - 1])
    blobs = same(judge, "WindowData", window_text(tmp_path, "crop_size: 11", f"fg_fraction: 0.5 {rest}"))
    assert blobs["label"].tolist() == [0, 0, 4, 4]


@pytest.mark.parametrize(
    ("transform", "rest"),
    [
        ("crop_size: 8 mean_value: 100", "scale: 0.0078125"),
        ("crop_size: 8 mean_value: 100 mean_value: 110 mean_value: 120", 'context_pad: 1 crop_mode: "square"'),
        ('crop_size: 8 mean_file: "{folder}/mean.binaryproto"', "context_pad: 3 scale: 0.5"),
        ("crop_size: 8 scale: 2", "cache_images: true"),
        ("crop_size: 8", 'crop_mode: "other"'),
        ("crop_size: 8", "fg_fraction: 1"),
        ("crop_size: 8", "fg_fraction: 0"),
        ("crop_size: 8", "fg_fraction: 0.7"),
    ],
)
def test_settings_of_windows(judge: Judge, tmp_path: Path, transform: str, rest: str) -> None:
    write_windows(tmp_path, BOXES[1], BOXES[5])
    make_mean(tmp_path / "mean.binaryproto", 12)
    same(judge, "WindowData", window_text(tmp_path, transform.format(folder=tmp_path), rest), phase="TRAIN")


@pytest.mark.parametrize("box", BOXES, ids=str)
def test_flipped_windows(judge: Judge, tmp_path: Path, box: tuple[int, ...]) -> None:
    """Caffe flips at random, so each of its windows is ours or ours flipped; in 24 draws both come."""
    write_windows(tmp_path, box, BOXES[BOXES.index(box) - 1])
    make_mean(tmp_path / "mean.binaryproto", 12)
    text = window_text(tmp_path, f'mirror: %s crop_size: 8 mean_file: "{tmp_path}/mean.binaryproto"', "context_pad: 2")
    net = our_net(f'layer {{ name: "it" type: "WindowData" {text % "true"} }}')
    ours: dict[float, set[bytes]] = {0: set(), 4: set()}
    for _ in range(24):
        net.forward()
        for label, values in zip(net.blobs["label"].tolist(), net.blobs["data"].numpy(), strict=True):
            ours[label].add(values.tobytes())
    net.close()
    theirs: dict[float, set[bytes]] = {0: set(), 4: set()}
    for forwards in range(1, 25):
        found = judge.run(
            f'layer {{ name: "it" type: "WindowData" {text % "true"} }}', backward=False, forwards=forwards
        ).data
        for label, values in zip(found["label"].tolist(), found["data"], strict=True):
            theirs[label].add(np.asarray(values, np.float32).tobytes())
        if theirs == ours:
            break
    assert theirs == ours
    assert {len(kind) for kind in ours.values()} == {2}
    saw("WindowData", "forward")


def test_windows_of_a_v1_net_lose_their_scale_in_both(judge: Judge, tmp_path: Path) -> None:
    write_windows(tmp_path, BOXES[0], BOXES[1])
    whole = (
        f'layers {{ name: "it" type: WINDOW_DATA top: "data" top: "label" window_data_param {{ batch_size: 2 crop_size: 8 '
        f'scale: 0.5 source: "{tmp_path}/windows.txt" fg_fraction: 0.5 fg_threshold: 0.6 bg_threshold: 0.4 }} }}'
    )
    theirs = judge.run(whole, phase="TEST", backward=False).data
    (tmp_path / "net.prototxt").write_text(whole)
    net = Net(read_net(tmp_path / "net.prototxt"), TEST)
    net.forward()
    net.close()
    assert np.array_equal(net.blobs["data"].numpy(), theirs["data"]) and theirs["data"].max() > 128


@pytest.mark.parametrize(
    ("transform", "thresholds", "said"),
    [
        ("", "", "needs a crop_size"),
        ("crop_size: 8", "fg_threshold: 0.9", "no foreground window"),
        ("crop_size: 8", "bg_threshold: 0.1", "no background window"),
        ("crop_size: 8 mean_value: 1 mean_value: 2", "", "has 2 mean_value"),
        ('crop_size: 8 mean_value: 1 mean_file: "{folder}/mean.binaryproto"', "", "both mean_file and mean_value"),
        ('crop_size: 8 mean_file: "{folder}/none"', "", "none: cannot be read"),
    ],
)
def test_windows_that_both_refuse(judge: Judge, tmp_path: Path, transform: str, thresholds: str, said: str) -> None:
    write_windows(tmp_path, BOXES[0], BOXES[1])
    make_mean(tmp_path / "mean.binaryproto", 12)
    text = window_text(tmp_path, transform.format(folder=tmp_path), "fg_fraction: 1", thresholds)
    both_refuse(judge, f'layer {{ name: "it" type: "WindowData" {text} }}', said, forward=True)
