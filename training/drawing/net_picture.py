"""Draws a net as an SVG picture: a box for each blob's producer and the layers that work in place on it, and lines between."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from caffe_io.graph import Version
from caffe_io.windows import kernel_and_stride

from .graph_layout import Layout, lay_out
from .net_table import Row, Table

# Sizes are in pixels.
FONT_SIZE = 12.0
LINE_HEIGHT = 17.0
_LETTER_WIDTH = 6.6
PADDING = 9.0
ROW_GAP = 26.0
MARGIN = 20.0

COLOURS = {
    "data": ("#eceff1", "#78909c"),
    "weights": ("#e3f2fd", "#1e88e5"),
    "pool": ("#e8f5e9", "#43a047"),
    "norm": ("#fff8e1", "#f9a825"),
    "loss": ("#ffebee", "#e53935"),
    "other": ("#ffffff", "#8d8d8d"),
}
"""A layer's purpose -> fill and edge of its box."""
# A layer has the first purpose of which a word is in its type.
_PURPOSES = {
    "data": ("Data", "Input", "Parameter"),
    "weights": ("Convolution", "Deconvolution", "InnerProduct", "Embed", "Bias"),
    "pool": ("Pooling", "SPP"),
    "norm": ("LRN", "BatchNorm", "MVN", "Scale", "Dropout"),
    "loss": ("Loss", "Accuracy", "ArgMax"),
}


class Box:
    """A layer and those that work in place on its top."""

    def __init__(self, first: Row) -> None:
        self.rows = [first]

    def lines(self) -> list[tuple[str, str]]:
        """Return the lines of text with their styles, from top to bottom."""
        first = self.rows[0]
        lines = [(f"{first.layer.name}", "name"), (_details(first), "type")]
        lines += [(f"{row.layer.name}  {row.layer.type}", "inplace") for row in self.rows[1:]]
        sizes = [" × ".join(map(str, shape)) or "1" for shape in first.shapes if shape is not None]
        return lines + [(size, "shape") for size in dict.fromkeys(sizes)]

    @property
    def width(self) -> float:
        """The width in pixels, from the longest line."""
        return max(90.0, 2 * PADDING + _LETTER_WIDTH * max(len(text) for text, _ in self.lines()))

    @property
    def height(self) -> float:
        """The height in pixels."""
        return 2 * PADDING - 4 + LINE_HEIGHT * len(self.lines())


def draw(table: Table, title: str) -> str:
    """Return the picture as SVG text."""
    boxes, edges = make_boxes(table.rows)
    layout = lay_out([box.width for box in boxes], edges)
    tops = row_tops(boxes, layout)
    width = max((node.x + node.width / 2 for node in layout.nodes), default=0.0) + 2 * MARGIN
    height = tops[-1] + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-MARGIN:.0f} 0 {width:.0f} {height:.0f}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="{FONT_SIZE:.0f}">',
        f"<title>{escape(title)}</title>",
        "<style>text { text-anchor: middle; fill: #212121 } .name { font-weight: bold } .shape, .inplace { fill: #616161 } "
        "path { fill: none; stroke: #9e9e9e; stroke-width: 1.3 }</style>",
        f'<rect x="{-MARGIN:.0f}" width="{width:.0f}" height="{height:.0f}" fill="white"/>',
        f'<text x="{width / 2 - MARGIN:.0f}" y="{MARGIN + 4:.0f}" font-size="16">{escape(title)}</text>',
    ]
    parts += [_draw_line(path, boxes, layout, tops) for path in layout.paths]
    parts += [_draw_box(box, node.x, tops[node.row]) for box, node in zip(boxes, layout.nodes, strict=False)]
    return "\n".join([*parts, "</svg>\n"])


