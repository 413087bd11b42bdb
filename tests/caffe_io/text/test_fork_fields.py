from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from caffe_io.caffe_pb2 import LayerParameter, NetParameter, PoolingParameter, SolverParameter
from caffe_io.errors import PrototxtError
from caffe_io.prototxt import parse_text, read_net
from caffe_io.text.fork_field_table import ADVICE, HARMLESS, NEUTRAL, RENAMED
from common.places import ROOT


def layer_of(text: str) -> LayerParameter:
    return parse_text(text, NetParameter(), "n.prototxt").layer[0]


def warnings_of(text: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    parse_text(text, NetParameter(), "n.prototxt")
    return [record.getMessage() for record in caplog.records]


def error_of(text: str) -> str:
    with pytest.raises(PrototxtError) as caught:
        parse_text(text, NetParameter(), "n.prototxt")
    return str(caught.value)


def test_harmless_fields_are_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    text = (
        'default_forward_type: FLOAT16\nlayer {\n  name: "c" type: "Convolution" engine: "MKLDNN"\n'
        "  convolution_param { num_output: 3 cudnn_convolution_algo_seeker: GET\n engine: MKL2017 pad: 1 }\n}"
    )
    assert (
        layer_of(text)
        == parse_text(
            'layer { name: "c" type: "Convolution" convolution_param { num_output: 3 pad: 1 } }', NetParameter(), "n"
        ).layer[0]
    )
    messages = warnings_of(text, caplog)
    assert [message.split(" ")[0] for message in messages] == [
        "n.prototxt:1:1:",
        "n.prototxt:3:33:",
        "n.prototxt:4:37:",
        "n.prototxt:5:2:",
    ]
    assert 'NetParameter has no field "default_forward_type"' in messages[0]
    assert '"MKL2017" is no value of ConvolutionParameter.engine in Caffe 1.0 [layer "c" (Convolution)]' in messages[3]


def test_one_field_of_many_layers_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    layers = [f'layer {{ name: "c{i}" type: "Convolution" debug: true }}' for i in range(4)]
    (message,) = warnings_of("\n".join(layers), caplog)
    assert message.startswith(
        'n.prototxt:1:40: LayerParameter has no field "debug" in Caffe 1.0 [layer "c0" (Convolution)]: '
    )
    assert message.endswith(" (And 3 more like it, the last on line 4.)")
    refusal = error_of("\n".join(layer.replace("debug: true", "frob: 1") for layer in layers))
    assert refusal.count("\n") == 0
    assert refusal.endswith(" (And 3 more like it, the last on line 4.)")


def test_known_files_give_no_warnings(caplog: pytest.LogCaptureFixture) -> None:
    assert warnings_of('layer { name: "c" convolution_param { engine: CUDNN } }', caplog) == []


@pytest.mark.parametrize(("value", "mode"), [("false", "FLOOR"), ("true", "CEIL"), ("0", "FLOOR"), ("1", "CEIL")])
def test_ceil_mode_is_round_mode(value: str, mode: str, caplog: pytest.LogCaptureFixture) -> None:
    text = f'layer {{ name: "p" type: "Pooling" pooling_param {{ ceil_mode: {value} kernel_size: 3 }} }}'
    assert layer_of(text).pooling_param == PoolingParameter(
        round_mode=PoolingParameter.RoundMode.Value(mode), kernel_size=3
    )
    assert f"read as `round_mode: {mode}`" in warnings_of(text, caplog)[0]


@pytest.mark.parametrize(
    ("fields", "dilation"),
    [
        ("hole: 2", [2]),
        ("hole_h: 2 hole_w: 3", [2, 3]),
        ("hole_h: 2; hole_w: 3;", [2, 3]),
        ("dilation_h: 4 pad: 1 dilation_w: 4", [4, 4]),
    ],
)
def test_other_names_of_dilation(fields: str, dilation: list[int]) -> None:
    layer = layer_of(f'layer {{ type: "Convolution" convolution_param {{ {fields} }} }}')
    assert list(layer.convolution_param.dilation) == dilation


@pytest.mark.parametrize("fields", ["hole_w: 3 hole_h: 2", "hole_h: 2", "hole_w: 2"])
def test_half_a_dilation_is_refused(fields: str) -> None:
    assert "Write `dilation` twice" in error_of(f'layer {{ type: "Convolution" convolution_param {{ {fields} }} }}')


def test_relu6_param_is_relu_param() -> None:
    layer = layer_of('layer { type: "ReLU6" relu6_param { negative_slope: 0.5 } }')
    assert layer.relu_param.negative_slope == 0.5


@pytest.mark.parametrize(
    ("block", "neutral", "other", "advice"),
    [
        ("pooling_param", "avg_include_pad: true", "avg_include_pad: false", "padded window"),
        ("dropout_param", "sample_weights_test: false", "sample_weights_test: true", "in the TEST phase"),
        ("loss_param", "label_smoothing: 0.0", "label_smoothing: 0.1", "InfogainLoss"),
        ("data_param", "shuffle: false", "shuffle: true", "--shuffle"),
        ("transform_param", "crop_h: 0", "crop_h: 224", "crop_size"),
    ],
)
def test_fields_are_refused_only_with_values_that_change_the_result(
    block: str, neutral: str, other: str, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = other.split(":")[0]
    (message,) = warnings_of(f'layer {{ type: "Data" {block} {{ {neutral} }} }}', caplog)
    assert f'has no field "{name}"' in message
    refusal = error_of(f'layer {{\n type: "Data"\n {block} {{ {other} }} }}')
    assert refusal.startswith(f"n.prototxt:3:{len(block) + 5}: ")
    assert name in refusal
    assert advice in refusal


def test_fields_without_a_row_are_refused() -> None:
    message = error_of('layer { name: "c" type: "Convolution" frob_param { a: 1 } }')
    assert 'n.prototxt:1:39: LayerParameter has no field "frob_param" in Caffe 1.0 [layer "c" (Convolution)]' in message
    assert "remove it only if the net computes the same without it" in message


def test_a_file_of_another_kind_is_recognised() -> None:
    assert '"max_iter" in Caffe 1.0. It belongs to a solver' in error_of("max_iter: 3")
    assert "a map of label names" in error_of('item { name: "cat" label: 1 }')
    with pytest.raises(PrototxtError, match="It belongs to a net, but a solver is expected here"):
        parse_text('layer { name: "a" }', SolverParameter(), "n")


def test_unknown_kinds_are_refused_with_the_known_ones() -> None:
    assert "Nearest: MAX, AVE, STOCHASTIC" in error_of('layer { type: "Pooling" pooling_param { pool: DEF } }')
    assert "Nearest: SIGMOID" in error_of("layers { type: SIGMOYD }")
    assert "Nearest" not in error_of("layers { type: WARP_BY_HAND }")


def test_a_foreign_layers_fields_are_left_to_its_type(caplog: pytest.LogCaptureFixture) -> None:
    text = (
        'layer { region_loss_param { side: 13 coords: 4 } name: "p" type: "RegionLoss" }\n'
        'layer { name: "d" type: "AnnotatedData" transform_param { mirror: true resize_param { prob: 1 } } }\n'
        'layer { name: "l" type: "SmoothL1LossOHEM" loss_param { normalization: PRE_FIXED } }'
    )
    net = parse_text(text, NetParameter(), "n")
    assert [layer.type for layer in net.layer] == ["RegionLoss", "AnnotatedData", "SmoothL1LossOHEM"]
    assert net.layer[1].transform_param.mirror
    assert all("left to the layer, whose type is a fork's" in message for message in warnings_of(text, caplog))


@pytest.mark.parametrize(
    "kind",
    ["Permute", "PriorBox", "DetectionOutput", "Normalize", "DepthwiseConvolution", "ConvolutionDepthwise", "ReLU6"],
)
def test_fields_of_the_fork_types_that_we_compute(kind: str) -> None:
    assert "frob" in error_of(f'layer {{ type: "{kind}" frob: 3 }}')


def test_permute_of_the_ssd_fork() -> None:
    layer = layer_of('layer { type: "Permute" permute_param { order: 0 order: 2 order: 3 order: 1 } }')
    assert list(layer.permute_param.order) == [0, 2, 3, 1]
    # Field 202.
    assert layer.SerializeToString().endswith(b"\xd2\x0c\x08\x08\x00\x08\x02\x08\x03\x08\x01")


def test_fields_of_detection_output_that_write_files(caplog: pytest.LogCaptureFixture) -> None:
    text = (
        'layer { name: "d" type: "DetectionOutput" detection_output_param { num_classes: 2 code_type: CENTER_SIZE\n'
        ' save_output_param { output_directory: "boxes" resize_param { width: 3 } } visualize: true } }'
    )
    layer = layer_of(text)
    assert (layer.detection_output_param.num_classes, layer.detection_output_param.code_type) == (2, 2)
    # Field 204, and in it 1 and 6.
    assert layer.SerializeToString().endswith(b"\xe2\x0c\x04\x08\x02\x30\x02")
    assert [("only files" in message) for message in warnings_of(text, caplog)] == [True, True]


def test_fork_fields_of_solvers(caplog: pytest.LogCaptureFixture) -> None:
    text = 'base_lr: 0.1\neval_type: "detection"\nlarc: false\nlarc_eta: 0.1\nsolver_mode: MLU'
    assert parse_text(text, SolverParameter(), "s") == SolverParameter(base_lr=SolverParameter(base_lr=0.1).base_lr)
    assert len(caplog.records) == 4
    with pytest.raises(PrototxtError, match=r"s:1:1: .*larc.*learning-rate"):
        parse_text("larc: true", SolverParameter(), "s")


def test_a_syntax_error_after_harmless_fields_has_its_place() -> None:
    assert error_of('layer { engine: "X"\n  name 3 }').startswith("n.prototxt:2:8: ")
    assert error_of('layer { type: "Pooling" pooling_param { ceil_mode: false } name 3 }').startswith(
        "n.prototxt:1:65: "
    )


@pytest.mark.parametrize("field", ["random_resize_param { min_size: 256 }", "random_aspect_ratio_param { }"])
def test_intels_random_pictures_are_made_with_the_database(field: str) -> None:
    assert "make the changed pictures when the LMDB is made" in error_of(
        f'layer {{ type: "Data" transform_param {{ {field} }} }}'
    )


def test_pictures_are_resized_when_the_database_is_made() -> None:
    message = error_of('layer { type: "Data" transform_param { resize_param { height: 300 width: 300 } } }')
    assert (
        "resize the pictures when the LMDB is made (convert_imageset --resize_height HEIGHT --resize_width" in message
    )
    assert "without it" not in message


def test_many_fork_fields_are_fast() -> None:
    layer = 'layer { name: "c" type: "Convolution" engine: "X" convolution_param { hole: 2 cudnn_a: 1 } }\n'
    net = parse_text(layer * 2000, NetParameter(), "n")
    assert len(net.layer) == 2000


def test_every_name_of_the_tables_is_unknown_to_caffe_and_belongs_to_a_message() -> None:
    messages = NetParameter.DESCRIPTOR.file.message_types_by_name
    for table in (HARMLESS, NEUTRAL, RENAMED, ADVICE):
        for key in table:
            message, _, name = key.partition(".")
            assert message == "*" or name not in messages[message].fields_by_name, key


def test_commands_show_the_warning_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "n.prototxt").write_text('name: "n"\nlayer { engine: "X" }\n')
    script = (
        "from common.commands import run\n"
        "from caffe_io.prototxt import read_net\n"
        "run(lambda argv: len(read_net(argv[0]).layer) - 1)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "n.prototxt")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0
    assert run.stderr.startswith(f"warning: {tmp_path}/n.prototxt:2:9: LayerParameter has no field")
    assert len(read_net(tmp_path / "n.prototxt").layer) == 1
