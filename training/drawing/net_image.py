"""Draws nets for scripts, without knowing shapes: as SVG, or in a format of matplotlib such as PNG or PDF."""

from __future__ import annotations

import io
from typing import Any

from caffe_io.caffe_pb2 import NetParameter, Phase
from caffe_io.graph import NetGraph
from caffe_io.net_state import filter_net
from caffe_io.text.upgrade import upgrade_net

from .graph_layout import lay_out
from .net_picture import (
    COLOURS,
    FONT_SIZE,
    LINE_HEIGHT,
    MARGIN,
    PADDING,
    ROW_GAP,
    draw,
    make_boxes,
    purpose_of,
    row_tops,
)
from .net_table import Row, Table

# Pixels of the picture for an inch of matplotlib, which limits a side to 2^16 pixels.
_DPI = 100
_LONGEST_SIDE = 30000.0


def draw_net_image(net: NetParameter, image_format: str, phase: Phase.ValueType | None = None) -> bytes:
    """Return a picture of the net's layers, or of those of one phase.

    Raises ValueError if matplotlib does not know the format.
    """
    current = NetParameter()
    current.CopyFrom(net)
    upgrade_net(current, net.name or "net")
    if phase is not None:
        current = filter_net(current, phase)
    rows = [Row(node, [None] * len(node.tops)) for node in NetGraph(current).nodes]
    if image_format == "svg":
        return draw(Table(rows, []), net.name or "Net").encode()
    return _raster(rows, net.name or "Net", image_format)


def _raster(rows: list[Row], title: str, image_format: str) -> bytes:
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    boxes, edges = make_boxes(rows)
    layout = lay_out([box.width for box in boxes], edges)
    tops = row_tops(boxes, layout)
    width = max((node.x + node.width / 2 for node in layout.nodes), default=0.0) + 2 * MARGIN
    height = tops[-1] + MARGIN
    scale = min(1.0, _LONGEST_SIDE / max(width, height))
    figure = Figure(figsize=(width * scale / _DPI, height * scale / _DPI), dpi=_DPI)
    # Coordinates are those of the SVG: pixels, from the top left.
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-MARGIN, width - MARGIN), ylim=(height, 0))
    axes.set_axis_off()
    # Points are 1/72 of an inch.
    points = FONT_SIZE * scale * 72 / _DPI
    text: dict[str, Any] = {"ha": "center", "va": "baseline", "fontsize": points, "parse_math": False}
    axes.text(width / 2 - MARGIN, MARGIN + 4, title, **text)
    for path in layout.paths:
        nodes = [layout.nodes[index] for index in path]
        x, y = [nodes[0].x], [tops[nodes[0].row] + boxes[path[0]].height]
        for node in nodes[1:]:
            x += [x[-1], node.x]
            y += [tops[node.row] - ROW_GAP, tops[node.row]]
        axes.plot(x, y, color="#9e9e9e", linewidth=scale)
    for box, node in zip(boxes, layout.nodes, strict=False):
        fill, edge = COLOURS[purpose_of(box.rows[0].layer.type)]
        corner = (node.x - box.width / 2, tops[node.row])
        axes.add_patch(
            FancyBboxPatch(corner, box.width, box.height, boxstyle="square,pad=0", fc=fill, ec=edge, lw=scale, zorder=2)
        )
        y_text = tops[node.row] + PADDING + FONT_SIZE - 4
        for line, style in box.lines():
            weight = "bold" if style == "name" else "normal"
            axes.text(node.x, y_text, line, fontweight=weight, zorder=3, **text)
            y_text += LINE_HEIGHT
    result = io.BytesIO()
    figure.savefig(result, format=image_format)
    return result.getvalue()
