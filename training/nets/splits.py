"""Inserts the Split layers that Caffe inserts into a net, under Caffe's names."""

from __future__ import annotations

from caffe_io.caffe_pb2 import LayerParameter, NetParameter
from caffe_io.graph import NetGraph, Port, Version


def insert_splits(net: NetParameter) -> NetParameter:
    """Return a copy of `net`, which is of one phase, in which each blob has one consumer.

    A blob with several consumers goes into a Split, which makes a copy for each. A loss_weight counts as a consumer: it moves
    to the first copy.
    """
    result = NetParameter()
    result.CopyFrom(net)
    result.ClearField("layer")
    for node in NetGraph(net).nodes:
        layer = result.layer.add()
        layer.CopyFrom(node.layer)
        for number, version in enumerate(node.bottoms):
            if version.producer is not None and version.is_split:
                copy = version.consumers.index(Port(node, number)) + bool(version.loss_weight)
                layer.bottom[number] = version.split_name(copy)
        split = [top for top in node.tops if top.is_split]
        if any(top.loss_weight for top in split):
            layer.ClearField("loss_weight")
        result.layer.extend(_split_layer(top) for top in split)
    return result


def _split_layer(version: Version) -> LayerParameter:
    count = len(version.consumers) + bool(version.loss_weight)
    tops = [version.split_name(copy) for copy in range(count)]
    # Caffe's name of the layer is that of its tops without their number.
    layer = LayerParameter(name=tops[0].rpartition("_")[0], type="Split", bottom=[version.name], top=tops)
    if version.loss_weight:
        layer.loss_weight.extend([version.loss_weight, *[0.0] * (count - 1)])
    return layer
