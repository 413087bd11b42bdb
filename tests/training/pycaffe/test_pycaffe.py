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


def test_arrays_are_in_c_order(tmp_path: Path) -> None:
    """Writes through reshape and ravel arrive, as with Caffe's arrays. A held array stays valid while the solver steps."""
    solver = caffe.get_solver(small_solver(tmp_path, max_iter=6, snapshot=0, display=0))
    solver.step(1)
    for net in (solver.net, *solver.test_nets):
        for blob in [*net.blobs.values(), *(blob for blobs in net.params.values() for blob in blobs)]:
            for array in (blob.data, blob.diff):
                assert array.flags.c_contiguous
                assert array.flags.writeable
                assert array.strides == np.empty(array.shape, np.float32).strides
    blob = solver.net.params["conv1"][0]
    values, steps = blob.data, blob.diff
    blob.data.ravel()[3] = 7
    blob.data.reshape(len(values), -1)[-1] = 5
    flat = blob.data
    flat.shape = (-1,)
    flat[0] = 9
    assert (values.flat[0], values.flat[3], values[-1].min(), values[-1].max()) == (9, 7, 5, 5)
    solver.step(2)
    assert np.shares_memory(values, blob.data)
    assert np.shares_memory(steps, blob.diff)
    assert values.flat[0] != 9
    np.testing.assert_array_equal(solver.test_nets[0].params["conv1"][0].data, values)


def test_weights_can_be_given_another_shape(deploy: Path) -> None:
    net = caffe.Net(deploy, caffe.TEST)
    before = net.params["conv"][0].data.copy()
    net.params["conv"][0].reshape(2, 27)
    np.testing.assert_array_equal(net.params["conv"][0].data, before.reshape(2, 27))
    assert not net.params["conv"][0].diff.any()
    net.params["conv"][0].reshape(2, 3, 3, 3)
    net.params["conv"][1].reshape(5)
    assert net.params["conv"][1].data.tolist() == [0] * 5


