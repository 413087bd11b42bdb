"""What the data layers of a train_test prototxt say about the pictures of the deploy net."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_io.caffe_pb2 import NetParameter, TransformationParameter
from caffe_io.mean import write_mean
from caffe_io.prototxt import parse_text
from common.errors import MeanError
from kits.ncs import values
from ncs.inputs.training import Transform, find_train_test, has_data_layers, read_transforms


def data_layer(transform: str = "", top: str = "data", rules: str = "", kind: str = "Data") -> str:
    param = f"transform_param {{ {transform} }}" if transform else ""
    return f'layer {{ name: "d" type: "{kind}" top: "{top}" top: "label" {rules} {param} }}'


def read(text: str, *pictures: str) -> dict[str, str]:
    """Input -> what is done to it, in words."""
    found = read_transforms(parse_text(text, NetParameter(), "n"), "t.prototxt", pictures or ["data"])
    return {name: transform.text for name, transform in found.items()}


TRAIN, TEST = "include { phase: TRAIN }", "include { phase: TEST }"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (data_layer(), "no mean, no scale"),
        (data_layer("mean_value: 0"), "no mean, no scale"),
        (data_layer("scale: 0.5"), "no mean, scale: 0.5"),
        (data_layer("mean_file: 'm' crop_size: 28"), "the mean m, no scale, crop_size 28"),
        (data_layer("mean_value: 1 mean_value: 2"), "the mean value 1 2, no scale"),
        (data_layer("scale: 2", kind="ImageData"), "no mean, scale: 2"),
        # What only TRAIN does at random is no part of the network.
        (data_layer("scale: 2 mirror: true", rules=TRAIN) + data_layer("scale: 2", rules=TEST), "no mean, scale: 2"),
        (data_layer("scale: 2", rules=TRAIN), "no mean, scale: 2"),
        # An all-in-one net.
        (data_layer("scale: 2", rules='include { stage: "val" }'), "no mean, scale: 2"),
    ],
)
def test_what_is_done(text: str, expected: str, caplog: pytest.LogCaptureFixture) -> None:
    assert read(text) == {"data": expected}
    assert caplog.text == ""


@pytest.mark.parametrize("text", ["", 'layer { name: "h" type: "HDF5Data" top: "data" }'])
def test_nothing_is_known_without_such_a_layer(text: str) -> None:
    assert read(text) == {}
    assert not has_data_layers(parse_text(text, NetParameter(), "n"))


def test_training_and_testing_that_differ(caplog: pytest.LogCaptureFixture) -> None:
    assert read(data_layer("scale: 2", rules=TRAIN) + data_layer("mean_value: 5", rules=TEST)) == {
        "data": "the mean value 5, no scale"
    }
    for words in (
        't.prototxt: layer "d" in phase TRAIN has no mean and scale: 2;',
        't.prototxt: layer "d" in phase TEST has the mean value 5 and no scale. That of TEST is compiled.',
    ):
        assert words in caplog.text


def test_each_input_has_the_layer_that_is_named_after_it() -> None:
    two = data_layer("scale: 2", "left") + data_layer("scale: 3", "right")
    assert read(two, "left", "right") == {"left": "no mean, scale: 2", "right": "no mean, scale: 3"}
    # A second picture, which no data layer makes, is left as it is.
    assert read(data_layer("scale: 2"), "data", "mask") == {"data": "no mean, scale: 2"}
    # One layer whose top is sliced into both.
    assert read(data_layer("scale: 2", "pair"), "data", "data_p") == dict.fromkeys(
        ["data", "data_p"], "no mean, scale: 2"
    )
    with pytest.raises(MeanError, match=r'has no mean, scale: 2 .* has no mean, scale: 3 .*"data" needs is unclear'):
        read(two, "data")


def test_the_mean_itself(tmp_path: Path) -> None:
    def mean(**settings: object) -> np.ndarray | None:
        return Transform("t: layer d", TransformationParameter(**settings)).mean(3)  # type: ignore[arg-type]

    assert mean() is None
    np.testing.assert_array_equal(mean(mean_value=[7]), np.full((3, 1, 1), 7))
    np.testing.assert_array_equal(mean(mean_value=[1, 2, 3])[:, 0, 0], [1, 2, 3])  # type: ignore[index]
    write_mean(tmp_path / "m", values(3, 5, 4))
    np.testing.assert_array_equal(mean(mean_file=str(tmp_path / "m")), values(3, 5, 4))
    for settings, words in (
        ({"mean_value": [1, 2]}, r"t: layer d: has 2 mean_value, .* 3 channels"),
        ({"mean_value": [1], "mean_file": "m"}, r"has both mean_file and mean_value"),
        ({"mean_file": ""}, r'^mean_file "" names no file.*t: layer d names it'),
        ({"mean_file": "none"}, r"none: cannot be read .*\n.*t: layer d names it.*--mean FILE"),
    ):
        with pytest.raises(MeanError, match=f"(?s){words}"):
            mean(**settings)


def test_where_the_train_test_net_is(working_folder: Path) -> None:
    def write(*names: str) -> list[Path]:
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text("")
        return [Path(name) for name in names]

    assert find_train_test("N", Path("prototxt/N/deploy.prototxt")) is None
    own, flat, beside = write("prototxt/N/train_test.prototxt", "x/M_train_test.prototxt", "y/train_val.prototxt")
    assert find_train_test("N", Path("elsewhere/deploy.prototxt")) == own
    assert find_train_test(None, Path("prototxt/N/deploy.prototxt")) == own
    assert find_train_test(None, Path("x/M_deploy.prototxt")) == flat
    assert find_train_test(None, Path("x/other.prototxt")) is None
    assert find_train_test(None, Path("y/deploy.prototxt")) == beside


@pytest.mark.parametrize(
    ("kind", "param", "found"),
    [
        ("ImageData", "image_data_param { new_height: 30 new_width: 20 }", (30, 20)),
        ("ImageData", "", None),
        ("Data", 'data_param { source: "none" backend: LMDB }', None),
        # Windows are warped to the crop itself.
        ("WindowData", "window_data_param { batch_size: 1 }", None),
    ],
)
def test_the_size_before_the_crop(kind: str, param: str, found: tuple[int, int] | None) -> None:
    text = data_layer("crop_size: 8", rules=param, kind=kind)
    transforms = read_transforms(parse_text(text, NetParameter(), "n"), "t.prototxt", ["data"])
    assert transforms["data"].uncropped() == found
