"""Nets: building, running, weights, errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter
from caffe_io.errors import DatabaseError, NetError, WeightsError
from caffe_io.prototxt import read_net
from caffe_io.weights import read_weights, write_weights
from kits.training_layers import build_net
from training.errors import LayerError
from training.nets.net import Net

INPUT = 'layer { name: "in" type: "Input" top: "data" top: "label" input_param { shape { dim: 4 dim: 3 } shape { dim: 4 } } }'
GAUSSIAN = 'weight_filler { type: "gaussian" std: 1 }'


def fc(name: str, bottom: str, outputs: int = 2, more: str = "", **param: object) -> str:
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" {more} '
        f"inner_product_param {{ num_output: {outputs} {GAUSSIAN} }} }}"
    )


def net_of(*layers: str, phase: int = TRAIN, seed: int = 0) -> Net:
    return build_net(INPUT, *layers, phase=phase, seed=seed)


def feed(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"data": torch.randn(4, 3, generator=generator), "label": torch.tensor([0.0, 1, 0, 1])}


LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc2" bottom: "label" top: "loss" }'


def test_a_net_computes_what_its_layers_say() -> None:
    net = net_of(
        fc("fc1", "data", 5), 'layer { name: "r" type: "ReLU" bottom: "fc1" top: "fc1" }', fc("fc2", "fc1"), LOSS
    )
    total = net.forward(feed())
    w = net.weights()
    hidden = np.maximum(feed()["data"].numpy() @ w["fc1"][0].T + w["fc1"][1], 0)
    scores = hidden @ w["fc2"][0].T + w["fc2"][1]
    np.testing.assert_allclose(net.blobs["fc1"].detach(), hidden, rtol=1e-5)
    picked = scores[np.arange(4), [0, 1, 0, 1]]
    loss = (np.log(np.exp(scores).sum(1)) - picked).mean()
    assert total.item() == pytest.approx(loss, rel=1e-5)
    assert net.shapes == {"data": (4, 3), "label": (4,), "fc1": (4, 5), "fc2": (4, 2), "loss": ()}
    assert net.outputs == ["loss"]
    (output,) = net.results()
    assert (output.name, output.loss_weight) == ("loss", 1)
    assert output.value == pytest.approx(loss, rel=1e-5)


def test_loss_weights_add_up() -> None:
    layers = [
        fc("fc2", "data", more="loss_weight: 0.5"),
        LOSS.replace('top: "loss"', 'top: "loss" loss_weight: 3'),
        'layer { name: "second" type: "SoftmaxWithLoss" bottom: "fc2" bottom: "label" top: "off" loss_weight: 0 }',
    ]
    net = net_of(*layers)
    total = net.forward(feed())
    loss, off = net.blobs["loss"].item(), net.blobs["off"].item()
    assert total.item() == pytest.approx(3 * loss + 0.5 * float(net.blobs["fc2"].detach().sum()), rel=1e-5)
    results = [(o.name, o.value, o.loss_weight) for o in net.results()]
    # The copies of a blob that has a loss_weight and a consumer.
    copies = net.blobs["fc2"].flatten().tolist()
    assert results == [*(("fc2_fc2_0_split_0", v, 0.5) for v in copies), ("loss", loss, 3), ("off", off, 0)]


def test_an_output_of_several_numbers_is_listed_number_by_number() -> None:
    net = net_of(fc("fc1", "data", 2))
    net.forward(feed())
    results = net.results()
    # In the order of the blobs' names.
    assert [r.name for r in results] == ["fc1"] * 8 + ["label"] * 4
    np.testing.assert_allclose([r.value for r in results[:8]], net.blobs["fc1"].detach().reshape(-1))


def test_a_loss_without_a_top_gets_one_but_not_in_the_caffemodel(tmp_path: Path) -> None:
    from training.solvers.snapshot import trained_param

    plain = 'layer { name: "l1" type: "SoftmaxWithLoss" bottom: "fc2" bottom: "label" }'
    net = net_of(fc("fc2", "data"), plain, plain.replace("l1", "l2"))
    total = net.forward(feed())
    assert sorted(net.outputs) == ["(automatic 2)", "(automatic)"]
    assert total.item() == pytest.approx(2 * net.blobs["(automatic)"].item())
    assert [list(layer.top) for layer in trained_param(net).layer[-2:]] == [[], []]


def test_phases_choose_layers() -> None:
    both = [
        fc("fc2", "data"),
        'layer { name: "acc" type: "Accuracy" bottom: "fc2" bottom: "label" top: "acc" include { phase: TEST } }',
        LOSS,
    ]
    assert net_of(*both).outputs == ["loss"]
    assert net_of(*both, phase=TEST).outputs == ["acc", "loss"]


def test_parameters_carry_their_multipliers() -> None:
    net = net_of(
        fc("fc1", "data", more="param { lr_mult: 0 } param { lr_mult: 2 decay_mult: 0 }"),
        fc("fc2", "fc1", more="param { decay_mult: 3 }"),
        LOSS,
    )
    assert [(p.layer, p.index, p.lr_mult, p.decay_mult) for p in net.parameters] == [
        ("fc1", 0, 0, 1),
        ("fc1", 1, 2, 0),
        ("fc2", 0, 1, 3),
        ("fc2", 1, 1, 1),
    ]
    net.forward(feed()).backward()  # type: ignore[no-untyped-call]
    assert [p.values.grad is not None for p in net.parameters] == [False, True, True, True]


def test_shared_weights_are_one_parameter_and_sum_their_gradients() -> None:
    shared = 'param { name: "w" } param { name: "b" }'
    net = net_of(
        fc("a", "data", more=shared),
        fc("b", "data", more=shared),
        LOSS.replace("fc2", "a"),
        LOSS.replace("fc2", "b").replace('"loss"', '"loss2"'),
    )
    assert [(p.layer, p.index) for p in net.parameters] == [("a", 0), ("a", 1)]
    net.forward(feed()).backward()  # type: ignore[no-untyped-call]
    alone = net_of(fc("fc2", "data"), LOSS)
    with torch.no_grad():
        for blob, value in zip(alone.layers[1].blobs, net.layers[1].blobs, strict=True):
            blob.copy_(value)
    alone.forward(feed()).backward()  # type: ignore[no-untyped-call]
    for twice, once in zip(net.parameters, alone.parameters, strict=True):
        assert once.values.grad is not None
        np.testing.assert_allclose(twice.values.grad, 2 * once.values.grad, rtol=1e-5)


def test_shared_weights_of_different_shapes() -> None:
    shared = 'param { name: "w" }'
    with pytest.raises(
        LayerError, match=r'n\.prototxt: layer "b" .* shares the weights "w" .*which are 2x3, but needs 5x3'
    ):
        net_of(fc("a", "data", more=shared), fc("b", "data", 5, more=shared))


def test_reseed_makes_dropout_a_function_of_the_iteration() -> None:
    net = net_of('layer { name: "d" type: "Dropout" bottom: "data" top: "d" }', seed=5)
    masks = []
    for number in (3, 4, 3):
        net.reseed(number)
        net.forward({"data": torch.ones(4, 3), "label": torch.zeros(4)})
        masks.append(net.blobs["d"].clone())
    assert torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0], masks[1])


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([fc("fc1", "dada")], NetError, r'n\.prototxt .*layer "fc1".*reads "dada", which no earlier .*mean "data"'),
        ([fc("fc1", "data"), fc("fc1", "data")], NetError, '"fc1", which layer "fc1" .* already produces'),
        ([fc("fc1", "data").replace("Product", "Produkt")], LayerError, r'layer "fc1": unknown .*mean "InnerProduct"'),
        ([fc("fc1", "data", 0)], LayerError, r'n\.prototxt: layer "fc1" \(InnerProduct\): num_output is missing'),
    ],
)  # fmt: skip
def test_nets_that_are_refused(layers: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        net_of(*layers)


def test_a_label_out_of_range_names_the_file() -> None:
    net = net_of(fc("fc2", "data"), LOSS)
    with pytest.raises(LayerError, match=r'^n\.prototxt: layer "loss".*label 7 is out of range'):
        net.forward({**feed(), "label": torch.tensor([0.0, 1, 7, 0])})


def saved(net: Net, path: Path, **other: list[np.ndarray]) -> Path:
    write_weights(path, net.param, {**net.weights(), **other})
    return path


def test_loading_takes_the_layers_of_the_same_name(tmp_path: Path) -> None:
    source = net_of(fc("fc1", "data", 5), fc("fc2", "fc1"), seed=1)
    path = saved(source, tmp_path / "m.caffemodel")
    target = net_of(fc("fc1", "data", 5), fc("fc2_new", "fc1", 7), seed=2)
    before = target.weights()["fc2_new"][0].copy()
    assert target.load(path).copied == ["fc1"]
    np.testing.assert_array_equal(target.weights()["fc1"][0], read_weights(path)["fc1"][0])
    np.testing.assert_array_equal(target.weights()["fc2_new"][0], before)


def test_old_files_have_four_axes(tmp_path: Path) -> None:
    net = net_of(fc("fc1", "data", 2))
    weights, bias = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3), np.float32([[[[8, 9]]]])
    write_weights(tmp_path / "old.caffemodel", net.param, {"fc1": [weights, bias]})
    net.load(tmp_path / "old.caffemodel")
    np.testing.assert_array_equal(net.weights()["fc1"][0], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(net.weights()["fc1"][1], [8, 9])


def test_caffemodels_that_do_not_fit(tmp_path: Path) -> None:
    net = net_of(fc("fc1", "data", 2))
    other = saved(net_of(fc("fc1", "data", 3)), tmp_path / "three.caffemodel")
    with pytest.raises(WeightsError, match=r'three.*layer "fc1", blob 0, is 3x3 there, but 2x3 in n\.prototxt'):
        net.load(other)
    weights = net.weights()["fc1"][:1]
    write_weights(tmp_path / "one.caffemodel", net.param, {"fc1": weights})
    with pytest.raises(WeightsError, match=r'one.*layer "fc1" has 1 blobs there, but 2 in n\.prototxt'):
        net.load(tmp_path / "one.caffemodel")
    strange = saved(net_of(fc("ip", "data", 2)), tmp_path / "strange.caffemodel")
    with pytest.raises(WeightsError, match=r"strange.*has weights of ip, but the net's layers are called fc1"):
        net.load(strange)
    good = saved(net, tmp_path / "good.caffemodel").read_bytes()
    (tmp_path / "cut.caffemodel").write_bytes(good[: len(good) // 2])
    with pytest.raises(WeightsError, match=r"cut\.caffemodel"):
        net.load(tmp_path / "cut.caffemodel")
    with pytest.raises(WeightsError, match=r"none\.caffemodel: cannot be read"):
        net.load(tmp_path / "none.caffemodel")


def test_convolution_weights_are_stored_in_caffe_s_order(tmp_path: Path) -> None:
    """They are channels-last in memory; files hold outputs x inputs x height x width."""
    net = Net(
        text_format.Parse(
            'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 5 dim: 5 } } } '
            f'layer {{ name: "c" type: "Convolution" bottom: "data" top: "c" '
            f"convolution_param {{ num_output: 2 kernel_h: 2 kernel_w: 3 {GAUSSIAN} }} }}",
            NetParameter(),
        ),
        TRAIN,
    )
    values = np.arange(36, dtype=np.float32).reshape(2, 3, 2, 3)
    with torch.no_grad():
        net.layers[1].blobs[0].copy_(torch.from_numpy(values))
    path = saved(net, tmp_path / "c.caffemodel")
    np.testing.assert_array_equal(read_weights(path)["c"][0], values)
    assert net.weights()["c"][0].flags.c_contiguous


def test_a_refused_layer_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "n.prototxt"
    path.write_text(f'{INPUT}\nlayer {{ name: "n" type: "SeLu" bottom: "data" top: "n" }}\n')
    with pytest.raises(LayerError) as caught:
        Net(read_net(path), TEST, str(path))
    assert str(caught.value).startswith(f'{path}:2: layer "n" is of type SeLu: it is a fork\'s. Write ELU')


def test_a_missing_database_is_reported_with_its_layer(tmp_path: Path) -> None:
    path = tmp_path / "n.prototxt"
    data = f'data_param {{ source: "{tmp_path}/gone" batch_size: 1 backend: LMDB }}'
    path.write_text(f'name: "n"\nlayer {{ name: "d" type: "Data" top: "d" {data} }}')
    with pytest.raises(DatabaseError) as caught:
        Net(read_net(path), TEST, str(path))
    assert str(caught.value).startswith(f'{path}:2: layer "d" (Data): {tmp_path}/gone: no LMDB here')


BRANCHES = [
    fc("fc1", "data", 5),
    'layer { name: "relu" type: "ReLU" bottom: "fc1" top: "fc1" }',
    'layer { name: "branch" type: "TanH" bottom: "fc1" top: "branch" }',
    'layer { name: "sum" type: "Reduction" bottom: "fc1" top: "sum" loss_weight: 1 }',
    'layer { name: "sum2" type: "Reduction" bottom: "branch" top: "sum2" loss_weight: 2 }',
]


def test_last_uses() -> None:
    graph = net_of(*BRANCHES).graph
    assert graph.last_uses() == [[], ["data"], [], [], ["fc1"], ["branch"]]
    assert graph.last_uses({"fc1"}) == [[], ["data"], [], [], [], ["branch"]]


def test_keep() -> None:
    net = net_of(*BRANCHES)
    loss = net.forward(feed())
    assert set(net.blobs) == {"data", "label", "fc1", "branch", "sum", "sum2"}
    assert torch.equal(net.forward(feed(), keep={"branch"}), loss)
    assert set(net.blobs) == {"label", "branch", "sum", "sum2"}
