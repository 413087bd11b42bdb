"""What the network does to its inputs first: from options and from training, which must agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_io.caffe_pb2 import DataParameter, LayerParameter, TransformationParameter
from caffe_io.mean import write_mean
from common.errors import MeanError, UsageError
from kits.ncs import values
from kits.training import make_lmdb
from ncs.inputs.preprocessing import Options, Preprocessing, plan
from ncs.inputs.training import Transform

DATA = {"data": (1, 3, 9, 8)}
TWO = {"data": (1, 3, 9, 8), "info": (1, 2)}


def trained(**settings: object) -> dict[str, Transform]:
    return {"data": Transform('t.prototxt: layer "d" in phase TEST', TransformationParameter(**settings))}  # type: ignore[arg-type]


NONE = Options()


def planned(options: Options = NONE, shapes: object = DATA, **settings: object) -> Preprocessing:
    return plan(shapes, options, trained(**settings) if settings else {}, "net.prototxt")["data"]  # type: ignore[arg-type]


def test_model_optimizer_divides_where_caffe_multiplies() -> None:
    found = planned(Options(means=[("", [104, 117, 123])], divisors=[("", [2, 4, 8])]))
    assert found.mean is not None
    assert found.scale is not None
    assert found.mean[:, 0, 0].tolist() == [104, 117, 123]
    assert found.scale[:, 0, 0].tolist() == [0.5, 0.25, 0.125]
    found = planned(mean_value=[5], scale=0.25)
    assert found.mean is not None
    assert found.scale is not None
    assert (found.mean.ravel().tolist(), found.scale.ravel().tolist()) == ([5] * 3, [0.25] * 3)


def test_nothing_to_do() -> None:
    for options in (Options(), Options(means=[("", [0])]), Options(divisor=1)):
        assert plan(DATA, options, {}, "n") == {}
        assert plan(DATA, options, trained(mean_value=[0, 0, 0]), "n") == {}


def test_each_input_gets_its_own() -> None:
    found = plan(TWO, Options(means=[("info", [3]), ("data", [1])], divisors=[("", [2]), ("", [4, 5])]), {}, "n")
    assert {name: each.mean.ravel().tolist() for name, each in found.items() if each.mean is not None} == {
        "data": [1, 1, 1],
        "info": [3, 3],
    }
    assert [each.scale.shape for each in found.values() if each.scale is not None] == [(3, 1, 1), (2,)]
    # One list is for the picture; --scale is for all inputs, as in Model Optimizer.
    assert list(plan(TWO, Options(means=[("", [1])], reverse=True), {}, "n")) == ["data"]
    assert list(plan(TWO, Options(divisor=2), {}, "n")) == ["data", "info"]
    (only,) = plan({"x": (1, 4)}, Options(means=[("", [1, 2, 3, 4])]), {}, "n").values()
    assert only.mean is not None
    assert only.mean.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(means=[("", [1, 2])]), r'--mean has 2 values, and the input "data" has 3 channels; expected 1 or 3'),
        (Options(divisors=[("", [1, 2])]), "--scale_values has 2 values"),
        (Options(divisors=[("", [1, 0, 2])]), "--scale_values: is 0, by which nothing can be divided"),
        (Options(divisor=0), "--scale: is 0"),
        (Options(means=[("x", [1])]), r'--mean: net has no input "x"; it has data 1x3x9x8, info 1x2'),
        (Options(means=[("", [1]), ("", [2]), ("", [3])]), "has 3 lists; expected one for each input of net"),
    ],
)
def test_options_that_fit_no_input(options: Options, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(TWO, options, {}, "net")


def test_options_for_pictures_of_a_net_without_pictures() -> None:
    with pytest.raises(UsageError, match=r"no input takes pictures.*Leave out --mean"):
        plan({"x": (1, 4)}, Options(mean_file=Path("m")), {}, "net")
    with pytest.raises(UsageError, match="no input takes pictures of 3 channels"):
        plan({"data": (1, 1, 9, 8)}, Options(reverse=True), {}, "net")


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (Options(means=[("", [120])]), {"mean_value": [120]}),
        (Options(means=[("", [120])]), {"mean_value": [120, 120, 120]}),
        (Options(divisor=127.5), {"scale": 0.007843}),
        (Options(divisors=[("", [128, 128, 128])]), {"scale": 0.0078125}),
        (Options(divisor=1), {"mirror": True}),
    ],
)
def test_options_that_agree_with_training(options: Options, settings: dict[str, object]) -> None:
    """The numbers are training's, for they may have more digits."""
    found, wanted = (plan(DATA, each, trained(**settings), "n") for each in (options, Options()))
    assert found.keys() == wanted.keys()
    for name in found:
        np.testing.assert_array_equal(found[name].mean, wanted[name].mean)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found[name].scale, wanted[name].scale)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        (Options(mean_option="--mean_value", means=[("", [120])]), {"scale": 0.5}, "--mean_value 120 is not .* has no mean"),
        (Options(means=[("", [0])]), {"mean_value": [120]}, "--mean 0 is not .* has the mean value 120"),
        (Options(means=[("", [119])]), {"mean_value": [120]}, "--mean 119 is not .* has the mean value 120"),
        (Options(divisor=256), {"mirror": True}, r"--scale 256 divides, so it multiplies by 0\.00390625; .* has no scale"),
        (Options(divisor=255), {"scale": 0.00390625}, r"--scale 255 divides, .* has scale: 0\.00390625"),
        (Options(divisors=[("", [1, 2, 3])]), {"scale": 0.5}, "--scale_values 1 2 3 divides, .* has scale: 0.5"),
        (Options(), {"crop_size": 7}, r"net\.prototxt: the input \"data\" takes 1x3x9x8, but .*to 7x7.*\[1,3,9,8\]"),
    ],
)  # fmt: skip
def test_options_and_training_that_differ_end_it(options: Options, settings: dict[str, object], words: str) -> None:
    with pytest.raises(MeanError, match=words) as caught:
        planned(options, **settings)
    assert 't.prototxt: layer "d" in phase TEST' in str(caught.value)


