"""The verb compile: what training did to its input, from train_test or options, and shapes, batches, outputs and states."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_io.prototxt import to_text
from common.card import read_card, read_cards
from common.errors import CardError, MeanError, MokaError, UsageError
from kits.ncs import Floats, net_of, pixels, run_feed, run_model, write_small_net
from kits.training import make_lmdb
from ncs.__main__ import ROOM
from ncs.errors import ConversionError


@pytest.fixture
def files(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A SmallNet in the current folder, and no tool chain."""
    monkeypatch.setattr("common.places.TOOLCHAIN", working_folder / "toolchain")
    return write_small_net(working_folder)


def compile_small(*options: str, card: bool = True) -> dict[str, Any]:
    """Compile SmallNet by its name; return its card."""
    ROOM.main(["compile", "--net", "SmallNet", "--force", *options])
    content: dict[str, Any] = json.loads(Path("graph/SmallNet.json").read_text())
    return content


def answers(picture: np.ndarray | None = None) -> Floats:
    return run_model("graph/SmallNet.xml", pixels() if picture is None else picture)["prob"]


def train_with(files: dict[str, Path], transform: str) -> None:
    files["train_test"].write_text(
        f'layer {{ name: "data" type: "Data" top: "data" top: "label" transform_param {{ {transform} }} }}'
    )


