"""Nets for tests of the graph: nothing but wires, or a small one that branches and joins again."""

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


BRANCHED_NET = """
layer { name: "in" type: "Input" top: "data" top: "label" input_param { shape { dim: 4 dim: 2 dim: 6 dim: 6 } shape { dim: 4 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "prelu" type: "PReLU" bottom: "conv" top: "conv" }
layer { name: "a" type: "Sigmoid" bottom: "conv" top: "a" }
layer { name: "b" type: "TanH" bottom: "conv" top: "b" }
layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "sum" }
layer { name: "fc" type: "InnerProduct" bottom: "sum" top: "fc"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" loss_weight: 2 }
"""
"""A layer in place, two branches that an Eltwise joins, and a loss with a weight. Takes data of 4x2x6x6 and 4 labels."""