BRANCHES = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "a" type: "Sigmoid" bottom: "data" top: "a" }
layer { name: "b" type: "TanH" bottom: "data" top: "b" }
layer { name: "c" type: "Eltwise" bottom: "a" bottom: "b" top: "c" }
force_backward: true
"""


def test_numbers_and_names_of_blobs_and_splits(tmp_path: Path) -> None:
    (tmp_path / "n.prototxt").write_text(BRANCHES)
    net = caffe.Net(str(tmp_path / "n.prototxt"), caffe.TEST)
    copies = ["data_data_0_split_0", "data_data_0_split_1"]
    assert net._blob_names == list(net.blobs) == ["data", *copies, "a", "b", "c"]
    assert net._layer_names == ["data", "data_data_0_split", "a", "b", "c"]
    assert (net._inputs, net._outputs) == ([0], [5])
    assert [net._bottom_ids(i) for i in range(5)] == [[], [0], [1], [2], [3, 4]]
    assert [net._top_ids(i) for i in range(5)] == [[0], [1, 2], [3], [4], [5]]
    assert [blob.shape for blob in net._blobs] == [(2, 3)] * 6
    net.blobs["data"].data[...] = 1
    assert net.blobs[copies[1]].data.min() == 1, "the copies of a split are the blob itself"
    net.forward()
    net.blobs["c"].diff[...] = 1
    net.backward()
    one, other = (net.blobs[copy].diff for copy in copies)
    assert np.abs(one - other).min() > 0.1
    np.testing.assert_allclose(net.blobs["data"].diff, one + other)
    assert net._forward(0, 4) == 0
    net.blobs["data"].reshape(5, 3)
    net.reshape()
    assert net.blobs[copies[0]].data.shape == net.blobs["c"].data.shape == (5, 3)


def test_forms_of_the_constructor(deploy: Path, tmp_path: Path) -> None:
    net = caffe.Net(network_file=str(deploy), phase=caffe.TEST)
    net.save(tmp_path / "w.caffemodel")
    model, weights = str(deploy), str(tmp_path / "w.caffemodel")
    for other in (
        caffe.Net(model, caffe.TEST, 0, ["a"], weights),
        caffe.Net(model, caffe.TEST, level=1, stages=("a",), weights=weights),
        caffe.Net(model, phase=caffe.TEST, weights=weights),
        caffe.Net(model, weights, caffe.TEST),
        caffe.Net(model, np.int64(caffe.TEST), weights=weights),
    ):
        np.testing.assert_array_equal(other.params["conv"][0].data, net.params["conv"][0].data)
    for given in ((), (caffe.TEST, 0, [], weights, 5)):
        with pytest.raises(TypeError, match=r"expected Net\(network_file, phase"):
            caffe.Net(model, *given)
    with pytest.raises(TypeError, match="weight is not known"):
        caffe.Net(model, caffe.TEST, weight=weights)
    with pytest.raises(RuntimeError, match=r"none\.prototxt: there is no such file"):
        caffe.Net("none.prototxt", caffe.TEST)
    with pytest.raises(ValueError, match='no layer "conv2"'):
        net.forward(end="conv2")


def test_each_net_has_its_own_weights_and_a_seed_repeats_them(deploy: Path, tmp_path: Path) -> None:
    def weights() -> list[float]:
        solver = caffe.SGDSolver(small_solver(tmp_path, max_iter=6, random_seed=-1))
        nets = [caffe.Net(deploy, caffe.TEST).params["conv"][0], caffe.Net(deploy, caffe.TEST).params["conv"][0]]
        return [float(blob.data.ravel()[0]) for blob in [*nets, solver.net.params["conv1"][0]]]

    caffe.set_random_seed(5)
    first = weights()
    assert len(set(first)) == 3
    caffe.set_random_seed(5)
    assert weights() == first


def test_hdf5_of_any_name(deploy: Path, tmp_path: Path) -> None:
    net, other = caffe.Net(deploy, caffe.TEST), caffe.Net(deploy, caffe.TEST)
    net.save_hdf5(tmp_path / "weights")
    other.load_hdf5(tmp_path / "weights")
    np.testing.assert_array_equal(other.params["conv"][0].data, net.params["conv"][0].data)


def test_a_script_feeds_the_nets_of_a_solver(tmp_path: Path) -> None:
    """Train net and test net have Input layers, which the script fills before the steps. Real Caffe prints the same loss."""
    (tmp_path / "n.prototxt").write_text("""
        layer { name: "data" type: "Input" top: "data" top: "label" input_param { shape { dim: 2 dim: 4 } shape { dim: 2 } } }
        layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 3 } }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }""")
    (tmp_path / "s.prototxt").write_text(
        'net: "n.prototxt" test_iter: 1 test_interval: 1 base_lr: 0.1 lr_policy: "fixed" max_iter: 9 snapshot_prefix: "x"'
    )
    with inside(tmp_path):
        solver = caffe.get_solver("s.prototxt")
        called: list[int] = []
        solver.test_nets[0].after_forward(called.append)
        for net in (solver.net, *solver.test_nets):
            net.blobs["data"].data[...] = 0.5
            net.blobs["label"].data[...] = 2
        solver.step(2)
    # Weights begin as zeros: the loss is log 3, and one step later 0.969817, which real pycaffe finds.
    np.testing.assert_allclose(solver.test_nets[0].blobs["loss"].data, 0.969817, rtol=1e-5)
    assert called == [0, 1, 2] * 2


def test_several_gpus_are_refused() -> None:
    assert not caffe.has_nccl()
    for call in (lambda: caffe.set_solver_count(2), lambda: caffe.set_solver_rank(1), caffe.NCCL.new_uid):
        with pytest.raises(RuntimeError, match=r"NCCL: .* torchrun"):
            call()
    caffe.set_solver_count(1)
    caffe.set_solver_rank(0)
    caffe.set_multiprocess(False)
