"""Compares caffe_io with Caffe 1.0: schema, upgrade tools, rules for nets, and the files that each reads of the other."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caffe_io import caffe_pb2
from caffe_io.caffe_pb2 import TRAIN, NetParameter, NetStateRule, SolverParameter, V1LayerParameter
from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.errors import CaffeIOError, NetError
from caffe_io.graph import NetGraph
from caffe_io.mean import read_mean, write_mean
from caffe_io.net_check import check_net
from caffe_io.net_state import filter_net
from caffe_io.prototxt import parse_text, read_binary_net, read_net, read_solver, to_text
from caffe_io.weights import read_solverstate, read_weights, write_solverstate, write_weights
from kits.oracle import Worker, caffe
from kits.strategies import FORK_FIELDS, full, messages, nets, solvers, values_of

pytestmark = pytest.mark.oracle

QUIET = {"GLOG_minloglevel": "2", "OPENBLAS_NUM_THREADS": "1"}
_MANY = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
_MORE = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def pycaffe() -> Iterator[Worker]:
    """Caffe's Python module, in a process of its own."""
    worker = Worker(caffe("python"), Path(__file__).with_name("caffe_io_worker.py"), **QUIET)
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caffe_io")


def upgraded(tool: str, path: Path) -> Path | None:
    """Return the result of one of Caffe's upgrade tools; None if it refuses the file."""
    out = path.with_name("upgraded")
    out.unlink(missing_ok=True)
    run = subprocess.run([caffe(tool), path, out], env={**os.environ, **QUIET}, capture_output=True, timeout=60)
    return out if run.returncode == 0 else None


# ---- the schema ------------------------------------------------------------------------------------------


def test_the_schema_is_caffes(pycaffe: Worker) -> None:
    theirs = pycaffe.ask(do="schema")
    compared = 0
    for name, fields in theirs["messages"].items():
        if name.startswith("caffe.V0LayerParameter"):
            continue
        ours = {field.name: field for field in message_of(name).fields}
        assert set(ours) - FORK_FIELDS.get(name.removeprefix("caffe."), set()) == set(fields), name
        for field_name, (number, label, kind, inner, default, packed) in fields.items():
            field = ours[field_name]
            assert (field.number, field.type) == (number, kind), f"{name}.{field_name}"
            assert (field.is_required, field.is_repeated) == (label == 2, label == 3), f"{name}.{field_name}"
            assert getattr(field.message_type or field.enum_type, "full_name", None) == inner
            if default is not None and label != 3:
                expected = pytest.approx(default, rel=1e-6) if isinstance(default, float) else default
                assert field.default_value == expected, f"{name}.{field_name}"
            assert field.is_packed == packed, f"{name}.{field_name}"
            compared += 1
    assert compared > 380
    for name, values in theirs["enums"].items():
        if not name.startswith("caffe.V0LayerParameter"):
            assert values_of(enum_of(name)) == values


def message_of(name: str) -> Any:
    return caffe_pb2.DESCRIPTOR.message_types_by_name[name.removeprefix("caffe.")]


def enum_of(name: str) -> Any:
    parts = name.removeprefix("caffe.").split(".")
    if len(parts) == 1:
        return caffe_pb2.DESCRIPTOR.enum_types_by_name[parts[0]]
    return message_of(parts[0]).enum_types_by_name[parts[1]]


# ---- upgrading -------------------------------------------------------------------------------------------


def same_text(folder: Path, net: NetParameter) -> None:
    path = folder / "net.prototxt"
    path.write_text(to_text(net), encoding="utf-8")
    out = upgraded("upgrade_net_proto_text", path)
    assert out is not None
    assert read_net(path) == parse_text(out.read_text(encoding="utf-8"), NetParameter(), "theirs")


def same_binary(folder: Path, net: NetParameter) -> None:
    path = folder / "net.caffemodel"
    path.write_bytes(net.SerializeToString())
    out = upgraded("upgrade_net_proto_binary", path)
    assert out is not None
    assert read_binary_net(path) == NetParameter.FromString(out.read_bytes())


def every_v1_layer(fill: bool) -> NetParameter:
    """Make a layer of each V1 type, either empty or with every field of every block set."""
    net = NetParameter(name="all")
    for kind in V1LayerParameter.LayerType.values():
        layer = net.layers.add()
        if fill:
            full(layer)
        layer.type = kind
        layer.name = V1LayerParameter.LayerType.Name(kind)
    return net


