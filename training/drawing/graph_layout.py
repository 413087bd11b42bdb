"""Where to put the boxes of a directed graph without cycles: rows from top to bottom, few crossings, straight lines.

After Sugiyama, Tagawa and Toda 1981: rows by the longest path, an order within each row by barycentres, and columns as
near to the neighbours as the boxes' widths allow.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

_SWEEPS = 12
_MOST_SHIFTS = 200
_TO_MIDDLE = 1.0  # how much a box is drawn to the middle, where a line draws it with 1 or more
_GAP = 28.0  # between neighbours in a row
_BEND = 6.0  # the width of a line that passes a row


@dataclass
class Node:
    """A box of `width`, or (`width` 0) the place where a long line passes a row."""

    width: float
    row: int = 0
    x: float = 0.0  # of its middle
    above: list[int] = field(default_factory=list)
    below: list[int] = field(default_factory=list)


@dataclass
class Layout:
    """`nodes`: the boxes in the order given, then the bends of long lines; `paths`: for each edge the nodes it goes through,
    ends included."""

    nodes: list[Node]
    paths: list[list[int]]


def lay_out(widths: Sequence[float], edges: Sequence[tuple[int, int]]) -> Layout:
    """Place boxes of `widths`; each edge goes from an earlier box to a later one."""
    nodes = [Node(width) for width in widths]
    _choose_rows(nodes, edges)
    layout = Layout(nodes, [_lead(nodes, *edge) for edge in edges])
    rows: list[list[int]] = [[] for _ in range(1 + max((node.row for node in nodes), default=0))]
    for index, node in enumerate(nodes):
        rows[node.row].append(index)
    for sweep in range(_SWEEPS):
        _sort_rows(nodes, rows, down=sweep % 2 == 0)
    for sweep in range(_MOST_SHIFTS):
        if _shift_rows(nodes, rows, down=sweep % 2 == 0) < 0.05:
            break
    left = min((node.x - node.width / 2 for node in nodes), default=0.0)
    for node in nodes:
        node.x -= left
    return layout


def _choose_rows(nodes: list[Node], edges: Sequence[tuple[int, int]]) -> None:
    """Below all that comes before; what has nothing above goes as far down as it can."""
    for start, end in sorted(edges, key=lambda edge: edge[1]):
        nodes[end].row = max(nodes[end].row, nodes[start].row + 1)
    fed = {end for _, end in edges}
    for index, node in enumerate(nodes):
        uses = [nodes[end].row for start, end in edges if start == index]
        if index not in fed and uses:
            node.row = min(uses) - 1


def _lead(nodes: list[Node], start: int, end: int) -> list[int]:
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
    for row in rows if down else reversed(rows):
        places = {index: place for other in rows for place, index in enumerate(other)}

        def middle(index: int, places: dict[int, int] = places) -> float:
            near = nodes[index].above if down else nodes[index].below
            return sum(places[n] for n in near) / len(near) if near else places[index]

        row.sort(key=middle)


def _shift_rows(nodes: list[Node], rows: list[list[int]], down: bool) -> float:
    """Put every box as near to its neighbours as it can, and not far from the middle; returns the longest way that one went."""
    farthest = 0.0
    for row in rows if down else reversed(rows):
        wanted, weights = [], []
        for index in row:
            node = nodes[index]
            near = [(n, _pull(nodes, n, index)) for n in node.above] + [(n, _pull(nodes, index, n)) for n in node.below]
            weights.append(sum(w for _, w in near) + (_TO_MIDDLE if node.width else 0.0))
            wanted.append(sum(nodes[n].x * w for n, w in near) / weights[-1])
        widths = [nodes[index].width or _BEND for index in row]
        for index, x in zip(row, _spread(wanted, weights, widths), strict=True):
            farthest, nodes[index].x = max(farthest, abs(x - nodes[index].x)), x
    return farthest


def _pull(nodes: list[Node], upper: int, lower: int) -> float:
    """How much a line should be straight: a long one most, then one that is alone at both ends."""
    if not nodes[upper].width and not nodes[lower].width:
        return 12.0
    return 3.0 if len(nodes[upper].below) == 1 and len(nodes[lower].above) == 1 else 1.0


def _spread(wanted: Sequence[float], weights: Sequence[float], widths: Sequence[float]) -> list[float]:
    """The places nearest to the wanted ones (weighted least squares) at which neighbours keep their distance."""
    offsets = [0.0]
    for left, right in itertools.pairwise(widths):
        offsets.append(offsets[-1] + (left + right) / 2 + _GAP)
    blocks: list[tuple[float, float, int]] = []  # (place, weight, size): neighbours that touch move together
    for want, heavy, offset in zip(wanted, weights, offsets, strict=True):
        place, weight, size = want - offset, heavy, 1
        while blocks and blocks[-1][0] > place:
            other, more, count = blocks.pop()
            place = (place * weight + other * more) / (weight + more)
            weight, size = weight + more, size + count
        blocks.append((place, weight, size))
    places = [place for place, _, size in blocks for _ in range(size)]
    return [place + offset for place, offset in zip(places, offsets, strict=True)]
