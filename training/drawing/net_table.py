"""A net as a table: the shapes, weights and multiply-adds of each layer, and whether it converts and compiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from caffe_io.caffe_pb2 import LayerParameter, NetParameter
from caffe_io.graph import NetGraph, Node, Version
from caffe_io.layer_types import LAYER_TYPES, layer_type
from caffe_io.net_check import check_net
from common.errors import MokaError
from common.messages import shape_text

from ..layers import Context, make_layer
from ..layers.base import Shape


@dataclass
class Row:
    """A layer: the shapes of its tops, None where they are unknown, and the number of weights that are its own."""

    node: Node
    shapes: Sequence[Shape | None]
    weights: int = 0
    multiply_adds: int = 0

    @property
    def layer(self) -> LayerParameter:
        """The layer's parameters."""
        return self.node.layer


@dataclass
class Table:
    """The rows, and notes on what could not be determined."""

    rows: list[Row]
    notes: list[str]

    def text(self) -> str:
        """Format the table for a terminal."""
        lines = [["layer", "type", "tops", "weights", "multiply-adds", "converts", "compiles"]]
        for row in self.rows:
            tops = ", ".join(map(_top_text, row.layer.top, row.shapes))
            counts = [_count_text(row.weights), _count_text(row.multiply_adds)]
            # Every type that converts also compiles; the tests against the original tools show it.
            conversion = _conversion(row.layer.type)
            lines.append([row.layer.name, row.layer.type, tops, *counts, conversion, conversion])
        weights = sum(row.weights for row in self.rows)
        multiply_adds = sum(row.multiply_adds for row in self.rows)
        lines.append(["total", "", "", _count_text(weights), _count_text(multiply_adds), "", ""])
        return "\n".join([*aligned(lines, right={3, 4}), *self.notes])


def make_table(net: NetParameter, path: str, context: Context) -> Table:
    """Make the table of `net`, which has one phase (see `filter_net`).

    A layer that cannot be set up, for example because its data are missing, has no shapes, nor have the layers after it.
    Raises NetError for a net whose blobs do not fit together.
    """
    graph = NetGraph(net)
    check_net(graph, path)
    shapes: dict[Version, Shape | None] = {}
    table = Table([], [])
    shared: set[str] = set()
    for node in graph.nodes:
        row = Row(node, [None] * len(node.layer.top))
        bottoms = [shapes[bottom] for bottom in node.bottoms]
        known = [shape for shape in bottoms if shape is not None]
        if len(known) == len(bottoms):
            try:
                _set_up(row, known, context, shared)
            except MokaError as error:
                table.notes.append(f"unknown: {error}")
        # A loss may have a top that it does not name.
        shapes.update(zip(node.tops, row.shapes, strict=False))
        table.rows.append(row)
    return table


def _conversion(kind: str) -> str:
    """Say whether a layer type converts: "yes", "no", or "left out" if it has no part in inference."""
    row = layer_type(kind)
    if row.predictions:
        return "left out"
    return "yes" if row.converted and kind in LAYER_TYPES else "no"


def _set_up(row: Row, bottoms: list[Shape], context: Context, shared: set[str]) -> None:
    """Fill in a row by setting its layer up. `shared` holds the names of the weights that are counted already."""
    layer = make_layer(row.layer, context)
    layer.only_shapes = True
    row.shapes = layer.set_up(bottoms)[: len(row.layer.top)]
    layer.close()
    specs = list(row.layer.param)
    for index, blob in enumerate(layer.blobs):
        name = specs[index].name if index < len(specs) else ""
        row.weights += 0 if name in shared else blob.numel()
        shared.update({name} if name else ())
    count = layer.layer_type.multiply_adds
    if count:
        tops = [shape for shape in row.shapes if shape is not None]
        row.multiply_adds = count(bottoms, tops, [tuple(blob.shape) for blob in layer.blobs])


def _top_text(name: str, shape: Shape | None) -> str:
    return name if shape is None else f"{name} {shape_text(shape)}"


def _count_text(number: int) -> str:
    return f"{number:,}" if number else "-"


def aligned(lines: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """Pad the cells so that columns are aligned; those of the indices in `right` on the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for line in lines:
        cells = []
        for index, (cell, width) in enumerate(zip(line, widths, strict=True)):
            cells.append(cell.rjust(width) if index in right else cell.ljust(width))
        texts.append("  ".join(cells).rstrip())
    return texts
