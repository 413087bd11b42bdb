"""Nets of nothing but wires, for tests of who produces and who consumes which blob."""

from __future__ import annotations

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.graph import NetGraph


def wired_net(*layers: str) -> NetParameter:
    """A net of Python layers, each written "name: bottom bottom > top top"; a loss weight as "top*0.5".

    Another type stands before the name: "EuclideanLoss name: ...".
    """
    net = NetParameter()
    for text in layers:
        head, wires = text.split(":")
        kind, _, name = head.rpartition(" ")
        bottoms, tops = wires.split(">")
        layer = net.layer.add(name=name, type=kind or "Python", bottom=bottoms.split())
        for top in tops.split():
            blob, _, weight = top.partition("*")
            layer.top.append(blob)
            if weight:
                layer.loss_weight.append(float(weight))
    return net


def wired_graph(*layers: str) -> NetGraph:
    """The graph of such a net."""
    return NetGraph(wired_net(*layers))
