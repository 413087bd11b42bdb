"""Nets written in Python. tests/oracle/test_pycaffe.py compares them with the real pycaffe's."""

from __future__ import annotations

import pytest

from caffe_io.caffe_pb2 import PoolingParameter
from training.errors import TrainingError
from training.pycaffe.net_spec import NetSpec, layers, params, to_proto


def test_names_bottoms_and_settings() -> None:
    n = NetSpec()
    n.data, n.label = layers.Data(source="train", ntop=2, batch_size=8, include={"phase": 0})
    n.pool = layers.Pooling(n.data, pool=params.Pooling.AVE, kernel_size=3)
    n.conv = layers.Convolution(n.pool, kernel_size=3, param=[{"lr_mult": 1}, {"lr_mult": 2}])
    n["relu"] = layers.ReLU(n.conv, in_place=True)
    net = n.to_proto()
    assert [layer.name for layer in net.layer] == ["data", "pool", "conv", "relu"]
    data, pool, conv, relu = net.layer
    assert (list(data.top), data.data_param.source, data.data_param.batch_size) == (["data", "label"], "train", 8)
    assert len(data.include) == 1
    assert pool.pooling_param.pool == PoolingParameter.AVE
    assert list(conv.convolution_param.kernel_size) == [3]
    assert [spec.lr_mult for spec in conv.param] == [1, 2]
    assert list(relu.bottom) == list(relu.top) == ["conv"]


def test_tops_without_names_are_counted_by_type() -> None:
    first, second = layers.DummyData(), layers.DummyData()
    net = to_proto(layers.Concat(first, second), layers.Silence(first, ntop=0))
    assert [(layer.name, list(layer.top)) for layer in net.layer] == [
        ("DummyData1", ["DummyData1"]),
        ("DummyData2", ["DummyData2"]),
        ("Concat1", ["Concat1"]),
        ("Silence1", []),
    ]


def test_wrong_use() -> None:
    with pytest.raises(TrainingError, match="Convolution: has no setting kernel_sise"):
        to_proto(layers.Convolution(layers.DummyData(), kernel_sise=3))
    with pytest.raises(TrainingError, match="ReLU input 0 is not a Top"):
        layers.ReLU("data")
    with pytest.raises(AttributeError, match="has no setting"):
        to_proto(layers.Convolution(layers.DummyData(), kernel_sise=3))
    with pytest.raises(TypeError, match=r"^Silence input 0 is not a Top \(type is <class 'tuple'>\)$"):
        layers.Silence(layers.DummyData(ntop=2), ntop=0)
    for error in (AttributeError, KeyError):
        with pytest.raises(error, match='the net has no "data"'):
            NetSpec().data  # noqa: B018
        with pytest.raises(error, match='the net has no "data"'):
            NetSpec()["data"]


def test_what_a_top_says_of_its_layer() -> None:
    data, label = layers.Data(ntop=2, batch_size=3)
    conv = layers.Convolution(data, kernel_size=3, in_place=True)
    assert (label.n, label.fn is data.fn, data.fn.type_name, data.fn.ntop) == (1, True, "Data", 2)
    assert (conv.fn.inputs, conv.fn.params, conv.fn.in_place) == ((data,), {"kernel_size": 3}, True)