@pytest.mark.parametrize("fill", [False, True])
def test_every_v1_layer_is_upgraded_as_caffe_does(folder: Path, fill: bool) -> None:
    same_text(folder, every_v1_layer(fill))
    same_binary(folder, every_v1_layer(fill))


@_MANY
@given(net=nets())
def test_random_text_nets_are_upgraded_as_caffe_does(folder: Path, net: NetParameter) -> None:
    same_text(folder, net)


@_MANY
@given(net=nets().filter(lambda net: net.ByteSize() > 0))
def test_random_binary_nets_are_upgraded_as_caffe_does(folder: Path, net: NetParameter) -> None:
    same_binary(folder, net)


@_MANY
@given(solver=solvers())
def test_random_solvers_are_upgraded_as_caffe_does(folder: Path, solver: SolverParameter) -> None:
    path = folder / "solver.prototxt"
    path.write_text(to_text(solver), encoding="utf-8")
    out = upgraded("upgrade_solver_proto_text", path)
    assert out is not None
    assert read_solver(path) == parse_text(out.read_text(encoding="utf-8"), SolverParameter(), "theirs")


TEXTS = [
    "",
    "# nothing",
    'layer{name:"a";type:"ReLU",bottom:"b"}',
    "layer < name: 'a' type: 'Re' \"LU\" >",
    "layer: { name: 'a\\x62\\143\\n\\'' }",
    "input_dim: [0x10, 010, 7] input_dim: -1",
    "layer { blobs { data: [1, 1., .5, 1e3, 1.5f, -inf, nan] num: 1 } }",
    "force_backward: 1 debug_info: f",
    "force_backward: True debug_info: false",
    "layer { phase: 1 } state { phase: TRAIN }",
    "layer { pooling_param { pool: AVE round_mode: FLOOR } }",
    "layer { permute_me { } }",
    "layer { pooling_param { pool: BEST } }",
    "layer { phase: 7 }",
    "layer { name: 3 }",
    "layer { name: a }",
    "layer { name 'a' }",
    "layer { name: 'a' name: 'b' }",
    "layer { relu_param { } relu_param { } }",
    "layer { name: 'a",
    "layer { name: 'a'",
    "layer { } }",
    "input_dim: 1.5",
    "input_dim: 4294967296",
    "layer { convolution_param { num_output: -1 } }",
    "layer { clip_param { min: 1 } }",
    "layer { clip_param { min: 1 max: 2 } }",
    "force_backward: 2",
    "layer { loss_weight: 'x' }",
    "layers { layer { } } layer { name: 'a' }",
    "layers { name: 'a' } layer { name: 'b' }",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_refused_where_caffe_refuses_it(folder: Path, text: str) -> None:
    path = folder / "net.prototxt"
    path.write_text(text, encoding="utf-8")
    out = upgraded("upgrade_net_proto_text", path)
    try:
        ours = to_text(read_net(path))
    except CaffeIOError:
        # Caffe upgrades V0; we refuse it.
        assert out is None or "layers { layer" in text
    else:
        assert out is not None
        assert ours == to_text(parse_text(out.read_text(encoding="utf-8"), NetParameter(), "theirs"))


@pytest.mark.parametrize("prefix", [None, "folder", "folder/name"])
def test_the_snapshot_prefix_is_caffes(pycaffe: Worker, tmp_path: Path, prefix: str | None) -> None:
    (tmp_path / "folder").mkdir()
    solver = small_solver(
        tmp_path, "lenet.solver.prototxt", f'snapshot_prefix: "{tmp_path / prefix}"' if prefix else ""
    )
    pycaffe.ask(do="resume", solver=solver)
    (snapshot,) = tmp_path.rglob("*.caffemodel")
    assert str(snapshot) == read_solver(solver).snapshot_prefix + "_iter_0.caffemodel"


# ---- which layers the rules include, and whether they fit together -----------------------------------------

STAGES = ("a", "b")
RULES = messages(NetStateRule, 4).map(
    lambda rule: NetStateRule(
        **{field.name: value for field, value in rule.ListFields() if field.name == "phase"},
        min_level=rule.min_level % 5 - 2 if rule.HasField("min_level") else None,
        max_level=rule.max_level % 5 - 2 if rule.HasField("max_level") else None,
        stage=[STAGES[len(stage) % 2] for stage in rule.stage[:2]],
        not_stage=[STAGES[len(stage) % 2] for stage in rule.not_stage[:1]],
    )
)


@_MORE
@given(
    rules=st.lists(st.tuples(st.booleans(), st.lists(RULES, max_size=2)), min_size=1, max_size=6),
    phase=st.sampled_from([0, 1]),
    level=st.integers(-2, 2),
    stages=st.lists(st.sampled_from(STAGES), unique=True),
    own=st.lists(st.sampled_from(STAGES), max_size=1),
)
def test_rules_include_the_same_layers(
    pycaffe: Worker,
    folder: Path,
    rules: list[tuple[bool, list[Message]]],
    phase: Any,
    level: int,
    stages: list[str],
    own: list[str],
) -> None:
    net = NetParameter()
    net.state.stage.extend(own)
    for index, (includes, conditions) in enumerate(rules):
        layer = net.layer.add(name=f"layer{index}", type="Input", top=[f"top{index}"])
        layer.input_param.shape.add().dim.append(1)
        (layer.include if includes else layer.exclude).extend(conditions)  # type: ignore[arg-type]
    path = folder / "rules.prototxt"
    path.write_text(to_text(net))
    ours = [layer.name for layer in filter_net(read_net(path), phase, level, stages).layer]
    assert pycaffe.ask(do="layers", net=path, phase=phase, level=level, stages=stages)["layers"] == ours


@st.composite
def wired_nets(draw: st.DrawFn) -> NetParameter:
    """Draw nets of layers with any bottoms and tops, most of them sensible."""
    net = NetParameter()
    blobs = st.sampled_from("abcd")
    for index in range(draw(st.integers(1, 7))):
        layer = net.layer.add(name=f"layer{index}", type="Python")
        layer.python_param.module, layer.python_param.layer = "caffe_io_worker", "Wire"
        made = sorted({top for other in net.layer for top in other.top})
        known = st.sampled_from(made) if made and draw(st.integers(0, 9)) else blobs
        layer.bottom.extend(draw(st.lists(known, max_size=2)) if index else [])
        if layer.bottom and draw(st.booleans()):
            layer.top.append(layer.bottom[0])
        else:
            free = [blob for blob in "abcdefgh" if blob not in made] if draw(st.integers(0, 9)) else list("abcd")
            layer.top.extend(
                draw(st.lists(st.sampled_from(free or ["a"]), max_size=2, unique=bool(draw(st.integers(0, 9)))))
            )
        if not draw(st.integers(0, 4)):
            layer.loss_weight.extend(draw(st.lists(st.sampled_from([0.0, 1.0]), max_size=2)))
        if not draw(st.integers(0, 9)):
            layer.propagate_down.extend(draw(st.lists(st.booleans(), max_size=2)))
    return net


def has_shared_loss(net: NetParameter) -> bool:
    """Whether a top with a loss_weight has a consumer.

    Caffe then moves the weight onto a Split, and no longer checks that the layer has as many loss_weights as tops.
    """
    bottoms = {bottom for layer in net.layer for bottom in layer.bottom}
    return any(
        w and top in bottoms for layer in net.layer for top, w in zip(layer.top, layer.loss_weight, strict=False)
    )


def test_nets_are_refused_where_caffe_refuses_them(pycaffe: Worker, folder: Path) -> None:
    seen = {True: 0, False: 0}

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(net=wired_nets())
    def compare(net: NetParameter) -> None:
        path = folder / "wires.prototxt"
        path.write_text(to_text(net))
        answer = pycaffe.ask(do="layers", net=path, phase=0, level=0, stages=[])
        try:
            check_net(NetGraph(filter_net(net, TRAIN)), "wires.prototxt")
        except NetError as error:
            forgiven = " loss_weight, but " in str(error) and has_shared_loss(net)
            assert "refused" in answer or forgiven, str(error)
        else:
            assert "refused" not in answer
        seen["refused" in answer] += 1

    compare()
    # There were enough nets of both kinds.
    assert min(seen.values()) > 50, seen


# ---- files that each reads of the other ------------------------------------------------------------------

SMALL_NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: [2, 3, 5, 5] } shape { dim: [2, 4] } data_filler { type: "gaussian" } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 2 kernel_size: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "bn" }
layer { name: "scale" type: "Scale" bottom: "bn" top: "scale" scale_param { bias_term: true num_axes: 0 axis: 0 } }
layer { name: "fc" type: "InnerProduct" bottom: "scale" top: "fc" inner_product_param { num_output: 4 } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "label" top: "loss" }
"""
SMALL_SHAPES = {
    "conv": [(2, 3, 3, 3), (2,)],
    "bn": [(2,), (2,), (1,)],
    "scale": [(), ()],
    "fc": [(4, 18), (4,)],
}


def small_solver(folder: Path, name: str, more: str = "") -> Path:
    (folder / "net.prototxt").write_text(SMALL_NET)
    solver = folder / name
    solver.write_text(
        f'train_net: "{folder}/net.prototxt" solver_mode: CPU max_iter: 9 '
        f'base_lr: 0.1 lr_policy: "fixed" momentum: 0.9 {more}'
    )
    return solver


def small_weights() -> dict[str, list[np.ndarray]]:
    draw = np.random.default_rng(5)
    return {name: [draw.normal(size=s).astype(np.float32) for s in shapes] for name, shapes in SMALL_SHAPES.items()}


def same_arrays(stored: Path, weights: dict[str, list[np.ndarray]]) -> None:
    with np.load(stored) as found:
        assert len(found) == sum(map(len, weights.values()))
        for name, blobs in weights.items():
            for index, blob in enumerate(blobs):
                assert found[f"{name}/{index}"].shape == blob.shape
                np.testing.assert_array_equal(found[f"{name}/{index}"], blob)


def test_each_reads_the_other_s_weights(pycaffe: Worker, tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(SMALL_NET)
    weights = small_weights()
    write_weights(tmp_path / "w.caffemodel", read_net(tmp_path / "net.prototxt"), weights)
    request = {"net": tmp_path / "net.prototxt", "weights": tmp_path / "w.caffemodel"}
    pycaffe.ask(do="params", **request, out=tmp_path / "params.npz", saved=tmp_path / "saved.caffemodel")
    same_arrays(tmp_path / "params.npz", weights)
    back = read_weights(tmp_path / "saved.caffemodel")
    assert {name: [blob.tobytes() for blob in blobs] for name, blobs in back.items()} == {
        name: [blob.tobytes() for blob in blobs] for name, blobs in weights.items()
    }


def test_each_reads_the_other_s_solverstate(pycaffe: Worker, tmp_path: Path) -> None:
    solver = small_solver(tmp_path, "solver.prototxt", f'snapshot_prefix: "{tmp_path}/theirs"')
    weights, history = small_weights(), [blob for blobs in small_weights().values() for blob in blobs]
    write_weights(tmp_path / "ours_iter_7.caffemodel", read_net(tmp_path / "net.prototxt"), weights)
    learned = str(tmp_path / "ours_iter_7.caffemodel")
    write_solverstate(tmp_path / "ours_iter_7.solverstate", 7, learned, history, current_step=2)
    answer = pycaffe.ask(
        do="resume", solver=solver, state=tmp_path / "ours_iter_7.solverstate", out=tmp_path / "params.npz"
    )
    assert answer == {"iter": 7}
    same_arrays(tmp_path / "params.npz", weights)
    state = read_solverstate(tmp_path / "theirs_iter_7.solverstate")
    ours = read_solverstate(tmp_path / "ours_iter_7.solverstate")
    assert (state.iter, state.current_step, list(state.history)) == (7, 2, list(ours.history))
    assert state.learned_net == f"{tmp_path}/theirs_iter_7.caffemodel"


def test_caffe_reads_our_database_and_mean(pycaffe: Worker, tmp_path: Path) -> None:
    draw = np.random.default_rng(6)
    pictures = draw.integers(0, 256, (4, 3, 5, 6), np.uint8)
    with write_lmdb(tmp_path / "db") as db:
        for index, picture in enumerate(pictures):
            db.put(b"%08d_x" % index, array_to_datum(picture, index * 1000).SerializeToString())
    run = subprocess.run(
        [caffe("compute_image_mean"), "--backend=lmdb", tmp_path / "db", tmp_path / "theirs.binaryproto"],
        env={**os.environ, **QUIET},
        capture_output=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr.decode()
    np.testing.assert_allclose(read_mean(tmp_path / "theirs.binaryproto"), pictures.mean(0), rtol=1e-6)
    mean = draw.uniform(0, 255, (3, 5, 6)).astype(np.float32)
    write_mean(tmp_path / "ours.binaryproto", mean)
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "d" type: "Data" top: "data" top: "label" '
        f'transform_param {{ mean_file: "{tmp_path}/ours.binaryproto" }} '
        f'data_param {{ source: "{tmp_path}/db" backend: LMDB batch_size: 4 }} }}'
    )
    pycaffe.ask(do="forward", net=tmp_path / "net.prototxt", out=tmp_path / "blobs.npz")
    with np.load(tmp_path / "blobs.npz") as blobs:
        np.testing.assert_array_equal(blobs["data"], pictures.astype(np.float32) - mean)
        assert blobs["label"].tolist() == [0, 1000, 2000, 3000]