def make_boxes(rows: Sequence[Row]) -> tuple[list[Box], list[tuple[int, int]]]:
    """Return the boxes, and the pairs of boxes between which a line goes."""
    boxes: list[Box] = []
    edges: dict[tuple[int, int], None] = {}
    box_of: dict[Version, int] = {}
    for row in rows:
        node = row.node
        if node.in_place and len(node.bottoms) == len(node.tops) == 1 and node.bottoms[0] in box_of:
            box = box_of[node.bottoms[0]]
            boxes[box].rows.append(row)
        else:
            box = len(boxes)
            boxes.append(Box(row))
            # A net of several phases may read a blob that no layer above produces.
            edges.update({(box_of[bottom], box): None for bottom in node.bottoms if bottom in box_of})
        box_of.update(dict.fromkeys(node.tops, box))
    return boxes, list(edges)


def row_tops(boxes: Sequence[Box], layout: Layout) -> list[float]:
    """Return where each row begins, and where the last one ends."""
    heights = [0.0] * (1 + max((node.row for node in layout.nodes), default=0))
    for box, node in zip(boxes, layout.nodes, strict=False):
        heights[node.row] = max(heights[node.row], box.height)
    tops = [2.5 * MARGIN]
    for height in heights:
        tops.append(tops[-1] + height + ROW_GAP)
    tops[-1] -= ROW_GAP
    return tops


def _draw_line(path: Sequence[int], boxes: Sequence[Box], layout: Layout, tops: Sequence[float]) -> str:
    """Return a line from the bottom of the first box, with a curve in the gap before each row, and an arrow at the last box."""
    start, *others = (layout.nodes[index] for index in path)
    x, y = start.x, tops[start.row] + boxes[path[0]].height
    curve = f"M{x:.1f},{y:.1f}"
    for node in others:
        top = tops[node.row]
        gap = top - ROW_GAP
        middle = gap + ROW_GAP / 2
        if gap > y + 1:
            curve += f" V{gap:.1f}"
        curve += f" C{x:.1f},{middle:.1f} {node.x:.1f},{middle:.1f} {node.x:.1f},{top:.1f}"
        x, y = node.x, top
    return f'<path d="{curve}"/><path d="M{x - 4:.1f},{y - 6:.1f} L{x:.1f},{y:.1f} L{x + 4:.1f},{y - 6:.1f}"/>'


def _draw_box(box: Box, x: float, top: float) -> str:
    """Return a box with its lines, whose tooltip has the numbers of weights; `x` is its middle."""
    fill, edge = COLOURS[purpose_of(box.rows[0].layer.type)]
    tip = "\n".join(f"{row.layer.name}: {row.layer.type}, {row.weights:,} weights" for row in box.rows)
    parts = [
        f'<g><title>{escape(tip)}</title><rect x="{x - box.width / 2:.1f}" y="{top:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="5" fill={quoteattr(fill)} stroke={quoteattr(edge)}/>'
    ]
    y = top + PADDING + FONT_SIZE - 4
    for text, style in box.lines():
        parts.append(f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>')
        y += LINE_HEIGHT
    return "".join([*parts, "</g>"])


def purpose_of(layer_type: str) -> str:
    """Return the purpose of a layer type, a key of COLOURS."""
    for purpose, words in _PURPOSES.items():
        if any(word in layer_type for word in words):
            return purpose
    return "other"


def _details(row: Row) -> str:
    """Describe the type, and for windows their kernel and stride: Convolution 3×3 /2."""
    layer = row.layer
    text = layer.type
    if layer.type == "Pooling":
        pooling = layer.pooling_param
        text += f" {pooling.PoolMethod.Name(pooling.pool)}"
        if pooling.global_pooling:
            return f"{text} global"
    window = kernel_and_stride(layer)
    if window is None:
        return text
    kernel, stride = window
    text += f" {kernel[0]}×{kernel[1]}"
    if stride == (1, 1):
        return text
    return f"{text} /{stride[0]}" if stride[0] == stride[1] else f"{text} /{stride[0]}×{stride[1]}"
