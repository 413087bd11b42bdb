"""Cuts a net in two for --cut: what the device computes, and the steps that this machine does afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.graph import NetGraph, Node, Version
from caffe_io.layer_types import layer_type
from common.messages import known_names

from ..converter import blob_shapes
from ..cutting import find_outputs, needed_nodes
from ..errors import ConversionError
from ..inputs.shapes import Shape
from ..outputs import Outputs, for_one, model_outputs
from .layers import EXTRA_BOTTOMS, HOST_LAYERS, HostLayer

if TYPE_CHECKING:
    from openvino import Model

    from common.cards.host import HostStep

    from ..inputs.batch import Weights


@dataclass(frozen=True)
class HostPart:
    """The layers that this machine computes, in order; what the device has to give, and whose sizes alone count.

    The last two are names as --output takes them.
    """

    nodes: Sequence[Node]
    device_outputs: tuple[str, ...]
    sized: tuple[str, ...]
    net_file: str


def split(net: NetParameter, cut: Sequence[str], outputs: Sequence[str], net_file: str) -> HostPart:
    """Find what follows the blobs `cut` on the way to `outputs` (by default all of the net's).

    PriorBox layers that only the host reads are there too: they depend on sizes alone. Raises ConversionError if nothing
    follows, if a layer is none that this machine computes, or if the rest needs an input.
    """
    graph = NetGraph(net)
    ends = find_outputs(graph, outputs, net_file) if outputs else _predictions(graph)
    after = _after(graph, find_outputs(graph, cut, net_file, "--cut"))
    needed = needed_nodes(graph, ends)
    fixed = _fixed(graph)
    host = [node for node in needed if node.index in after]
    if not host:
        raise ConversionError(
            f"{net_file}: --cut {','.join(cut)}: no layer that the outputs need follows. --output ends a net there for good."
        )
    read = needed_nodes(graph, [bottom for node in host for bottom in _bottoms(node)])
    host_only = {node.index for node in host} | {node.index for node in read if node.index in fixed}
    nodes = [node for node in graph.nodes if node.index in host_only]
    device: list[Version] = []
    sized: list[Version] = []
    for node in nodes:
        if node.layer.type not in HOST_LAYERS:
            raise HostLayer(node.layer, net_file).error(
                f"follows --cut {','.join(cut)}, but this machine has no step for it. Cut after it. "
                f"{known_names(node.layer.type, HOST_LAYERS)}"
            )
        from_device = [bottom for bottom in _bottoms(node) if not _made_by(bottom, host_only)]
        (sized if node.layer.type.startswith("PriorBox") else device).extend(from_device)
    device += [end for end in ends if not _made_by(end, host_only)]
    for version in device:
        if version.producer is None or version.producer.node.layer.type == "Input":
            raise ConversionError(
                f'{net_file}: --cut {",".join(cut)}: the rest needs the input "{version.name}" itself, which a device does not '
                "give back. Cut further down."
            )
    names = [tuple(dict.fromkeys(_name(graph, version, net_file) for version in each)) for each in (device, sized)]
    return HostPart(nodes, names[0], names[1], net_file)


def host_steps(part: HostPart, shapes: Mapping[str, Shape]) -> tuple[list[HostStep], dict[str, Shape]]:
    """Return the steps of the card, and the shapes of the blobs that they make.

    `shapes` are those of the device's outputs and of the blobs whose sizes count. They are found by running the steps on zeros.
    """
    from pydantic import TypeAdapter

    from common.cards.host import HostStep
    from host.kinds import KINDS

    adapter: TypeAdapter[HostStep] = TypeAdapter(HostStep)
    known = dict(shapes)
    steps: list[HostStep] = []
    made: dict[str, Shape] = {}
    for node in part.nodes:
        layer = HostLayer(node.layer, part.net_file)
        names = [version.name for version in _bottoms(node)]
        settings = HOST_LAYERS[node.layer.type](layer, [known[name] for name in names])
        inputs = [] if node.layer.type.startswith("PriorBox") else names
        step = adapter.validate_python({**settings, "inputs": inputs, "output": node.layer.top[0]})
        try:
            top = KINDS[step.kind](step, [np.zeros(known[name], np.float32) for name in inputs])
        except ValueError as error:
            raise layer.error(f"its bottoms do not fit together: {error}.") from error
        known[step.output] = made[step.output] = top.shape
        steps.append(step)
    return steps, made


def finished(part: HostPart, model: Model, sized: Mapping[str, Shape], batch: int) -> tuple[list[HostStep], Outputs]:
    """Return the steps after `model`, and what comes out after them. `sized` are the shapes of the blobs `part.sized`."""
    before = model_outputs(model, batch)
    shapes = {output.get_any_name(): tuple(output.get_shape()) for output in model.outputs}
    steps, made = host_steps(part, {**sized, **shapes})
    read = {blob for step in steps for blob in step.inputs}
    after = {**before.shapes, **{blob: for_one(shape, batch) for blob, shape in made.items()}}
    last = {step.output: step for step in steps if step.output not in read}
    return steps, Outputs(
        {blob: shape for blob, shape in after.items() if blob not in read},
        before.softmax - read | {blob for blob, step in last.items() if step.kind == "softmax"},
        {blob: step.classes for blob, step in last.items() if step.kind == "detection_output"}
        | {blob: step.classes + 1 for blob, step in last.items() if step.kind == "yolo_output"}
        | {blob: count for blob, count in before.detections.items() if blob not in read},
    )


def blobs_by_name(
    net: NetParameter, weights: Weights, net_file: str, weights_file: str, names: Sequence[str]
) -> dict[str, Shape]:
    """Return the shapes of the blobs that --output would find by these names; `net` is filtered."""
    if not names:
        return {}
    shapes = blob_shapes(net, weights, net_file, weights_file, names)
    found = {}
    for version in find_outputs(NetGraph(net), names, net_file):
        assert version.producer is not None
        found[version.name] = shapes[version.producer.node.index][version.producer.number]
    return found


def _bottoms(node: Node) -> list[Version]:
    return node.bottoms[: EXTRA_BOTTOMS.get(node.layer.type, len(node.bottoms))]


def _made_by(version: Version, nodes: set[int]) -> bool:
    return version.producer is not None and version.producer.node.index in nodes


def _predictions(graph: NetGraph) -> list[Version]:
    """Return the net's outputs, without those of layers that judge predictions."""
    return [
        version
        for version in graph.outputs()
        if version.producer is not None
        and not layer_type(version.producer.node.layer.type).predictions
        and version.producer.node.layer.type != "Input"
    ]


def _after(graph: NetGraph, versions: Sequence[Version]) -> set[int]:
    """Return the indices of the nodes that depend on `versions`."""
    reached = set(versions)
    found = set()
    for node in graph.nodes:
        if reached.intersection(_bottoms(node)):
            found.add(node.index)
            reached.update(node.tops)
    return found


def _fixed(graph: NetGraph) -> set[int]:
    """Return the indices of the nodes that depend on sizes alone: PriorBox layers, and what is computed of these only."""
    found: set[int] = set()
    for node in graph.nodes:
        if node.layer.type.startswith("PriorBox") or (
            node.bottoms and all(_made_by(each, found) for each in node.bottoms)
        ):
            found.add(node.index)
    return found


def _name(graph: NetGraph, version: Version, net_file: str) -> str:
    """Return the name by which --output finds a version: that of its blob, or that of the layer that makes it."""
    assert version.producer is not None
    for name in (version.name, version.producer.node.layer.name):
        if find_outputs(graph, [name], net_file) == [version]:
            return name
    raise ConversionError(
        f'{net_file}: --cut: layers in place change the blob "{version.name}" later, and the rest needs it as it was before. '
        "Give one of them a top of its own."
    )
