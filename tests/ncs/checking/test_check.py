"""The parts of the check that need no compiler: differences, names, inputs, pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import openvino.opset1 as op
import pytest
from openvino import Model

from common.errors import PictureError, UsageError
from kits.ncs import run_model
from ncs.__main__ import ROOM
from ncs.checking import Check, read_pictures
from ncs.checking.difference import difference
from ncs.checking.dump import StageName, read_dump
from ncs.checking.inputs import make_feeds
from ncs.checking.pictures import fitted
from ncs.checking.rounding import rounded_otherwise


def test_a_difference_is_a_part_of_the_largest_number() -> None:
    assert difference(np.array([1.0, -4.0]), np.array([1.1, -4.0])) == pytest.approx(0.025)
    assert difference(np.zeros(3), np.zeros(3)) == 0
    assert difference(np.full(3, 1e-3), np.zeros(3)) > 1
    assert difference(np.full(3, 1e-30), np.zeros(3)) < 1e-20


@pytest.mark.parametrize(
    ("found", "expected"),
    [([np.nan, 1], [0, 1]), ([np.inf, 1], [-np.inf, 1]), ([1, 2, 3], [1, 2])],
)
def test_what_cannot_be_compared_is_infinitely_far_away(found: list[float], expected: list[float]) -> None:
    assert difference(np.array(found), np.array(expected)) == np.inf


def test_numbers_that_are_not_finite_in_both() -> None:
    assert difference(np.array([np.nan, np.inf, 2]), np.array([np.nan, np.inf, 2])) == 0


DUMP = r"""digraph g {
    data_0x1 [
        shape=box
        label="Data relu1\lusage = Output\lstridesLocation = Blob\lstridesOffset = 48\l"
    ];
    data_0x2 [
        label="Data pool1@adjust-strides\lstridesOffset = 64\l"
    ];
    stage_0x9 [
        label="[3 / 5] Stage conv1@tile=1/3\ltype = MyriadXHwOp\lorigLayer = [\l    name = conv1\l    type = Convolution\l]\l"
    ];
    stage_0x9 -> data_0x1 [
        label="StageOutput\lportInd = 0\l"
    ];
}
"""


def test_names_in_a_dump(tmp_path: Path) -> None:
    (tmp_path / "g.dot").write_text(DUMP)
    names = read_dump(tmp_path / "g.dot")
    assert names.data == {48: "relu1", 64: "pool1@adjust-strides"}
    assert names.stages == {48: StageName("conv1@tile=1/3", "conv1")}


@pytest.mark.parametrize("content", [None, "", "digraph {", 'data_0x1 [\nlabel="\n'])
def test_a_dump_that_says_nothing(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "g.dot").write_text(content)
    names = read_dump(tmp_path / "g.dot")
    assert (names.data, names.stages) == ({}, {})


def two_inputs() -> Model:
    picture = op.parameter([1, 3, 20, 24], np.uint8, name="data")
    numbers = op.parameter([1, 5], np.float32, name="numbers")
    for source, name in ((picture, "data"), (numbers, "numbers")):
        source.output(0).set_names({name})
    return Model([op.result(picture), op.result(numbers)], [picture, numbers], "two")


def test_inputs_are_noise_something_smooth_and_the_given() -> None:
    model = two_inputs()
    given = np.full((7, 9, 3), (10, 20, 30), np.uint8)
    noise, smooth, last = make_feeds(model, [given])
    again = make_feeds(model, [given])
    np.testing.assert_array_equal(noise["data"], again[0]["data"])
    steps = [np.abs(np.diff(feed["data"].astype(int), axis=3)).mean() for feed in (noise, smooth)]
    assert steps[0] > 60
    assert 1 < steps[1] < 30
    assert last["data"].shape == (1, 3, 20, 24)
    np.testing.assert_array_equal(last["data"][0, :, 0, 0], [10, 20, 30])
    assert noise["numbers"].dtype == np.float32
    assert (noise["numbers"] != smooth["numbers"]).all()


def test_a_picture_for_a_grey_input() -> None:
    assert fitted(np.full((4, 4, 3), 50, np.uint8), (2, 1, 8, 6)).shape == (2, 1, 8, 6)


def test_pictures_are_read(tmp_path: Path) -> None:
    picture = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    cv2.imwrite(str(tmp_path / "small.png"), picture)
    np.testing.assert_array_equal(read_pictures([tmp_path / "small.png"])[0], picture)
    (tmp_path / "no.jpg").write_text("no picture")
    for name, reason in (("no.jpg", "not a picture"), ("missing.jpg", "no such file")):
        with pytest.raises(PictureError, match=rf"{name}: {reason}.*--check_images"):
            read_pictures([tmp_path / name])


def test_a_check_without_a_check(working_folder: Path) -> None:
    with pytest.raises(UsageError, match="--check_images: not allowed"):
        ROOM.main(["compile", "--net", "X", "--no-check", "--check_images", "a.jpg"])


def test_constants_move_by_a_step_of_fp16() -> None:
    source = op.parameter([1, 2], np.float32, name="x")
    source.output(0).set_names({"x"})
    weights = np.array([1.0, 2.0**-16], np.float32)
    product = op.multiply(source, op.constant(weights))
    product.output(0).set_names({"y"})
    model = Model([op.result(product)], [source], "m")
    (row,) = run_model(rounded_otherwise(model), np.ones((1, 2), np.float32))["y"]
    assert abs(row[0] - 1) == pytest.approx(2**-10, rel=2e-3)
    assert row[1] == 0
    np.testing.assert_array_equal(run_model(model, np.ones((1, 2), np.float32))["y"][0], weights)


def test_what_is_said() -> None:
    assert str(Check(not_checked="stages of type X.")) == "not checked: stages of type X."
    words = str(Check(inputs=2, layers=9, zero=1, wide=2e-6, chip=np.inf))
    assert "9 layers agree to 2e-06" in words
    assert "1 of them are all zeros" in words
    assert "FP16 overflows" in words
