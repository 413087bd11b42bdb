"""Line charts: numbers to places in an inline SVG. The template draws them, so every text is escaped there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 480
HEIGHT = 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 14, 10, 46
_MOST_POINTS = 400
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """A line: its name, the points as SVG writes them, and marks (place and size) on some of them."""

    name: str
    points: str
    marks: list[tuple[float, float, float]]
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart: its lines, and the ticks of both axes as (place, text)."""

    title: str
    x_name: str
    y_name: str
    lines: list[Line]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    top: int = _TOP
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


@dataclass(frozen=True)
class Series:
    """What a line shows. `sizes` are the radii of marks on its points."""

    name: str
    points: Points
    sizes: Sequence[float] = ()
    dashed: bool = False


def chart(
    title: str,
    names: tuple[str, str],
    series: Sequence[Series],
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> Chart | None:
    """Return a chart of the finite points, or None if there are none. Without a range, an axis shows all points."""
    finite = [
        Series(each.name, _finite(each.points), each.sizes, each.dashed) for each in series if _finite(each.points)
    ]
    if not finite:
        return None
    x_low, x_high = x_range or _range([x for each in finite for x, _ in each.points])
    y_low, y_high = y_range or _range([y for each in finite for _, y in each.points])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_low) / (x_high - x_low)
        up = (y - y_low) / (y_high - y_low)
        return (
            round(_LEFT + across * (WIDTH - _LEFT - _RIGHT), 1),
            round(HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM), 1),
        )

    lines = []
    for each in finite:
        places = [place(x, y) for x, y in each.points]
        text = " ".join(f"{x:g},{y:g}" for x, y in places)
        marks = [(x, y, size) for (x, y), size in zip(places, each.sizes, strict=False)]
        lines.append(Line(each.name, text, marks, each.dashed))
    return Chart(
        title,
        names[0],
        names[1],
        lines,
        [(place(value, y_low)[0], f"{value:g}") for value in _ticks(x_low, x_high)],
        [(place(x_low, value)[1], f"{value:g}") for value in _ticks(y_low, y_high)],
    )


def _finite(points: Points) -> list[tuple[float, float]]:
    """Return the finite points, at most _MOST_POINTS of them: more cannot be told apart."""
    kept = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    step = math.ceil(len(kept) / _MOST_POINTS) or 1
    return kept[::step] + ([kept[-1]] if (len(kept) - 1) % step else [])


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers from low to high."""
    rough = (high - low) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]
