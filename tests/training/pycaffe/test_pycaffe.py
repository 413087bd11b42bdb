"""pycaffe's interface. tests/oracle/test_pycaffe.py compares its numbers with the real pycaffe's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_io.weights import read_weights
from kits.commands import inside
from kits.training import small_solver
from training import pycaffe as caffe
from training.errors import TrainingError

DEPLOY = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE global_pooling: true } }
layer { name: "prob" type: "Softmax" bottom: "pool" top: "prob" }
"""


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    (tmp_path / "deploy.prototxt").write_text(DEPLOY)
    return tmp_path / "deploy.prototxt"


def test_names_and_shapes(deploy: Path) -> None:
    net = caffe.Net(deploy, caffe.TEST)
    assert (net.inputs, net.outputs) == (["data"], ["prob"])
    assert list(net.blobs) == ["data", "conv", "pool", "prob"]
    assert [(name, [blob.shape for blob in blobs]) for name, blobs in net.params.items()] == [
        ("conv", [(2, 3, 3, 3), (2,)])
    ]
    assert net._layer_names == ["data", "conv", "relu", "pool", "prob"]
    assert [layer.type for layer in net.layers] == ["Input", "Convolution", "ReLU", "Pooling", "Softmax"]
    assert net.top_names["relu"] == net.bottom_names["relu"] == ["conv"]
    assert net.layer_dict["conv"].type == "Convolution"
    blob = net.blobs["pool"]
    assert (blob.num, blob.channels, blob.height, blob.width, blob.count) == (2, 2, 1, 1, 4)
    assert (net.params["conv"][1].num, net.params["conv"][1].channels) == (2, 1)


def test_a_blob_s_array_stays_the_same(deploy: Path) -> None:
    net = caffe.Net(deploy, caffe.TEST)
    held = net.blobs["prob"].data
    net.blobs["data"].data[...] = np.random.default_rng(0).uniform(-1, 1, (2, 3, 6, 6))
    out = net.forward()
    assert out["prob"] is not held
    np.testing.assert_array_equal(out["prob"], held)
    assert np.allclose(held.sum(1), 1)
    before = held.copy()
    net.params["conv"][0].data[...] *= 3
    net.forward()
    assert np.abs(held - before).max() > 1e-4


def test_parts_and_other_blobs(deploy: Path) -> None:
    net = caffe.Net(deploy, caffe.TEST)
    picture = np.random.default_rng(0).uniform(-1, 1, (2, 3, 6, 6))
    assert set(net.forward(["conv"], data=picture)) == {"conv", "prob"}
    assert set(net.forward(end="pool")) == {"pool"}
    net.blobs["pool"].data[...] = [[[[0]], [[np.log(3)]]]] * 2
    np.testing.assert_allclose(net.forward(start="prob")["prob"].reshape(2, 2), [[0.25, 0.75]] * 2, rtol=1e-5)


def test_saved_and_loaded(deploy: Path, tmp_path: Path) -> None:
    caffe.set_random_seed(1)
    net = caffe.Net(deploy, caffe.TEST)
    caffe.set_random_seed(2)
    for name, save in (("n.caffemodel", net.save), ("n.caffemodel.h5", net.save_hdf5)):
        save(tmp_path / name)
        np.testing.assert_array_equal(read_weights(tmp_path / name)["conv"][0], net.params["conv"][0].data)
        for other in (
            caffe.Net(deploy, caffe.TEST, weights=tmp_path / name),
            caffe.Net(deploy, tmp_path / name, caffe.TEST),
        ):
            np.testing.assert_array_equal(other.params["conv"][0].data, net.params["conv"][0].data)
    assert not np.array_equal(caffe.Net(deploy, caffe.TEST).params["conv"][0].data, net.params["conv"][0].data)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: net.forward(picture=np.zeros(1)), "inputs given: picture; the net has data"),
        (
            lambda net: net.forward(data=np.zeros((3, 3, 6, 6))),
            'input "data" is 3x3x6x6; expected 2x3x6x6',
        ),
        (
            lambda net: net.forward(start="conv2"),
            'no layer "conv2". Known: conv, data, pool, prob, relu. Did you mean "conv"',
        ),
        (lambda net: net.params["conv"][0].reshape(1), "its weights cannot be given another shape"),
        (lambda net: net.save_hdf5("x.caffemodel"), "must end with .h5"),
    ],
)
def test_wrong_use(deploy: Path, call: object, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        call(caffe.Net(deploy, caffe.TEST))  # type: ignore[operator]


def test_solver_steps_and_its_nets(tmp_path: Path) -> None:
    solver = caffe.get_solver(small_solver(tmp_path, max_iter=6, snapshot=0, display=0, test_initialization=False))
    assert (solver.iter, len(solver.test_nets), solver.lr) == (0, 1, pytest.approx(0.01))
    start = solver.net.params["conv1"][0].data.copy()
    solver.step(2)
    assert solver.iter == 2
    assert np.abs(solver.net.params["conv1"][0].data - start).max() > 0
    assert solver.net.blobs["loss"].data > 0
    assert np.abs(solver.net.blobs["fc8"].diff).max() > 0
    np.testing.assert_array_equal(solver.test_nets[0].params["conv1"][0].data, solver.net.params["conv1"][0].data)
    solver.test_nets[0].forward()
    assert 0 <= solver.test_nets[0].blobs["accuracy"].data <= 1
    with inside(tmp_path):
        solver.snapshot()
        resumed = caffe.SGDSolver("solver.prototxt")
        resumed.restore("small_iter_2.solverstate")
        assert resumed.iter == 2
        resumed.solve()
        solver.step(4)
    for layer, blobs in solver.net.params.items():
        for mine, other in zip(blobs, resumed.net.params[layer], strict=True):
            np.testing.assert_array_equal(mine.data, other.data)


def test_a_solver_s_tests_show_in_its_test_net(tmp_path: Path) -> None:
    solver = caffe.get_solver(small_solver(tmp_path, max_iter=6, snapshot=0, display=0, test_interval=1))
    solver.step(1)
    assert np.abs(solver.test_nets[0].blobs["fc8"].data).max() > 0


def test_named_solvers_have_their_type(tmp_path: Path) -> None:
    path = small_solver(tmp_path, momentum=0)
    for kind in ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"):
        assert getattr(caffe, f"{kind}Solver")(path).param.type == kind
