"""Random layers that only move numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .draw import Draw, NoPlace, Proposal


def concat(d: Draw) -> Proposal:
    x = d.bottom(0)
    shape = d.shapes[x]
    axis = d.whole(1, len(shape) - 1) if d.random.random() < 0.4 else 1
    others = [
        name
        for name, other in d.shapes.items()
        if len(other) == len(shape) and other[:axis] + other[axis + 1 :] == shape[:axis] + shape[axis + 1 :]
    ]
    chosen = [x, *(others[d.whole(0, len(others) - 1)] for _ in range(d.whole(1, 2)))]
    return Proposal(tuple(chosen), f"concat_param {{ axis: {axis} }}")


def slice_(d: Draw) -> Proposal:
    x = d.bottom(0)
    shape = d.shapes[x]
    axes = [axis for axis in range(1, len(shape)) if shape[axis] > 1]
    if not axes:
        raise NoPlace
    axis = axes[d.whole(0, len(axes) - 1)] if d.random.random() < 0.5 else axes[0]
    points = sorted({d.whole(1, shape[axis] - 1) for _ in range(d.whole(1, 2))})
    text = " ".join(f"slice_point: {point}" for point in points)
    return Proposal((x,), f"slice_param {{ axis: {axis} {text} }}", len(points) + 1)


def crop(d: Draw) -> Proposal:
    x = d.bottom(least=3)
    shape = d.shapes[x]
    fitting = [
        name
        for name, other in d.shapes.items()
        if len(other) == 4 and other[:2] == shape[:2] and other[2] <= shape[2] and other[3] <= shape[3] and name != x
    ]
    if not fitting:
        raise NoPlace
    y = fitting[d.whole(0, len(fitting) - 1)]
    offsets = " ".join(f"offset: {d.whole(0, shape[axis] - d.shapes[y][axis])}" for axis in (2, 3))
    return Proposal((x, y), f"crop_param {{ axis: 2 {offsets} }}")


def reshape(d: Draw) -> Proposal:
    x = d.bottom(0)
    count = int(np.prod(d.shapes[x][1:]))
    divisors = [number for number in range(1, 33) if count % number == 0]
    first = divisors[d.whole(0, len(divisors) - 1)]
    rest = [number for number in divisors if count // first % number == 0]
    second = rest[d.whole(0, len(rest) - 1)]
    dims = [f"dim: {first}", f"dim: {second}", "dim: -1"][d.pick("a", "b") == "b" :]
    if len(dims) == 2:
        dims = [f"dim: {first}", "dim: -1"]
    return Proposal((x,), f"reshape_param {{ shape {{ dim: 0 {' '.join(dims)} }} }}")


def flatten(d: Draw) -> Proposal:
    x = d.bottom(0)
    last = len(d.shapes[x]) - 1
    if last < 2:
        raise NoPlace
    return Proposal((x,), f"flatten_param {{ axis: {d.whole(1, last - 1)} end_axis: {d.pick(-1, last)} }}")


def permute(d: Draw) -> Proposal:
    order = [0, *(1 + d.random.permutation(3)).tolist()]
    return Proposal((d.bottom(),), f"permute_param {{ {' '.join(f'order: {axis}' for axis in order)} }}")


def tile(d: Draw) -> Proposal:
    x = d.bottom(0)
    if np.prod(d.shapes[x]) > 20000:
        raise NoPlace
    return Proposal((x,), f"tile_param {{ axis: {d.whole(1, len(d.shapes[x]) - 1)} tiles: {d.whole(1, 3)} }}")


def reorg(kind: str) -> Callable[[Draw], Proposal]:
    def draw(d: Draw) -> Proposal:
        x = d.bottom(least=2)
        _, channels, height, width = d.shapes[x]
        if height % 2 or width % 2 or (kind == "reorg" and channels % 4):
            raise NoPlace
        return Proposal((x,), f"{kind}_param {{ stride: 2 }}")

    return draw


def shuffle(d: Draw) -> Proposal:
    x = d.bottom()
    groups = [number for number in range(2, 9) if d.shapes[x][1] % number == 0]
    if not groups:
        raise NoPlace
    return Proposal((x,), f"shuffle_channel_param {{ group: {groups[d.whole(0, len(groups) - 1)]} }}")
