"""Model files: shapes, layouts, outputs, and what is said about files that cannot be read; and the verb `compile` on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import openvino.opset1 as op
import pytest
from openvino import Model, PartialShape

from common.card import read_card
from common.errors import UsageError
from kits.ncs import run_feed, values
from ncs.__main__ import ROOM
from ncs.errors import ConversionError
from ncs.lowering.reading import read_model
from ncs.lowering.rebuild import rebuild


def net(shape: Any, channels_last: bool = False, name: str = "picture") -> Model:
    """A convolution of 3 channels to 4, and a Softmax over them."""
    source = op.parameter(PartialShape(shape), np.float32, name=name)
    source.output(0).set_names({name})
    x = op.transpose(source, np.array([0, 3, 1, 2])) if channels_last else source
    conv = op.convolution(x, values(4, 3, 3, 3), [1, 1], [0, 0], [0, 0], [1, 1])
    conv.output(0).set_names({"maps"})
    top = op.softmax(op.reduce_mean(conv, np.array([2, 3]), False), 1)
    top.output(0).set_names({"prob"})
    return Model([op.result(top)], [source], "net")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "net.xml"


def save(model: Model, file: Path, version: int = 11) -> Path:
    openvino.serialize(model, file, file.with_suffix(".bin"), version=f"IR_V{version}")
    return file


@pytest.mark.parametrize("version", [10, 11])
def test_both_versions_of_ir(file: Path, version: int) -> None:
    model = net([1, 3, 8, 9])
    # Version 10 has no names of tensors, and calls outputs after their operations.
    model.get_results()[0].input_value(0).get_node().set_friendly_name("prob")
    read = read_model(save(model, file, version))
    assert (read.shapes, read.outputs, read.batch_note) == ({"picture": (1, 3, 8, 9)}, ["prob"], "")


def test_channels_last_become_channels_first(file: Path) -> None:
    read = read_model(save(net([1, 8, 9, 3], True), file))
    assert read.shapes == {"picture": (1, 3, 8, 9)}
    assert not [node for node in read.model.get_ops() if node.get_type_name() == "Transpose"]
    picture = values(1, 3, 8, 9)
    answer = run_feed(read.model, {"picture": picture})
    expected = openvino.Core().compile_model(net([1, 8, 9, 3], True), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(
        {0: picture.transpose(0, 2, 3, 1)}
    )
    np.testing.assert_allclose(answer["prob"], expected[0], atol=1e-5)


def test_an_open_batch_becomes_one(file: Path) -> None:
    save(net([-1, 3, 8, 9]), file)
    read = read_model(file)
    assert (read.shapes["picture"], "leaves it open" in read.batch_note) == ((1, 3, 8, 9), True)
    assert read_model(file, batch=4).shapes["picture"] == (4, 3, 8, 9)


def test_other_open_sizes_need_an_option(file: Path) -> None:
    save(net([-1, -1, -1, 3], True), file)
    with pytest.raises(
        UsageError, match=r'net.xml: the input "picture" is \?x\?x\?x3: .*Give --input_shape.*\[1,224,224,3\]'
    ):
        read_model(file)
    assert read_model(file, shapes=[[1, 8, 9, 3]]).shapes == {"picture": (1, 3, 8, 9)}
    with pytest.raises(UsageError, match="has 2 shapes, but the model has 1 inputs: picture"):
        read_model(file, shapes=[[1, 8, 9, 3]] * 2)
    with pytest.raises(UsageError, match="as many axes"):
        read_model(file, shapes=[[1, 3]])
    with pytest.raises(UsageError, match="cannot take inputs of 1x2x2x3"):
        read_model(file, shapes=[[1, 2, 2, 3]])


def test_two_inputs_keep_their_order(file: Path) -> None:
    first, second = (
        op.parameter([1, *sides], np.float32, name=name) for name, sides in (("p", (8, 9, 3)), ("q", (5,)))
    )
    for source, name in ((first, "p"), (second, "q")):
        source.output(0).set_names({name})
    both = op.concat([op.reshape(first, np.array([1, 216]), False), second], 1)
    both.output(0).set_names({"both"})
    read = read_model(save(Model([op.result(both)], [first, second], "two"), file))
    assert list(read.shapes.items()) == [("p", (1, 3, 8, 9)), ("q", (1, 5))]


def test_outputs_that_are_asked_for(file: Path) -> None:
    save(net([1, 3, 8, 9]), file)
    read = read_model(file, outputs=["maps"])
    assert (read.outputs, list(read.model.get_results()[0].get_output_shape(0))) == (["maps"], [1, 4, 6, 7])
    with pytest.raises(
        UsageError, match=r"--output mops: the model has no tensor and no operation of that name. It has maps"
    ):
        read_model(file, outputs=["mops"])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name, data in (("a.onnx", b"\x08\x07nonsense"), ("a.tflite", b"TFL3" * 9), ("a.xml", b"<net"), ("b.onnx", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ConversionError, match=f"{name}: (today's OpenVINO cannot read it|OpenVINO crashed)"):
            read_model(tmp_path / name)
    with pytest.raises(ConversionError, match=r"none.onnx: cannot be read \(No such file"):
        read_model(tmp_path / "none.onnx")


def test_a_crash_of_the_reader_is_one_message(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(net([1, 3, 8, 9]), file)
    worker = tmp_path / "crash_worker.py"
    worker.write_text("import os\nFUNCTIONS = {'read': lambda values, arrays: os.abort()}\n")
    monkeypatch.setattr("ncs.lowering.reading.WORKER", worker)
    with pytest.raises(ConversionError, match="OpenVINO crashed when it read this file"):
        read_model(file)


def onnx_net(path: Path, nodes: Sequence[tuple[str, list[str], str]], weights: Sequence[Any] = ()) -> Path:
    """Write an ONNX net from "x" to "y"; a node is its type, inputs and output."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ends = [[helper.make_tensor_value_info(name, kind, shape)] for name, shape in (("x", [1, 3, 8, 8]), ("y", None))]
    made = [helper.make_node(name, inputs, [output]) for name, inputs, output in nodes]
    graph = helper.make_graph(made, "net", *ends, list(weights))
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString())
    return path


