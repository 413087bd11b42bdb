"""MemoryData, DummyData and Input: tops from arrays, from fillers, from the caller; and nets that follow their sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from caffe_io.caffe_pb2 import TEST, TRAIN
from common.errors import MeanError
from kits.training import make_lmdb
from kits.training_layers import build_net, layer_of
from training.errors import LayerError, TrainingError
from training.layers.data.memory_data import MemoryData
from training.nets.net import Net

SIZES = "batch_size: 2 channels: 1 height: 2 width: 3"
MEMORY = f'layer {{ name: "m" type: "MemoryData" top: "d" top: "l" memory_data_param {{ {SIZES} }} }}'


def net_of(text: str, phase: int = TEST) -> Net:
    return build_net(text, phase=phase, seed=4)


def arrays(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(count * 6, dtype=np.float32).reshape(count, 1, 2, 3), np.arange(count, dtype=np.float32)


def test_memory_data_goes_round() -> None:
    net = net_of(MEMORY)
    pictures, labels = arrays(6)
    net.set_input_arrays(pictures, labels.reshape(6, 1, 1, 1))
    seen = []
    for _ in range(4):
        net.forward()
        seen += net.blobs["l"].tolist()
        first = int(net.blobs["l"][0])
        np.testing.assert_array_equal(net.blobs["d"], pictures[first : first + 2])
    assert seen == [0, 1, 2, 3, 4, 5, 0, 1]
    net.seek(5)
    net.forward()
    assert net.blobs["l"].tolist() == [4, 5]


def test_memory_data_that_does_not_fit() -> None:
    net = net_of(MEMORY)
    with pytest.raises(LayerError, match=r"no data. Call set_input_arrays"):
        net.forward()
    pictures, labels = arrays(6)
    for data, numbers, message in (
        (pictures[:5], labels[:5], "5 pictures; expected a multiple of batch_size 2"),
        (pictures[:0], labels[:0], "0 pictures; expected a multiple"),
        (pictures, labels[:4], "6 pictures and 4 labels"),
        (pictures[:, :, :1], labels, r"pictures of shape 6x1x1x3; expected Nx1x2x3"),
    ):
        with pytest.raises(LayerError, match=message):
            net.set_input_arrays(data, numbers)
    with pytest.raises(TrainingError, match=r"n\.prototxt: has no MemoryData layer"):
        net_of('layer { name: "i" type: "Input" top: "d" input_param { shape { dim: 1 } } }').set_input_arrays(
            *arrays(1)
        )
    with pytest.raises(LayerError, match="batch_size, channels, height and width"):
        layer_of('type: "MemoryData" top: "d" top: "l" memory_data_param { batch_size: 2 channels: 1 height: 2 }')


def test_any_layer_without_bottoms_may_be_fed() -> None:
    net = net_of(MEMORY)
    net.forward({"d": torch.zeros(2, 1, 2, 3), "l": torch.ones(2)})
    assert net.blobs["l"].tolist() == [1, 1]
    assert isinstance(next(net.data_layers()), MemoryData)


def test_dummy_data_is_drawn_again_and_by_the_seed() -> None:
    text = """layer { name: "d" type: "DummyData" top: "a" top: "b" top: "c" dummy_data_param {
      data_filler { type: "gaussian" std: 2 } data_filler { type: "constant" value: 7 } data_filler { type: "uniform" }
      shape { dim: 3 } shape { } shape { dim: 2 dim: 2 } } }"""
    drawn = []
    for number in (1, 2, 1):
        net = net_of(text)
        net.reseed(number)
        net.forward()
        assert net.blobs["b"].shape == ()
        assert float(net.blobs["b"]) == 7
        drawn.append((net.blobs["a"].tolist(), net.blobs["c"].tolist()))
    assert drawn[0] == drawn[2]
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


def test_input_needs_its_values() -> None:
    net = net_of('layer { name: "i" type: "Input" top: "d" input_param { shape { dim: 1 } } }')
    with pytest.raises(LayerError, match=r'n\.prototxt: layer "i" .*Feed its tops'):
        net.forward()


CONVOLUTION = """
layer { name: "c" type: "Convolution" bottom: "d" top: "c" convolution_param { num_output: 2 kernel_size: 3 } }
layer { name: "p" type: "Pooling" bottom: "c" top: "p" pooling_param { global_pooling: true } }
layer { name: "f" type: "InnerProduct" bottom: "p" top: "f" inner_product_param { num_output: 2 } }
"""


def test_layers_follow_the_shapes_that_are_fed() -> None:
    net = net_of(
        'layer { name: "i" type: "Input" top: "d" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }' + CONVOLUTION
    )
    for shape, top in (((2, 3, 8, 8), (2, 2, 6, 6)), ((1, 3, 5, 11), (1, 2, 3, 9)), ((1, 3, 8, 8), (1, 2, 6, 6))):
        net.forward({"d": torch.zeros(shape)})
        assert net.shapes["c"] == net.blobs["c"].shape == top
        assert net.shapes["f"] == net.blobs["f"].shape == (shape[0], 2)
    with pytest.raises(LayerError, match=r'layer "c".*its weights have the shapes .* would need'):
        net.forward({"d": torch.zeros(1, 4, 8, 8)})


def test_a_fully_connected_layer_cannot_follow() -> None:
    text = 'layer { name: "i" type: "Input" top: "d" input_param { shape { dim: 1 dim: 6 } } }'
    net = net_of(
        text + 'layer { name: "f" type: "InnerProduct" bottom: "d" top: "f" inner_product_param { num_output: 2 } }'
    )
    with pytest.raises(LayerError, match=r'layer "f".*would need 2x7, 2'):
        net.forward({"d": torch.zeros(1, 7)})


def test_the_source_is_named_where_labels_are_wrong(tmp_path: Path) -> None:
    make_lmdb(tmp_path / "db", 6, 8, 5)
    source = f'data_param {{ source: "{tmp_path}/db" backend: LMDB batch_size: 6 }}'
    data = f'layer {{ name: "d" type: "Data" top: "d" top: "l" {source} }}'
    loss = 'layer { name: "s" type: "SoftmaxWithLoss" bottom: "f" bottom: "l" top: "s" }'
    net = net_of(data + CONVOLUTION + loss, TRAIN)
    with pytest.raises(LayerError, match=r"label \d is out of range.*data are from: .*/db"):
        net.forward()
    net.close()


def test_what_memory_data_does_with_transform_param(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Caffe reads the mean when the layer is set up and refuses two means, but transforms no array that it is given."""
    memory = f'type: "MemoryData" top: "d" top: "l" memory_data_param {{ {SIZES} }} transform_param {{ %s }}'
    with pytest.raises(MeanError, match="gone"):
        layer_of(memory % f'mean_file: "{tmp_path}/gone"')
    with pytest.raises(MeanError, match='mean_file "" names no file'):
        layer_of(memory % 'mean_file: ""')
    with pytest.raises(LayerError, match="both mean_file and mean_value"):
        layer_of(memory % f'mean_file: "{tmp_path}/gone" mean_value: 3')
    layer_of(memory % "")
    assert not caplog.records
    layer_of(memory % "scale: 0.5 mirror: true")
    assert "are used as they are; transform_param (scale, mirror) is ignored" in caplog.text
