"""Inputs that always have the same value, and the order of the channels: by options of compile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from caffe_io.prototxt import to_text
from caffe_io.weights import write_weights
from common.card import read_card
from common.errors import CardError, UsageError
from inference import Runner
from kits.ncs import net_of, pixels, run_feed, run_model, values, write_small_net
from ncs.__main__ import ROOM

INFO = (
    'layer { name: "info" type: "Input" top: "info" input_param { shape { dim: 1 dim: 3 } } }'
    'layer { name: "fd" type: "InnerProduct" bottom: "data" top: "fd" inner_product_param { num_output: 3 } }'
    'layer { name: "sum" type: "Eltwise" bottom: "fd" bottom: "info" top: "sum" }'
)


def doubled(tensor: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture that is the tensor's again when it is brought to half its size."""
    return np.ascontiguousarray(tensor[0].transpose(1, 2, 0).repeat(2, axis=0).repeat(2, axis=1))


@pytest.fixture
def words(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A net with a picture and three numbers, and no tool chain."""
    monkeypatch.setattr("common.places.TOOLCHAIN", working_folder / "toolchain")
    net = net_of(INFO)
    Path("Net.prototxt").write_text(to_text(net))
    write_weights(Path("Net.caffemodel"), net, {"fd": [values(3, 216) / 500, values(3)]})
    return ["compile", "--model", "Net.prototxt", "--weights", "Net.caffemodel", "--data_type", "FP32", "--force"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("info->[1.5,-2,30]", [1.5, -2, 30]),
        ("info->(7,8,9)", [7, 8, 9]),
        ("info->4", [4, 4, 4]),
        ("info->-0.5", [-0.5] * 3),
    ],
)
def test_an_input_with_its_value_inside(words: list[str], text: str, numbers: list[float]) -> None:
    ROOM.main(words)
    expected = run_feed("graph/Net.xml", {"data": pixels(), "info": np.array([numbers], np.float32)})["sum"]
    assert read_card(Path("graph/Net.json")).obstacle == "takes 2 inputs"
    ROOM.main([*words, "--freeze_placeholder_with_value", text])
    card = read_card(Path("graph/Net.json"))
    assert (card.input.blob, card.obstacle) == ("data", None)
    np.testing.assert_allclose(run_model("graph/Net.xml", pixels())["sum"], expected, rtol=1e-5)
    # So the runner can use it.
    picture = doubled(pixels())
    with Runner("graph", "CPU") as runner:
        (answer,) = runner.answer(picture).answers
    np.testing.assert_allclose(list(answer.values.values()), expected[0], rtol=1e-4)


def test_the_scale_of_pictures_does_not_touch_it(words: list[str]) -> None:
    """--scale divides all inputs, as in Model Optimizer, but not those that are none any more."""
    ROOM.main([*words, "--freeze_placeholder_with_value", "info->[1000,2000,3000]", "--scale", "255"])
    found = run_model("graph/Net.xml", np.zeros((1, 3, 9, 8), np.uint8))["sum"]
    assert np.abs(found - [[1000, 2000, 3000]]).max() < 10


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("inf->[1,2,3]", r'inf: Net\.prototxt has no such input\. Known: data, info\. Did you mean "info"'),
        ("info->[1,2]", "info: has 2 values, but the input is 1x3; expected 1 or 3"),
        ("info->1,data->0", r"Net\.prototxt has no other input"),
        ("[1,2,3]", "names no input; expected NAME"),
        ("info->[1,x]", '"x" is no number'),
    ],
)
def test_what_cannot_be_frozen(words: list[str], text: str, error: str) -> None:
    with pytest.raises(UsageError, match=error):
        ROOM.main([*words, "--freeze_placeholder_with_value", text])
    assert not list(Path().glob("graph/*"))


def test_the_order_of_channels_by_an_option(
    working_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("common.places.TOOLCHAIN", working_folder / "toolchain")
    files = write_small_net(working_folder)
    words = ["compile", "--net", "SmallNet", "--force"]
    with pytest.raises(CardError, match=r'SmallNet\.json: "channel_order" is "BGR", but --channel_order is RGB'):
        ROOM.main([*words, "--channel_order", "RGB"])
    ROOM.main([*words, "--channel_order", "BGR"])
    files["card"].unlink()
    plain = ["compile", "--model", str(files["net"]), "--weights", str(files["weights"]), "--force"]
    picture = doubled(pixels())
    found = []
    for option in ("BGR", "RGB"):
        ROOM.main([*plain, "--channel_order", option])
        assert read_card(Path("graph/SmallNet.json")).channel_order == option
        with Runner("graph", "CPU") as runner:
            found.append(
                [runner.answer(each).answers[0].probabilities for each in (picture, picture[..., ::-1].copy())]
            )
    assert found[0][0] == found[1][1] and found[0][1] == found[1][0] and found[0][0] != found[0][1]
    ROOM.main([*plain, "--channel_order", "RGB", "--reverse_input_channels"])
    assert read_card(Path("graph/SmallNet.json")).channel_order == "BGR"
    with pytest.raises(CardError, match="is for a net that was trained on RGB"):
        ROOM.main([*plain, "--channel_order", "BGR", "--reverse_input_channels"])
    with pytest.raises(CardError, match="expected 1 channels"):
        ROOM.main([*plain, "--channel_order", "GRAY"])
