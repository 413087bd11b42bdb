"""The batch of a net: how many pictures it takes at once, and whether it may take another number of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import NetParameter
from caffe_io.graph import NetGraph, Node
from common.messages import shape_text

from ..converter import BlobShapes, blob_shapes
from ..errors import ConversionError
from .shapes import Shape, input_shapes, pictures, with_shapes

Weights = Mapping[str, Sequence[Array]]


@dataclass(frozen=True)
class Batched:
    """A net for `batch` pictures, and a sentence about it if the prototxt says another number, or several."""

    net: NetParameter
    batch: int
    note: str = ""


def batch_of(shapes: Mapping[str, Shape]) -> int:
    """Return the batch of a net: the first size of its first picture, or else of its first input of several axes."""
    names = pictures(shapes) or [name for name, dims in shapes.items() if len(dims) > 1]
    return shapes[names[0]][0] if names else 1


def for_one_picture(
    net: NetParameter, weights: Weights, net_file: str, weights_file: str, outputs: Sequence[str] = ()
) -> Batched:
    """Give the net a batch of 1 if the prototxt has another one on which no layer depends. Otherwise keep it."""
    batch = batch_of(input_shapes(net, net_file))
    if batch == 1:
        return Batched(net, 1)
    shapes = blob_shapes(net, weights, net_file, weights_file, outputs)
    naming = [node.layer.name for node in NetGraph(net).nodes if _names_batch(node, batch, shapes)]
    if naming:
        obstacle = f'its layer "{naming[0]}" (Reshape) names it'
        return Batched(net, batch, f"as in the prototxt: {obstacle}. --batch 1 compiles the net for one picture")
    single = _rebatched(net, batch, 1, shapes)
    try:
        obstacle = _obstacle(single, batch, 1, shapes, blob_shapes(single, weights, net_file, weights_file, outputs))
    except ConversionError as error:
        obstacle = str(error)
    if obstacle:
        return Batched(net, batch, f"as in the prototxt, because one picture alone gives something else: {obstacle}")
    return Batched(single, 1, f"the prototxt says {batch}, on which no layer depends; --batch {batch} keeps it")


def for_batch(
    net: NetParameter, batch: int, weights: Weights, net_file: str, weights_file: str, outputs: Sequence[str] = ()
) -> Batched:
    """Give the net another batch. A Reshape that names the old one is adapted.

    Raises ConversionError if another layer depends on the old batch, because it would compute something else.
    """
    old = batch_of(input_shapes(net, net_file))
    if old == batch:
        return Batched(net, batch)
    shapes = blob_shapes(net, weights, net_file, weights_file, outputs)
    changed = _rebatched(net, old, batch, shapes)
    hint = f"{net_file}: is written for a batch of {old}, and cannot take {batch}: "
    again = f"Compile it with --batch {old}, or correct the layer."
    try:
        obstacle = _obstacle(
            changed, old, batch, shapes, blob_shapes(changed, weights, net_file, weights_file, outputs)
        )
    except ConversionError as error:
        raise ConversionError(f"{hint}{error} {again}") from error
    if obstacle:
        raise ConversionError(f"{hint}{obstacle} {again}")
    return Batched(changed, batch, f"the prototxt says {old}")


def _rebatched(net: NetParameter, old: int, batch: int, shapes: BlobShapes) -> NetParameter:
    """Change the batch of each input that has the old one, and of each Reshape that names it.

    `shapes` are those with the old batch; without them no Reshape is changed.
    """
    inputs = {name: (batch, *dims[1:]) if dims[0] == old else dims for name, dims in input_shapes(net).items()}
    changed = with_shapes(net, inputs)
    for node in NetGraph(changed).nodes:
        if node.index in shapes and _names_batch(node, old, shapes):
            node.layer.reshape_param.shape.dim[0] = batch
    return changed


def _names_batch(node: Node, batch: int, shapes: BlobShapes) -> bool:
    """Whether a Reshape gives its top the batch by its number, where 0 would keep the bottom's."""
    if node.layer.type != "Reshape":
        return False
    param = node.layer.reshape_param
    producer = node.bottoms[0].producer
    if producer is None or producer.node.index not in shapes:
        return False
    bottom = shapes[producer.node.index][producer.number]
    starts = param.axis in (0, -len(bottom) - 1)
    return starts and list(param.shape.dim[:1]) == [batch] and bottom[:1] == (batch,)


def _obstacle(net: NetParameter, old: int, batch: int, before: BlobShapes, after: BlobShapes) -> str:
    """Return a sentence about the first layer that would compute something else with another batch; "" if none does.

    A blob that depends on the inputs must have `batch` rows where it had `old`, and the same size otherwise.
    """
    graph = NetGraph(net)
    batched: set[object] = set()
    for node in graph.nodes:
        if node.index not in before:
            continue
        from_batch = any(version in batched for version in node.bottoms)
        for number, version in enumerate(node.tops):
            one, other = before[node.index][number], after[node.index][number]
            if node.layer.type == "DetectionOutput" or (node.layer.type.startswith("PriorBox") and one == other):
                # The one has the rows of all pictures one after another; the other depends on the sizes of pictures alone.
                continue
            named = f'layer "{node.layer.name}" ({node.layer.type})'
            if from_batch or (node.layer.type == "Input" and one != other):
                batched.add(version)
                if one[1:] != other[1:] or not one or one[0] * batch != other[0] * old:
                    return (
                        f'{named} depends on the batch: its top "{version.name}" is {shape_text(one)} with a batch of {old}, '
                        f"and {shape_text(other)} with {batch}."
                    )
            elif one != other:
                return f'{named} depends on the batch: its top "{version.name}" changes its size.'
        if from_batch and node.layer.type == "Softmax":
            axes = len(before[node.index][0])
            if node.layer.softmax_param.axis % axes == 0:
                return f"{named} depends on the batch: it adds up over axis 0, the pictures of a batch."
    return ""
