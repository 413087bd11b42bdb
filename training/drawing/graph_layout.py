"""Lays out a directed acyclic graph: rows from top to bottom, few crossings, straight lines.

After Sugiyama, Tagawa and Toda 1981. A box's row depends on the longest path to it, its order within the row on the barycentre
of its neighbours, and its column is as near to theirs as the boxes' widths allow.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

_SWEEPS = 12
_MAX_SHIFTS = 200
# A shift that moves no box farther than this is the last one.
_STILL = 0.05
# The weight with which a box is drawn to the middle. A line draws it with 1 or more.
_CENTRE_WEIGHT = 1.0
# Between neighbours in a row.
_GAP = 28.0
# The width of a line that passes a row.
_BEND_WIDTH = 6.0


@dataclass
class Node:
    """A box, or a bend, where a long line passes a row. A bend has width 0; `x` is that of the middle.

    `above` and `below` hold the indices of the neighbours in the rows next to it.
    """

    width: float
    row: int = 0
    x: float = 0.0
    above: list[int] = field(default_factory=list)
    below: list[int] = field(default_factory=list)


@dataclass
class Layout:
    """The nodes, first the boxes in the order given, then the bends; and for each edge its path: the nodes from end to end."""

    nodes: list[Node]
    paths: list[list[int]]


def lay_out(widths: Sequence[float], edges: Sequence[tuple[int, int]]) -> Layout:
    """Place boxes of these widths. Each edge goes from an earlier box to a later one."""
    if not widths:
        return Layout([], [])
    nodes = [Node(width) for width in widths]
    _choose_rows(nodes, edges)
    layout = Layout(nodes, [_add_path(nodes, start, end) for start, end in edges])
    rows: list[list[int]] = [[] for _ in range(1 + max((node.row for node in nodes), default=0))]
    for index, node in enumerate(nodes):
        rows[node.row].append(index)
    for sweep in range(_SWEEPS):
        _sort_rows(nodes, rows, down=sweep % 2 == 0)
    for sweep in range(_MAX_SHIFTS):
        if _shift_rows(nodes, rows, down=sweep % 2 == 0) < _STILL:
            break
    left = min((node.x - node.width / 2 for node in nodes), default=0.0)
    for node in nodes:
        node.x -= left
    return layout


def _choose_rows(nodes: list[Node], edges: Sequence[tuple[int, int]]) -> None:
    """Put each box below its producers. A box without producers goes as far down as it can."""
    for start, end in sorted(edges, key=lambda edge: edge[1]):
        nodes[end].row = max(nodes[end].row, nodes[start].row + 1)
    with_producers = {end for _, end in edges}
    for index, node in enumerate(nodes):
        if index in with_producers:
            continue
        consumer_rows = [nodes[end].row for start, end in edges if start == index]
        if consumer_rows:
            node.row = min(consumer_rows) - 1


def _add_path(nodes: list[Node], start: int, end: int) -> list[int]:
    """Add a bend in each row between two boxes, connect them all, and return the path."""
    path = [start]
    for row in range(nodes[start].row + 1, nodes[end].row):
        nodes.append(Node(0.0, row))
        path.append(len(nodes) - 1)
    path.append(end)
    for upper, lower in itertools.pairwise(path):
        nodes[upper].below.append(lower)
        nodes[lower].above.append(upper)
    return path


def _sort_rows(nodes: list[Node], rows: list[list[int]], down: bool) -> None:
    """Sort each row by the mean position of the neighbours above (or, not `down`, below)."""
    places = {index: place for row in rows for place, index in enumerate(row)}
    for row in rows if down else reversed(rows):

        def barycentre(index: int, places: dict[int, int] = places) -> float:
            neighbours = nodes[index].above if down else nodes[index].below
            return sum(places[n] for n in neighbours) / len(neighbours) if neighbours else places[index]

        row.sort(key=barycentre)
        places.update((index, place) for place, index in enumerate(row))


def _shift_rows(nodes: list[Node], rows: list[list[int]], down: bool) -> float:
    """Move every box as near to its neighbours and to the middle as the others allow; return the longest distance moved."""
    longest = 0.0
    for row in rows if down else reversed(rows):
        targets: list[float] = []
        weights: list[float] = []
        for index in row:
            node = nodes[index]
            pulls = [(nodes[n].x, _line_weight(nodes, n, index)) for n in node.above]
            pulls += [(nodes[n].x, _line_weight(nodes, index, n)) for n in node.below]
            weights.append(sum(weight for _, weight in pulls) + (_CENTRE_WEIGHT if node.width else 0.0))
            targets.append(sum(x * weight for x, weight in pulls) / weights[-1])
        widths = [nodes[index].width or _BEND_WIDTH for index in row]
        for index, x in zip(row, _separate(targets, weights, widths), strict=True):
            longest = max(longest, abs(x - nodes[index].x))
            nodes[index].x = x
    return longest


def _line_weight(nodes: list[Node], upper: int, lower: int) -> float:
    """Return how much a line should be straight: most between two bends, then if it is the only one at both ends."""
    if not nodes[upper].width and not nodes[lower].width:
        return 12.0
    return 3.0 if len(nodes[upper].below) == 1 and len(nodes[lower].above) == 1 else 1.0


def _separate(targets: Sequence[float], weights: Sequence[float], widths: Sequence[float]) -> list[float]:
    """Return the positions nearest to the targets (weighted least squares) at which neighbours keep their distance."""
    offsets = [0.0]
    for left, right in itertools.pairwise(widths):
        offsets.append(offsets[-1] + (left + right) / 2 + _GAP)
    # Neighbours that touch move together as a block: (position, weight, number of boxes), without their offsets.
    blocks: list[tuple[float, float, int]] = []
    for target, weight, offset in zip(targets, weights, offsets, strict=True):
        position, total, size = target - offset, weight, 1
        while blocks and blocks[-1][0] > position:
            left_position, left_total, left_size = blocks.pop()
            position = (position * total + left_position * left_total) / (total + left_total)
            total += left_total
            size += left_size
        blocks.append((position, total, size))
    positions = [position for position, _, size in blocks for _ in range(size)]
    return [position + offset for position, offset in zip(positions, offsets, strict=True)]
