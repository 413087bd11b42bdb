"""Each rule by itself. tests/oracle/test_caffe_io.py compares all of them together with Caffe's own tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_io.caffe_pb2 import NetParameter, SolverParameter, V1LayerParameter
from caffe_io.errors import NetError, PrototxtError
from caffe_io.layer_types import LAYER_TYPES
from caffe_io.prototxt import parse_text
from caffe_io.text.upgrade import current_type, upgrade_net, upgrade_solver


def net_of(text: str) -> NetParameter:
    return upgrade_net(parse_text(text, NetParameter(), "n.prototxt"), "n.prototxt")


def same(old: str, new: str) -> None:
    assert net_of(old) == parse_text(new, NetParameter(), "new")


def test_types_have_todays_names() -> None:
    names = {current_type(name) for name in V1LayerParameter.LayerType.keys()}  # noqa: SIM118
    assert names - {""} <= LAYER_TYPES.keys()
    assert {"AbsVal", "ArgMax", "BNLL", "HDF5Data", "Im2col", "LRN", "MVN", "ReLU", "SoftmaxWithLoss", "TanH"} <= names
    same('layers { name: "a" type: NONE }', 'layer { name: "a" type: "" }')
    same('layers { name: "a" }', 'layer { name: "a" }')


def test_multipliers_names_and_share_modes() -> None:
    same(
        "layers { type: INNER_PRODUCT blobs_lr: 1 blobs_lr: 2 weight_decay: 0 "
        'param: "w" param: "b" param: "c" blob_share_mode: PERMISSIVE }',
        'layer { type: "InnerProduct" param { name: "w" share_mode: PERMISSIVE lr_mult: 1 decay_mult: 0 }'
        'param { name: "b" lr_mult: 2 } param { name: "c" } }',
    )


def test_wiring_rules_and_blobs_stay() -> None:
    body = (
        'name: "x" bottom: "a" bottom: "b" top: "c" loss_weight: 0.5 include { phase: TEST min_level: 1 }'
        "exclude { not_stage: 's' } blobs { data: 1 num: 1 channels: 1 height: 1 width: 1 }"
        "convolution_param { num_output: 3 kernel_size: 5 } loss_param { normalize: false } transform_param { mirror: true }"
    )
    same(f"layers {{ type: CONVOLUTION {body} }}", f'layer {{ type: "Convolution" {body} }}')


@pytest.mark.parametrize(
    ("kind", "name", "block"),
    [("DATA", "Data", "data"), ("IMAGE_DATA", "ImageData", "image_data"), ("WINDOW_DATA", "WindowData", "window_data")],
)
def test_transformations_move_out_of_the_data_block(kind: str, name: str, block: str) -> None:
    same(
        f'layers {{ type: {kind} {block}_param {{ source: "s" scale: 2 mean_file: "m" crop_size: 3 mirror: true }} }}',
        f'layer {{ type: "{name}" transform_param {{ scale: 2 mean_file: "m" crop_size: 3 mirror: true }} '
        f'{block}_param {{ source: "s" }} }}',
    )


def test_other_layers_keep_what_they_have() -> None:
    same(
        'layers { type: RELU data_param { scale: 2 } } layers { type: DATA data_param { source: "s" } }',
        'layer { type: "ReLU" data_param { scale: 2 } } layer { type: "Data" data_param { source: "s" } }',
    )


@pytest.mark.parametrize(
    "inputs",
    [
        'input: "a" input_dim: 1 input_dim: 3 input_dim: 4 input_dim: 5',
        'input: "a" input_shape { dim: 1 dim: 3 dim: 4 dim: 5 }',
        'input: "a" input_shape { dim: [1, 3, 4, 5] } input_dim: 9 input_dim: 9 input_dim: 9 input_dim: 9',
        'input: "a" input_shape { dim: [1, 3, 4, 5] } input_shape { dim: 7 }',
        'input: "a" input_dim: [1, 3, 4, 5, 6, 7, 8, 9]',
    ],
)
@pytest.mark.parametrize("layers", ['layer { name: "c" type: "ReLU" }', 'layers { name: "c" type: RELU }'])
def test_inputs_become_the_first_layer(inputs: str, layers: str) -> None:
    same(
        f"{inputs} {layers}",
        'layer { name: "input" type: "Input" top: "a" input_param { shape { dim: [1, 3, 4, 5] } } }'
        'layer { name: "c" type: "ReLU" }',
    )


def test_several_inputs() -> None:
    same(
        'input: "a" input: "b" input_shape { dim: [2, 3] } input_shape { dim: 2 }',
        'layer { name: "input" type: "Input" top: "a" top: "b" input_param { shape { dim: [2, 3] } shape { dim: 2 } } }',
    )


def test_inputs_without_shapes_are_dropped() -> None:
    same('input: "a" layer { name: "c" }', 'layer { name: "c" }')


@pytest.mark.parametrize("dims", ["input_shape { dim: 1 }", "input_dim: [1, 2, 3, 4, 5]", "input_dim: [1, 2, 3]"])
def test_inputs_with_too_few_shapes_are_refused(dims: str) -> None:
    with pytest.raises(NetError, match=r"n\.prototxt: has 2 inputs \(a, b\), but shapes for [01]"):
        net_of(f'input: "a" input: "b" {dims}')


def test_batch_norm_of_three_params_is_frozen() -> None:
    frozen = "param { lr_mult: 0 decay_mult: 0 }"
    same(
        'layer { type: "BatchNorm" param { lr_mult: 1 } param { decay_mult: 2 } param { } }',
        f'layer {{ type: "BatchNorm" {frozen * 3} }}',
    )
    for text in (
        'layer { type: "BatchNorm" param { lr_mult: 1 } }',
        'layer { type: "Scale" param {} param {} param {} }',
    ):
        same(text, text)


def test_a_current_net_stays_as_it_is() -> None:
    text = (
        'name: "n" state { level: 3 } force_backward: true layer { name: "a" type: "Data" data_param { source: "s" } }'
    )
    same(text, text)


def test_a_mixture_of_both_forms_is_refused() -> None:
    with pytest.raises(NetError, match=r'n\.prototxt: has both `layers` \(V1, the first is "b"\) and `layer`'):
        net_of('layer { name: "a" } layers { name: "b" }')


def test_the_oldest_format_is_refused_by_name() -> None:
    text = 'name: "n"\nlayers { layer { num_output: 96 name: "conv1" type: "conv" } bottom: "data" top: "conv1" }'
    with pytest.raises(PrototxtError, match=r"^n\.prototxt:2:18: this is the V0 format.*upgrade_net_proto_text.*$"):
        net_of(text)
    with pytest.raises(PrototxtError, match=r"^n\.prototxt: this is the V0 format"):
        net_of("layers { layer { } }")
    # This is layers { layer { name: "con" } }.
    binary = bytes.fromhex("12070a050a0363 6f6e".replace(" ", ""))
    with pytest.raises(PrototxtError, match="V0 format"):
        upgrade_net(NetParameter.FromString(binary), "n")


@pytest.mark.parametrize(
    ("old", "new"),
    [("SGD", "SGD"), ("NESTEROV", "Nesterov"), ("ADAGRAD", "AdaGrad"), ("RMSPROP", "RMSProp"), ("ADADELTA", "AdaDelta"),
     ("ADAM", "Adam"), ("5", "Adam")],
)  # fmt: skip
def test_solver_types(old: str, new: str) -> None:
    solver = upgrade_solver(parse_text(f"solver_type: {old}", SolverParameter(), "s"), "s.prototxt")
    assert solver.type == new
    assert not solver.HasField("solver_type")


def test_both_solver_types_are_refused() -> None:
    with pytest.raises(PrototxtError, match="has both `solver_type`"):
        upgrade_solver(SolverParameter(solver_type=SolverParameter.SGD, type="SGD"), "s")


def test_the_snapshot_prefix(tmp_path: Path) -> None:
    def prefix(solver: SolverParameter) -> str:
        return upgrade_solver(solver, "nets/lenet.solver.prototxt").snapshot_prefix

    assert prefix(SolverParameter()) == "nets/lenet.solver"
    assert prefix(SolverParameter(snapshot_prefix="models/x")) == "models/x"
    # The training says that nothing can be written there.
    assert prefix(SolverParameter(snapshot_prefix="x" * 300)) == "x" * 300
    assert prefix(SolverParameter(snapshot_prefix=str(tmp_path))) == f"{tmp_path}/lenet.solver"


def test_nets_inside_a_solver_are_upgraded() -> None:
    v1 = parse_text('layers { name: "a" type: RELU }', NetParameter(), "n")
    solver = upgrade_solver(SolverParameter(net_param=v1, test_net_param=[v1, v1]), "s")
    assert [net.layer[0].type for net in (solver.net_param, *solver.test_net_param)] == ["ReLU"] * 3
    assert not solver.HasField("train_net_param")
