"""The runner as a library: right answers for right pictures, whatever the card says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import inference
from common.errors import MokaError
from inference import CardError, DeviceError, PictureError, Runner
from kits.inference import COLOURS, card_of, one_colour, sysfs_with, write_graph

BGR = {"blue": (220, 40, 40), "green": (40, 220, 40), "red": (40, 40, 220)}


@pytest.mark.parametrize("order", ["BGR", "RGB"])
def test_colours_come_through_unswapped(tmp_path: Path, order: str) -> None:
    """A net of the other channel order has its classes in the other order; a swap anywhere would give wrong names."""
    classes = COLOURS if order == "BGR" else COLOURS[::-1]
    outputs = [{"blob": "prob", "task": "colour", "read": "argmax", "classes": classes}]
    with Runner(write_graph(tmp_path, card_of(channel_order=order, outputs=outputs)), "CPU") as runner:
        for name, bgr in BGR.items():
            (answer,) = runner.answer(one_colour(bgr)).answers
            assert answer.text == name
            expected = np.exp(180 / 16) / (np.exp(180 / 16) + 2)  # the soft-max of (220, 40, 40) / 16
            assert answer.probability == pytest.approx(expected, abs=1e-4)


def test_all_networks_of_the_folder_in_order_of_name(tmp_path: Path) -> None:
    bins = [{"blob": "p", "task": "year", "read": "expected_value", "bins": [10, 20, 30]}]
    two = [
        {"blob": "x", "task": "x", "read": "argmax", "classes": COLOURS},
        {"blob": "a", "task": "a", "read": "argmax", "classes": COLOURS},
    ]
    other = {"blob": "image", "shape": [1, 3, 16, 40], "layout": "NCHW", "precision": "U8"}
    graph = write_graph(
        tmp_path,
        card_of("Beta", input=other, outputs=two),
        card_of("Alpha", outputs=bins),
    )
    with Runner(graph, "CPU") as runner:
        result = runner.answer(one_colour(BGR["red"]))
        assert [(a.network, a.task, a.text) for a in result.answers] == [
            ("Alpha", "year", "30.0"),
            ("Beta", "x", "red"),
            ("Beta", "a", "red"),
        ]
        assert list(result.preprocess) == list(result.inference) == ["Alpha", "Beta"]
        assert all(ms > 0 for ms in [*result.preprocess.values(), *result.inference.values()])
        assert runner.load > 0
        assert runner.warm_up > 0


def test_a_box_says_where_the_face_is(tmp_path: Path) -> None:
    picture = one_colour(BGR["blue"], 100, 100)
    picture[60:80, 20:40] = BGR["red"]
    with Runner(write_graph(tmp_path), "CPU") as runner:
        assert runner.answer(picture).answers[0].text == "blue"
        assert runner.answer(picture, box=(20, 60, 20, 20)).answers[0].text == "red"


def test_auto_says_what_and_why(tmp_path: Path) -> None:
    with Runner(write_graph(tmp_path / "graph"), sysfs=sysfs_with(tmp_path / "sys")) as runner:
        assert runner.device.name == "CPU"
        assert runner.why.startswith("no Movidius stick on USB")


def test_no_stick(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no Movidius stick on USB"):
        Runner(write_graph(tmp_path / "graph"), "MYRIAD", sysfs=sysfs_with(tmp_path / "sys"))


def test_what_is_no_picture(tmp_path: Path) -> None:
    with Runner(write_graph(tmp_path), "CPU") as runner, pytest.raises(PictureError):
        runner.answer(np.zeros((1, 1, 3), np.uint8))


def test_no_graph(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"\./demo\.sh"):
        Runner(tmp_path)


def test_the_face_of_the_room() -> None:
    assert inference.__all__ == sorted(inference.__all__)
    for name in inference.__all__:
        assert getattr(inference, name) is not None
    errors = [getattr(inference, name) for name in inference.__all__ if name.endswith("Error")]
    assert all(issubclass(error, MokaError) for error in errors)
    assert {error: error.exit_code for error in errors if error.exit_code != 1} == {inference.UsageError: 2}


def test_starting_up_is_light_and_no_other_room_is_needed() -> None:
    """On a Raspberry Pi each of these imports takes a second or more; --help and errors need none of them."""
    heavy = (
        "{'numpy', 'cv2', 'openvino', 'torch', 'google.protobuf', 'caffe_io', 'ncs', 'training', 'lmdb_build', 'tools'}"
    )
    script = f"import sys, inference, inference.command; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert done.stdout.strip() == "[]"
