"""The outputs that --output names, and the part of a net that they need."""

from __future__ import annotations

from collections.abc import Sequence

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.graph import NetGraph, Node, Version
from common.messages import known_names

from .errors import ConversionError


def find_outputs(graph: NetGraph, names: Sequence[str], net_file: str, option: str = "--output") -> list[Version]:
    """Return the tops of the layers that are called `names`, or the blobs if no layer is.

    Raises ConversionError for an unknown name, and for two outputs of one name.
    """
    layers = {node.layer.name: node for node in graph.nodes}
    found: list[Version] = []
    for name in names:
        if name in layers:
            versions = layers[name].tops
        elif name in graph.blobs:
            versions = [graph.blobs[name]]
        else:
            raise ConversionError(
                f"{net_file}: {option} {name}: the net has no layer and no blob of that name. {known_names(name, layers)}"
            )
        for version in versions:
            if version in found:
                continue
            if any(version.name == other.name for other in found):
                raise ConversionError(
                    f'{net_file}: {option} {",".join(names)}: several layers write the blob "{version.name}", '
                    "which can be one output only. Name one of them."
                )
            found.append(version)
    return found


def needed_nodes(graph: NetGraph, outputs: Sequence[Version]) -> list[Node]:
    """Return the nodes that `outputs` depend on, in the order of the net."""
    needed: set[int] = set()
    queue = list(outputs)
    while queue:
        producer = queue.pop().producer
        if producer is not None and producer.node.index not in needed:
            needed.add(producer.node.index)
            queue.extend(producer.node.bottoms)
    return [node for node in graph.nodes if node.index in needed]


def cut_net(net: NetParameter, names: Sequence[str], net_file: str) -> NetParameter:
    """Return a copy of `net` with the layers that the outputs `names` need. Raises what `find_outputs` does."""
    graph = NetGraph(net)
    needed = needed_nodes(graph, find_outputs(graph, names, net_file))
    cut = NetParameter()
    cut.CopyFrom(net)
    cut.ClearField("layer")
    cut.layer.extend(node.layer for node in needed)
    return cut