def test_hostile_nets(tmp_path: Path) -> None:
    """A constant of 20 GB, weights out of another folder, and an output of a trillion numbers."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")

    def numbers(*given: int) -> Any:
        return onnx.numpy_helper.from_array(np.array(given, np.int64), "n")

    nodes = [("ConstantOfShape", ["n"], "c"), ("ReduceSum", ["c"], "r"), ("Add", ["x", "r"], "y")]
    huge = onnx_net(tmp_path / "huge.onnx", nodes, [numbers(1, 1, 70000, 70000)])
    with pytest.raises(ConversionError, match=r"huge\.onnx: needs more memory than there is"):
        read_model(huge)
    away = onnx.TensorProto(name="w", data_type=1, dims=[1, 3, 3, 3], data_location=onnx.TensorProto.EXTERNAL)
    away.external_data.add(key="location", value="../../../etc/hostname")
    with pytest.raises(
        ConversionError, match=r"away\.onnx: today's OpenVINO cannot read it: .*outside the base directory"
    ):
        read_model(onnx_net(tmp_path / "away.onnx", [("Conv", ["x", "w"], "y")], [away]))
    wide = read_model(onnx_net(tmp_path / "wide.onnx", [("Tile", ["x", "n"], "y")], [numbers(1, 1, 100000, 100000)]))
    with pytest.raises(ConversionError, match=r'operation "y" .*1x3x800000x800000'):
        rebuild(wide, {}, "wide.onnx")


def test_compile_writes_ir_and_card(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.places.TOOLCHAIN", working_folder / "toolchain")
    save(net([-1, 8, 9, 3], True), Path("net.xml"))
    words = ["--model", "net.xml", "--mean_values", "[1,2,3]", "--scale", "2", "--reverse_input_channels"]
    ROOM.main(["compile", *words, "--data_type", "FP32"])
    card = read_card(Path("graph/net.json"))
    assert card.source is not None
    assert (card.source.model, card.source.caffemodel, card.blob) == ("net.xml", None, None)
    assert (card.input.blob, card.input.shape, card.input.precision) == ("picture", [1, 3, 8, 9], "U8")
    assert (card.outputs[0].blob, card.outputs[0].read, card.mean.channel_means) == ("prob", "argmax", [1.0, 2.0, 3.0])
    picture = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 9), dtype=np.uint8)
    feed = (picture[:, ::-1].astype(np.float32) - np.array([1, 2, 3], np.float32).reshape(1, 3, 1, 1)) / 2
    expected = run_feed(net([1, 3, 8, 9]), {"picture": feed})["prob"]
    np.testing.assert_allclose(run_feed("graph/net.xml", {"picture": picture})["prob"], expected, atol=1e-5)


def test_a_card_beside_the_model_is_read(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.places.TOOLCHAIN", working_folder / "toolchain")
    save(net([1, 3, 8, 9]), Path("net.xml"))
    output = {"blob": "prob", "task": "colour", "read": "argmax", "classes": ["a", "b", "c", "d"]}
    content = {"name": "Net", "channel_order": "RGB", "resize": "stretch", "crop_margin": 0.0, "outputs": [output]}
    Path("net.json").write_text(json.dumps(content))
    ROOM.main(["compile", "--model", "net.xml"])
    card = read_card(Path("graph/net.json"))
    assert (card.name, card.channel_order, card.outputs[0].task) == ("Net", "RGB", "colour")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--phase", "TRAIN"], "has no phases"),
        (["--cut", "prob"], "--cut is for nets of Caffe"),
        (["--mean_values", "[1,2]"], "expected 1 or 3 values"),
    ],
)
def test_options_that_do_not_fit(working_folder: Path, words: list[str], message: str) -> None:
    save(net([1, 3, 8, 9]), Path("net.xml"))
    with pytest.raises(UsageError, match=message):
        ROOM.main(["compile", "--model", "net.xml", *words])


def test_a_suffix_that_is_not_known(working_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.onnx, \.tflite, \.xml"):
        ROOM.main(["compile", "--model", "net.pb"])
