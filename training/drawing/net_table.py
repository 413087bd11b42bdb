"""What a net consists of: for each layer its shapes, weights and multiply-adds, and whether it converts and compiles."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from caffe_io.caffe_pb2 import LayerParameter, NetParameter
from caffe_io.graph import NetGraph, Node, Version
from caffe_io.net_check import check_net
from common.errors import MokaError

from ..layers import Context, make_layer
from ..layers.base import Shape

# (shapes of bottoms and tops, weights) -> multiplications with weights, for one item of the batch; other layers: none
MULTIPLY_ADDS: dict[str, Callable[[Sequence[Shape], Sequence[Shape], Sequence[Tensor]], int]] = {
    "Convolution": lambda bottoms, tops, blobs: sum(math.prod(t[1:]) for t in tops) * math.prod(blobs[0].shape[1:]),
    "DepthwiseConvolution": lambda bottoms, tops, blobs: math.prod(tops[0][1:]) * math.prod(blobs[0].shape[1:]),
    "Deconvolution": lambda bottoms, tops, blobs: (
        sum(math.prod(b[1:]) for b in bottoms) * math.prod(blobs[0].shape[1:])
    ),
    "InnerProduct": lambda bottoms, tops, blobs: math.prod(tops[0][1:-1]) * blobs[0].numel(),
}


_CONVERSIONS = Path(__file__).with_name("conversions.json")


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
    """The rows, and what could not be found out and why."""

    rows: list[Row]
    notes: list[str]

    def text(self) -> str:
        """The table for a terminal."""
        known = conversions()
        lines = [["layer", "type", "tops", "weights", "multiply-adds", "converts", "compiles"]]
        for row in self.rows:
            tops = ", ".join(
                name if shape is None else f"{name} {' x '.join(map(str, shape)) or '1'}"
                for name, shape in zip(row.layer.top, row.shapes, strict=True)
            )
            marks = known.get(row.layer.type, ("no", "no"))
            lines.append([row.layer.name, row.layer.type, tops, *map(_count, (row.weights, row.multiply_adds)), *marks])
        total = [_count(sum(row.weights for row in self.rows)), _count(sum(row.multiply_adds for row in self.rows))]
        lines.append(["total", "", "", *total, "", ""])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [
            "  ".join(
                f"{c:>{w}}" if 3 <= i < 5 else f"{c:<{w}}" for i, (c, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]
        return "\n".join([*(line.rstrip() for line in text), *self.notes])


def make_table(net: NetParameter, path: str, context: Context) -> Table:
    """The table of `net` (of one phase, from `filter_net`). Layers that cannot be set up, such as those whose data are not
    there, and what lies below them, have no shapes. Raises NetError for a net whose blobs do not fit together."""
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
                table.notes.append(f"not known: {error}")
        shapes.update(zip(node.tops, row.shapes, strict=False))  # a loss may have a top that it does not name
        table.rows.append(row)
    return table


def conversions() -> dict[str, tuple[str, str]]:
    """Layer type -> whether it converts to OpenVINO, and compiles for Myriad X: "yes", "no", or "left out" (it has no part in
    inference). Other types do neither. tools/layer_table.py writes the file from what the tests against the originals saw;
    it speaks of types: single settings may be refused all the same."""
    found: dict[str, list[str]] = json.loads(_CONVERSIONS.read_text("utf-8"))
    return {kind: (converts, compiles) for kind, (converts, compiles) in found.items()}


def _set_up(row: Row, bottoms: list[Shape], context: Context, shared: set[str]) -> None:
    layer = make_layer(row.layer, context)
    layer.only_shapes = True
    row.shapes = layer.setup(bottoms)[: len(row.layer.top)]
    layer.close()
    specs = list(row.layer.param)
    for index, blob in enumerate(layer.blobs):
        name = specs[index].name if index < len(specs) else ""
        row.weights += 0 if name in shared else blob.numel()
        shared.update({name} if name else ())
    if row.layer.type in MULTIPLY_ADDS:
        tops = [shape for shape in row.shapes if shape is not None]
        row.multiply_adds = MULTIPLY_ADDS[row.layer.type](bottoms, tops, layer.blobs)


def _count(number: int) -> str:
    return f"{number:,}" if number else "-"