def test_mean_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    larger = values(3, 13, 12) + 100
    for name, mean in (("m", larger), ("same", larger), ("other", larger + 1)):
        write_mean(tmp_path / name, mean)
    files = {name: tmp_path / name for name in ("m", "same", "other")}
    for found in (planned(Options(mean_file=files["m"])), planned(mean_file=str(files["m"]))):
        np.testing.assert_array_equal(found.whole, larger)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found.mean, larger[:, 2:11, 2:10])  # type: ignore[arg-type]
    planned(Options(mean_file=files["same"]), mean_file=str(files["m"]))
    with pytest.raises(MeanError, match=r"--mean .*other is not .* has the mean .*m\."):
        planned(Options(mean_file=files["other"]), mean_file=str(files["m"]))
    # Training's is not here; whoever names another has it under another name.
    assert caplog.text == ""
    np.testing.assert_array_equal(
        planned(Options(mean_file=files["other"]), mean_file="gone").whole,  # type: ignore[arg-type]
        larger + 1,
    )
    assert "has the mean gone, which is not there, so --mean " in caplog.text


def test_a_scale_below_one_is_taken_for_caffes(caplog: pytest.LogCaptureFixture) -> None:
    planned(Options(divisor=0.0078125))
    assert "--scale 0.0078125: is below 1. Pixels are divided by it" in caplog.text
    assert "give --scale 128." in caplog.text


@pytest.mark.parametrize("divisor", [1e9, 1e-6])
def test_a_scale_that_fp16_cannot_hold(divisor: float) -> None:
    with pytest.raises(MeanError, match=r"would be multiplied by .*FP16"):
        planned(Options(divisor=divisor))


def test_a_size_that_training_did_not_have_has_to_be_asked_for() -> None:
    assert planned(Options(other_sizes=True), crop_size=7).crop_size == 7
    assert planned(Options(), {"data": (1, 3, 7, 7)}, crop_size=7).crop_size == 7


def test_how_large_pictures_were_before_the_crop(tmp_path: Path) -> None:
    """A mean image says it, else the database; a net for other sizes takes no crop of it."""
    write_mean(tmp_path / "m", values(3, 13, 12))
    write_mean(tmp_path / "small", values(3, 7, 7))
    make_lmdb(tmp_path / "lmdb", 2, 11, 2)
    seven = {"data": (1, 3, 7, 7)}
    assert planned(shapes=seven, crop_size=7, mean_file=str(tmp_path / "m")).uncropped == (13, 12)
    assert planned(shapes=seven, crop_size=7, mean_file=str(tmp_path / "small")).uncropped == (7, 7)
    assert planned(Options(mean_file=tmp_path / "m"), seven, crop_size=7, mean_file="gone").uncropped == (13, 12)
    assert planned(shapes=seven, crop_size=7, mean_value=[9]).uncropped is None
    assert planned(Options(other_sizes=True), crop_size=7, scale=0.5).uncropped is None
    layer = LayerParameter(type="Data", data_param=DataParameter(source=str(tmp_path / "lmdb"), backend="LMDB"))
    for crop, found in ((7, (11, 11)), (11, (11, 11)), (12, None)):
        transform = Transform("t", TransformationParameter(crop_size=crop, mean_value=[9]), layer)
        assert plan({"data": (1, 3, crop, crop)}, NONE, {"data": transform}, "n")["data"].uncropped == found
