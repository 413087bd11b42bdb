"""BatchNorm and Scale computed as one, against the same layers one by one."""

from __future__ import annotations

import pytest
import torch

from caffe_io.caffe_pb2 import TEST, TRAIN
from kits.training_layers import build_net
from training.nets.layerwise import Layerwise
from training.nets.merging import merged_layers
from training.nets.net import Net

SCALE = "scale_param { bias_term: true filler { value: 1.5 } bias_filler { value: -0.5 } }"


def net_of(*layers: str, shape: str = "dim: 4 dim: 3 dim: 2 dim: 2", phase: int = TRAIN) -> Net:
    """A net of these layers, each "Type bottom top settings", after a convolution and before a loss."""
    texts = [
        f'layer {{ name: "in" type: "Input" top: "data" top: "t" input_param {{ shape {{ {shape} }} shape {{ {shape} }} }} }}',
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "x"'
        ' convolution_param { num_output: 3 kernel_size: 1 weight_filler { type: "xavier" } } }',
    ]
    for number, text in enumerate(layers):
        kind, bottom, top, *settings = text.split(" ", 3)
        texts.append(f'layer {{ name: "{number}" type: "{kind}" bottom: "{bottom}" top: "{top}" {"".join(settings)} }}')
    last = layers[-1].split(" ")[2]
    texts.append(f'layer {{ name: "loss" type: "EuclideanLoss" bottom: "{last}" bottom: "t" }}')
    return build_net(*texts, phase=phase)


@pytest.mark.parametrize("phase", [TRAIN, TEST])
@pytest.mark.parametrize("shape", ["dim: 4 dim: 3 dim: 2 dim: 2", "dim: 1 dim: 3 dim: 1 dim: 1"])
@pytest.mark.parametrize("layers", [["BatchNorm x x", f"Scale x x {SCALE}"], ["BatchNorm x y", "Scale y y"]])
def test_the_same_numbers_as_one_by_one(layers: list[str], shape: str, phase: int) -> None:
    together, alone = net_of(*layers, shape=shape, phase=phase), net_of(*layers, shape=shape, phase=phase)
    generator = torch.Generator().manual_seed(1)
    feed = {name: torch.randn(together.shapes[name], generator=generator) for name in ("data", "t")}
    for net in (together, alone):
        for blob, number in zip(net.layers[2].blobs, (3.0, 8.0, 2.0), strict=True):
            blob.fill_(number)
        for layer in net.layers:
            for blob in layer.blobs:
                blob.requires_grad_(layer.param.type != "BatchNorm")
    merged = [together.layers[index].param.type for index in merged_layers(together.graph, together.layers)]
    assert merged == ["BatchNorm", "Scale"]
    loss = together.forward(feed)
    alone.blobs = dict(feed)
    for index in range(1, len(alone.layers)):
        bottoms = [alone.blobs[name] for name in alone.layers[index].param.bottom]
        alone.blobs.update(zip(alone.graph.nodes[index].layer.top, alone.run(index, bottoms), strict=False))
    last = alone.layers[-2].param.top[0]
    torch.testing.assert_close(together.blobs[last], alone.blobs[last])
    loss.backward()  # type: ignore[no-untyped-call]
    ((alone.blobs[last] - feed["t"]).square().sum() / 2 / feed["t"].shape[0]).backward()
    for one, other in zip(together.layers, alone.layers, strict=True):
        for mine, theirs in zip(one.blobs, other.blobs, strict=True):
            torch.testing.assert_close(mine, theirs)
            if one.param.type != "BatchNorm":
                assert mine.grad is not None and theirs.grad is not None
                torch.testing.assert_close(mine.grad, theirs.grad)


@pytest.mark.parametrize(
    "layers",
    [
        # The normalised numbers keep a name of their own, or other blobs share them.
        ["BatchNorm x y", "Scale y z"],
        ["Flatten x y", "BatchNorm y y", "Scale y z", "Power x w"],
        # No number for each channel.
        ["BatchNorm x x", "Scale x x scale_param { num_axes: -1 }"],
        ["BatchNorm x x", "Scale x x scale_param { axis: 0 }"],
        ["BatchNorm x x", "ReLU x x", "Scale x x"],
        # BatchNorm scales by itself.
        ["BatchNorm x x batch_norm_param { scale_bias: true }", "Scale x x"],
        ["Scale x x", "BatchNorm x x"],
    ],
)
def test_what_stays_two_layers(layers: list[str]) -> None:
    net = net_of(*layers)
    assert merged_layers(net.graph, net.layers) == {}


def test_after_each_layer_its_own_numbers_are_there() -> None:
    """debug_info prints them."""
    net = net_of("BatchNorm x x", f"Scale x x {SCALE}")
    seen: dict[str, torch.Tensor] = {}
    data = torch.arange(48.0).reshape(4, 3, 2, 2)
    net.forward(
        {"data": data, "t": data},
        after=lambda index: seen.update(
            {net.layers[index].param.type: net.blobs[net.layers[index].param.top[0]].detach()}
        ),
    )
    torch.testing.assert_close(seen["BatchNorm"].mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen["Scale"], seen["BatchNorm"] * 1.5 - 0.5)


def test_pycaffe_sees_each_layer() -> None:
    net = net_of("BatchNorm x y", f"Scale y y {SCALE}")
    data = torch.arange(48.0).reshape(4, 3, 2, 2)
    passes = Layerwise(net)
    passes.data["data"].copy_(data)
    passes.forward(0, 2)
    normalised = passes.data["y"].clone()
    torch.testing.assert_close(normalised.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    passes.forward(3, 3)
    torch.testing.assert_close(passes.data["y"], normalised * 1.5 - 0.5)