def test_what_training_did_is_inside_and_on_the_card(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    train_with(files, "mean_value: 100 mean_value: 110 mean_value: 120 scale: 0.25")
    card = compile_small()
    assert (card["mean"]["kind"], card["mean"]["channel_means"]) == ("values", [100, 110, 120])
    assert card["input"]["scale"] == [0.25] * 3
    read_cards("graph")
    printed = capsys.readouterr().out
    assert 'train_test.prototxt: layer "data" in phase TEST: the mean value 100 110 120, scale: 0.25' in printed
    assert "mean values inside, scale 0.25 inside" in printed
    from_training = answers()
    # The same by options alone, with Model Optimizer's names.
    files["train_test"].unlink()
    assert compile_small("--mean_values", "[100,110,120]", "--scale", "4")["input"]["scale"] == [0.25] * 3
    np.testing.assert_array_equal(answers(), from_training)
    compile_small("--mean_values", "data(100,110,120)", "--scale_values", "data[4]")
    np.testing.assert_array_equal(answers(), from_training)
    # And by training and options together.
    train_with(files, "mean_value: 100 mean_value: 110 mean_value: 120 scale: 0.25")
    compile_small("--mean_value", "100", "110", "120", "--scale", "4")
    np.testing.assert_array_equal(answers(), from_training)


def test_no_mean_is_inside_that_training_did_not_have(files: dict[str, Path]) -> None:
    """data/mean/ holds one, of another net."""
    train_with(files, "mirror: true")
    assert files["mean"].exists()
    assert compile_small()["mean"]["kind"] == "none"
    assert "scale" not in json.loads(Path("graph/SmallNet.json").read_text())["input"]
    without = answers()
    compile_small("--mean_value", "0")
    np.testing.assert_array_equal(answers(), without)


@pytest.mark.parametrize(
    ("transform", "options", "words"),
    [
        ("scale: 0.5", ["--mean", "data/mean/mean.binaryproto"], ["--mean data/mean/mean.binaryproto", "has no mean"]),
        ("mean_value: 9", ["--mean", "data/mean/mean.binaryproto"], ["has the mean value 9"]),
        ("mean_value: 9", ["--mean_values", "[8]"], ["--mean_values 8", "has the mean value 9"]),
        ("scale: 0.5", ["--scale", "0.5"], ["--scale 0.5 divides, so it multiplies by 2;", "has scale: 0.5"]),
        ("crop_size: 5", [], ['the input "data" takes 1x3x9x8', "crops pictures to 5x5", "--input_shape [1,3,9,8]"]),
        ("mean_file: 'gone'", [], ["gone: cannot be read", "--mean FILE"]),
    ],
)
def test_sources_that_differ_end_it(
    files: dict[str, Path], transform: str, options: list[str], words: list[str]
) -> None:
    train_with(files, transform)
    with pytest.raises(MeanError) as caught:
        compile_small(*options)
    for word in ("SmallNet_train_test.prototxt", *words):
        assert word in str(caught.value)
    assert not Path("graph").exists() or not list(Path("graph").iterdir())


def test_a_net_by_name_without_training_needs_its_mean_said(files: dict[str, Path]) -> None:
    files["train_test"].unlink()
    with pytest.raises(
        UsageError, match=r"SmallNet_train_test\.prototxt: is not there.*--mean MEAN.binaryproto or --mean_v"
    ):
        compile_small()
    compile_small("--mean", "data/mean/mean.binaryproto")
    # By its files alone, nothing is expected of it, as in Model Optimizer.
    words = ["compile", "--model", str(files["net"]), "--weights", str(files["weights"]), "--out", "plain"]
    ROOM.main(words)
    assert read_card(Path("plain/SmallNet.json")).mean.kind == "none"


def test_training_beside_the_deploy_net_counts(files: dict[str, Path]) -> None:
    folder = Path("published")
    folder.mkdir()
    net, val = folder / "deploy.prototxt", folder / "train_val.prototxt"
    net.write_text(files["net"].read_text())
    val.write_text('layer { name: "d" type: "Data" top: "data" transform_param { scale: 0.5 } }')
    ROOM.main(["compile", "--model", str(net), "--weights", str(files["weights"])])
    assert read_card(Path("graph/published.json")).input.scale == [0.5] * 3


def test_reversed_channels(files: dict[str, Path]) -> None:
    picture = pixels()
    train_with(files, "mean_value: 100 mean_value: 110 mean_value: 120 scale: 0.25")
    compile_small()
    in_order = answers(picture[:, ::-1])
    files["card"].unlink()
    words = ["--model", str(files["net"]), "--weights", str(files["weights"]), "--force"]
    ROOM.main(["compile", *words, "--reverse_input_channels"])
    card = read_card(Path("graph/SmallNet.json"))
    assert (card.channel_order, card.input.channels_reversed) == ("BGR", True)
    # Mean and scale are in the order of training, as in Model Optimizer.
    assert card.mean.channel_means == [100, 110, 120]
    np.testing.assert_allclose(answers(picture), in_order, atol=1e-3)


def test_the_card_says_on_what_order_a_net_was_trained(files: dict[str, Path]) -> None:
    card = json.loads(files["card"].read_text())
    with pytest.raises(
        CardError, match=r'SmallNet\.json: "channel_order" is "BGR", but --reverse_input_channels is for a net'
    ):
        compile_small("--reverse_input_channels")
    files["card"].write_text(json.dumps({**card, "channel_order": "RGB"}))
    assert compile_small("--reverse_input_channels")["channel_order"] == "BGR"
    # Without it, the runner turns the channels.
    assert compile_small()["channel_order"] == "RGB"


INFO = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 9 dim: 8 } } }
layer { name: "info" type: "Input" top: "info" input_param { shape { dim: 1 dim: 3 dim: 1 dim: 1 } } }
layer { name: "fd" type: "Flatten" bottom: "data" top: "fd" }
layer { name: "fi" type: "Flatten" bottom: "info" top: "fi" }
layer { name: "all" type: "Concat" bottom: "fd" bottom: "fi" top: "all" }
"""


def write_net(text: str) -> list[str]:
    """Write a net of layers without weights; those of the caffemodel belong to other layers. Return how to compile it."""
    Path("Net_deploy.prototxt").write_text(text)
    weights = "models/SmallNet/SmallNet_iter_20.caffemodel"
    return ["compile", "--model", "Net_deploy.prototxt", "--weights", weights, "--out", "nets", "--force"]


def test_numbers_beside_a_picture_stay_numbers(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    ROOM.main([*write_net(INFO), "--mean_value", "100"])
    assert "info: 1x3x1x1 FP16, values, no picture" in capsys.readouterr().out
    card = read_card(Path("nets/Net.json"))
    data, info = card.inputs
    assert (data.precision, data.layout, info.precision, info.layout) == ("U8", "NCHW", "FP16", "values")
    feed = {"data": pixels(), "info": np.array([0.5, -2, 1000], np.float32).reshape(1, 3, 1, 1)}
    got = run_feed("nets/Net.xml", feed)["all"]
    np.testing.assert_array_equal(got[0, :216], pixels().ravel().astype(np.float32) - 100)
    np.testing.assert_array_equal(got[0, 216:], [0.5, -2, 1000])
    # Named, they are preprocessed too, and the card says so.
    ROOM.main([*write_net(INFO), "--mean_values", "data[100],info[1]", "--scale_values", "info[2,4,8]"])
    _, info = read_card(Path("nets/Net.json")).inputs
    assert (info.mean, info.scale) == ([1, 1, 1], [0.5, 0.25, 0.125])
    np.testing.assert_allclose(run_feed("nets/Net.xml", feed)["all"][0, 216:], [-0.25, -0.75, 124.875])


POOL = 'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { global_pooling: true pool: AVE } }'


def test_a_size_that_is_set_at_run_time(files: dict[str, Path]) -> None:
    words = write_net('input: "data" input_dim: 1 input_dim: 3 input_dim: 1 input_dim: 1 ' + POOL)
    with pytest.raises(
        ConversionError, match=r'"data" is 1x3x1x1.*placeholders.*--input_shape, such as \[1,3,224,224\]'
    ):
        ROOM.main(words)
    ROOM.main([*words, "--input_shape", "[1,3,9,8]"])
    assert read_card(Path("nets/Net.json")).input.shape == [1, 3, 9, 8]
    np.testing.assert_allclose(run_model("nets/Net.xml", pixels())["p"].ravel(), pixels().mean((2, 3))[0], rtol=1e-3)
    ROOM.main([*words, "--input_shape", "[1,3,1,1]"])
    assert read_card(Path("nets/Net.json")).input.shape == [1, 3, 1, 1]


RESHAPE = 'layer { name: "r" type: "Reshape" bottom: "data" top: "r" reshape_param { shape { dim: 4 dim: -1 } } }'
PROB = 'layer { name: "prob" type: "Softmax" bottom: "r" top: "prob" }'


def test_batches(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    words = write_net(to_text(net_of(RESHAPE + PROB, (4, 1, 2, 3))))
    ROOM.main(words)
    assert 'batch   4: as in the prototxt: its layer "r" (Reshape) names it. --batch 1' in capsys.readouterr().out
    card = read_card(Path("nets/Net.json"))
    assert card.input.shape == [4, 1, 2, 3]
    assert card.obstacle == "takes 4 pictures at once (compile it with --batch 1)"
    pictures = pixels((4, 1, 2, 3))
    wanted = run_feed("nets/Net.xml", {"data": pictures})["prob"]
    assert wanted.shape == (4, 6)
    for option in (["--batch", "1"], ["--input_shape", "[1,1,2,3]"]):
        ROOM.main([*words, *option])
        assert "batch   1: the prototxt says 4" in capsys.readouterr().out
        np.testing.assert_allclose(run_model("nets/Net.xml", pictures)["prob"], wanted, atol=1e-3)
        assert read_cards("nets")[0].obstacle is None
    # Nothing depends on the batch of this one.
    words = write_net(to_text(net_of(POOL, (4, 3, 9, 8))))
    ROOM.main(words)
    assert "batch   1: the prototxt says 4, on which no layer depends; --batch 4 keeps it" in capsys.readouterr().out
    ROOM.main([*words, "--batch", "4"])
    assert "  batch " not in capsys.readouterr().out
    assert read_card(Path("nets/Net.json")).input.shape == [4, 3, 9, 8]


def test_outputs_by_name(files: dict[str, Path]) -> None:
    files["card"].unlink()
    words = ["compile", "--model", str(files["net"]), "--weights", str(files["weights"]), "--force"]
    ROOM.main([*words, "--output", "fc"])
    assert [output.blob for output in read_card(Path("graph/SmallNet.json")).outputs] == ["fc"]
    scores = run_model("graph/SmallNet.xml", pixels())["fc"]
    ROOM.main([*words, "--output", "prob,fc"])
    both = run_model("graph/SmallNet.xml", pixels())
    assert set(both) == {"prob", "fc"}
    np.testing.assert_array_equal(both["fc"], scores)
    powers = np.exp(scores - scores.max())
    np.testing.assert_allclose(both["prob"], powers / powers.sum(), atol=1e-3)
    # The layer before its ReLU, which works in place.
    ROOM.main([*words, "--output", "conv"])
    assert run_model("graph/SmallNet.xml", pixels())["conv"].min() < 0
    ROOM.main([*words, "--output", "relu"])
    assert run_model("graph/SmallNet.xml", pixels())["conv"].min() == 0


def test_a_layer_that_no_device_has_may_be_cut_off(files: dict[str, Path]) -> None:
    layers = POOL + 'layer { name: "x" type: "Python" bottom: "p" top: "x" }'
    words = write_net(to_text(net_of(layers, (2, 3, 9, 8))))
    with pytest.raises(ConversionError, match="Python"):
        ROOM.main(words)
    ROOM.main([*words, "--output", "p"])
    assert read_card(Path("nets/Net.json")).input.shape == [1, 3, 9, 8]


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ("nothing", r'--output nothing: the net has no layer and no blob of that name\. Known: .*fc'),
        ("conv,relu", r'several layers write the blob "conv", which can be one output only'),
    ],
)  # fmt: skip
def test_outputs_that_cannot_be(files: dict[str, Path], outputs: str, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        compile_small("--output", outputs)


@pytest.mark.parametrize("outputs", ["", ","])
def test_no_output_at_all(files: dict[str, Path], outputs: str) -> None:
    with pytest.raises(UsageError, match=f'--output "{outputs}": names no layer'):
        compile_small("--output", outputs)


def test_an_output_that_the_card_does_not_know(files: dict[str, Path]) -> None:
    with pytest.raises(CardError, match=r'names an output "prob", but the net has fc'):
        compile_small("--output", "fc")


@pytest.mark.parametrize(
    ("option", "precision"), [("FP16", "FP16"), ("half", "FP16"), ("FP32", "FP32"), ("float", "FP32")]
)
def test_data_types(files: dict[str, Path], option: str, precision: str) -> None:
    card = compile_small("--data_type", option)
    assert card["ir"]["precision"] == precision
    weights = 2 * (4 * 27 + 4 + 3 * 168 + 3)
    assert Path("graph/SmallNet.bin").stat().st_size >= weights * (2 if precision == "FP32" else 1)
    assert ('precision="FP16"' in Path("graph/SmallNet.xml").read_text()) == (precision == "FP16")


ALL_IN_ONE = """
layer { name: "train-data" type: "Data" top: "data" top: "label" include { stage: "train" } transform_param { scale: 0.5 } }
layer { name: "val-data" type: "Data" top: "data" top: "label" include { stage: "val" } transform_param { scale: 0.5 } }
layer { name: "data" type: "Input" top: "data" include { stage: "deploy" }
  input_param { shape { dim: 1 dim: 3 dim: 9 dim: 8 } } }
layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { global_pooling: true pool: AVE } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "p" bottom: "label" top: "loss" exclude { stage: "deploy" } }
"""


def test_an_all_in_one_net(files: dict[str, Path]) -> None:
    words = write_net(ALL_IN_ONE)
    with pytest.raises(ConversionError, match=r'its Input layer "data" needs --stage deploy'):
        ROOM.main(words)
    ROOM.main([*words, "--stage", "deploy"])
    assert read_card(Path("nets/Net.json")).input.scale == [0.5] * 3
    np.testing.assert_allclose(
        run_model("nets/Net.xml", pixels())["p"].ravel(), pixels().mean((2, 3))[0] / 2, rtol=1e-3
    )


def test_phase_and_level(files: dict[str, Path]) -> None:
    layers = (
        'layer { name: "a" type: "Power" bottom: "data" top: "x" power_param { scale: 2 } include { phase: TRAIN } }'
        'layer { name: "b" type: "Power" bottom: "data" top: "x" power_param { scale: 3 } include { phase: TEST max_level: 1 } }'
        'layer { name: "c" type: "Power" bottom: "data" top: "x" power_param { scale: 4 } include { phase: TEST min_level: 2 } }'
    )
    words = write_net(to_text(net_of(layers)))
    for options, factor in ((["--phase", "TRAIN"], 2), ([], 3), (["--level", "2"], 4)):
        ROOM.main([*words, *options])
        np.testing.assert_array_equal(run_model("nets/Net.xml", pixels())["x"], pixels().astype(np.float32) * factor)


@pytest.mark.parametrize(
    "options",
    [
        ["--mean", "m", "--mean_values", "[1]"],
        ["--scale", "2", "--scale_values", "[2]"],
        ["--batch", "1", "--input_shape", "[1,3,9,8]"],
        ["--batch", "0"],
        ["--scale", "x"],
        ["--scale", "0"],
        ["--scale", "nan"],
        ["--mean_value", "nan"],
        ["--input_shape", "[1,3,9]"],
        ["--mean_values", "[1,2,3"],
        ["--data_type", "INT8"],
    ],
)
def test_options_that_mean_nothing(files: dict[str, Path], options: list[str]) -> None:
    with pytest.raises(MokaError) as caught:
        compile_small(*options)
    assert caught.value.exit_code == 2
    assert not Path("graph").exists()


def test_the_size_before_the_crop_is_on_the_card(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The LMDB says it. Without one there is a note, because the runner then stretches."""
    pool = 'layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { pool: AVE global_pooling: true } }'
    prob = 'layer { name: "prob" type: "Softmax" bottom: "pool" top: "prob" }'
    files["net"].write_text(to_text(net_of(pool + prob, (1, 3, 8, 8))))
    files["train_test"].write_text(
        'layer { name: "data" type: "Data" top: "data" transform_param { crop_size: 8 } '
        'data_param { source: "lmdb" backend: LMDB batch_size: 1 } }'
    )
    note = (
        "note    nothing says how large training's pictures were before the crop, so the runner stretches a face to 8x8"
    )
    assert "resize_to" not in compile_small()["input"]
    assert note in capsys.readouterr().out
    make_lmdb(Path("lmdb"), 1, 11, 2)
    assert compile_small()["input"]["resize_to"] == [11, 11]
    printed = capsys.readouterr().out
    assert "the centre 8x8 of training's pictures, 11x11" in printed and note not in printed


def test_an_older_card_is_read(files: dict[str, Path]) -> None:
    compile_small()
    card = json.loads(Path("graph/SmallNet.json").read_text())
    assert set(card["input"]) == {"blob", "shape", "layout", "precision"}
    (read,) = read_cards("graph")
    assert (read.input.scale, read.input.mean, read.input.channels_reversed, read.input.crop_size) == (
        [],
        [],
        False,
        None,
    )
