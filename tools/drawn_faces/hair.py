"""Steps that draw the hair behind the head and on it, and a bow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .canvas import Colour, Points, bgr, ellipse, mix, moved, smooth
from .person import GREY
from .shape import DARK, PALE, SIDES, Sitter

Line = list[tuple[float, float]]
REACH = {"long": 1.9, "wavy": 1.75, "bob": 1.02}
"""How low the hair falls, in face units."""


def tones(s: Sitter, base: Colour | None = None) -> list[Colour]:
    """Return colours of single hairs around `base`. Some turn grey before the rest."""
    base = s.person.hair if base is None else base
    shades = [mix(base, DARK, k) for k in (0.10, 0.22, 0.06)] + [mix(base, PALE, k) for k in (0.07, 0.16, 0.03)]
    early = round(5 * s.person.grey * (1.3 - s.person.grey))
    return shades + [mix(base, GREY, 0.25 + 0.15 * i) for i in range(early)]


def back_hair(s: Sitter) -> None:
    """Draw the hair behind head and neck."""
    p, c, v = s.person, s.canvas, s.person.volume
    colour = mix(p.hair, DARK, 0.4 - 0.22 * p.grey)
    if p.style == "bun":
        knot = [ellipse(p.part * 0.3, -1.46 - v, 0.42 * k, 0.34 * k, 30) for k in (1.0, 0.8, 0.6, 0.4, 0.2)]
        c.paint(c.flat(knot[0]), mix(p.hair, DARK, 0.1))
        c.hairs(c.flat(np.stack(knot)), tones(s), inside=c.flat(knot[0]))
    elif p.style == "ponytail":
        side = 1 if p.part > 0 else -1
        tail = [(0.8, -0.9), (1.4, -0.75), (1.6, 0.2), (1.3, 1.5), (1.15, 0.5), (0.9, -0.3)]
        shape = c.flat(smooth(tail, closed=True) * (side, 1))
        c.paint(shape, mix(p.hair, DARK, 0.12))
        ends = np.array([[(x, -0.8), (x + 0.3, 0.3), (1.3, 1.5)] for x in np.linspace(0.8, 1.3, 24)])
        c.hairs(c.flat(smooth(ends) * (side, 1)), tones(s), inside=shape)
    elif p.style in REACH:
        right = [(0.6, -1.25 - v), (1.0 + v, -0.8), *_fall(s)]
        shape = smooth([*((-x, y) for x, y in reversed(right)), *right], per=5)
        c.paint(c.flat(shape * (0.94, 0.97)), colour)


def front_hair(s: Sitter) -> None:
    """Draw the hair on the head in the style of the person."""
    STYLES[s.person.style](s)


def _fall(s: Sitter) -> Line:
    """Return the outer edge of long hair beside the face, downwards."""
    low, v = REACH[s.person.style], s.person.volume
    if s.person.style == "wavy":
        steps = np.linspace(-0.35, low, 12)
        return [(1.13 + v + 0.07 * np.sin(5.5 * y + 1) + 0.04 * y, y) for y in steps]
    wide = 1.08 + v + (0.07 if s.person.style == "bob" else 0.02)
    return [(wide - 0.02, -0.35), (wide, 0.1), (wide + 0.05, low * 0.65), (wide - 0.03, low)]


def _crown(volume: float, side: Line) -> Points:
    """Return the outer edge of the hair, from the end of `side` on the left over the crown to its end on the right."""
    v = volume
    right = [(0.46 + 0.4 * v, -1.30 - 0.95 * v), (0.86 + 0.75 * v, -0.98 - 0.5 * v), *side]
    return smooth([*((-x, y) for x, y in reversed(right)), (0.0, -1.37 - v), *right], per=6)


def _cap(s: Sitter, volume: float, side: Line, line: Line, spread: float, hairs: int = 150) -> None:
    """Draw hair between the crown and a hair line (from right to left), combed from the parting or from everywhere."""
    c, p, rng = s.canvas, s.person, s.rng
    crown, front = _crown(volume, side), smooth(line, per=6)
    outer, inner = c.flat(crown), c.face(front)
    shape = np.vstack([outer, inner])
    under = np.vstack([outer, c.face(moved(front, y=0.07))])
    c.paint(under, s.crease, 0.35, soft=0.06, clip=c.rim(s.shape.outline))
    c.paint(shape, p.hair)
    k = rng.random(hairs)
    over, end = outer[(k * (len(outer) - 1)).astype(int)], inner[((1 - k) * (len(inner) - 1)).astype(int)]
    roots = np.stack([np.clip(p.part * 0.8 + spread * (k - 0.5) * 1.6, -0.9, 0.9), np.zeros(hairs)], axis=1)
    roots[:, 1] = -1.34 - volume * 0.8 + 0.3 * roots[:, 0] ** 2
    start, via = c.flat(roots), over * 0.5 + end * 0.5
    lines = smooth(np.stack([start, start * 0.45 + via * 0.55, end * 0.7 + via * 0.3, end], axis=1), per=5)
    c.hairs(lines, tones(s), inside=shape)
    if spread < 0.5 and len(side) > 2:
        # Long hair falls on beside the face.
        k = rng.random(hairs // 2) * 0.35
        fall = np.array([[(x * (1.0 - a), y) for x, y in ((0.3, -1.42), (0.84, -0.98), *side)] for a in k])
        for sign in SIDES:
            c.hairs(c.flat(smooth(fall * (sign, 1), per=4)), tones(s), inside=shape)
    where, strength = p.photo.light
    shine = _crown(volume * 0.3, [(1.0, -0.4)]) * (0.86, 0.9)
    half = shine[len(shine) // 2 : len(shine) * 7 // 8] * (1 if where > 0 else -1, 1)
    c.stroke(c.flat(half), 0.15, mix(p.hair, PALE, 0.5), 0.26 + 0.25 * strength, soft=0.09)


def _straight(s: Sitter, low: float) -> Line:
    """Return a hair line from the right sideburn to the left. It recedes at the temples first."""
    p, y = s.person, s.shape.hairline
    temple = y + 0.14 - 0.2 * p.recede
    half = [(0.95, low), (0.93, -0.2), (0.84, -0.52 - 0.1 * p.recede), (0.62 - 0.1 * p.recede, temple - 0.1 * p.recede)]
    half.append((0.3, y - 0.02))
    return [*half, (0.0, y + 0.03 * p.recede), *((-x, h) for x, h in reversed(half))]


def _swept(s: Sitter, low: float) -> Line:
    """Return a hair line that is parted on one side and combed over the forehead."""
    y = s.shape.hairline
    half = [(0.96, low), (0.94, -0.2), (0.86, -0.48)]
    over = [(0.6, y - 0.08), (0.38, y - 0.2), (0.1, y + 0.02), (-0.35, y + 0.2), (-0.75, y + 0.36)]
    line = [*half, *over, *((-x, h) for x, h in half[1::-1])]
    return line if s.person.part > 0 else [(-x, h) for x, h in reversed(line)]


def _fringed(s: Sitter, low: float) -> Line:
    """Return the line of a fringe over the forehead, cut a little unevenly."""
    y = min(s.shape.brow_y - 0.07, s.shape.hairline + 0.45 * s.person.fringe)
    half = [(0.96, low), (0.95, -0.15), (0.86, y + 0.04), (0.5, y)]
    return [*half, (0.1, y + 0.035), (0.0, y - 0.02), (-0.1, y + 0.035), *((-x, h) for x, h in reversed(half))]


def _middle(s: Sitter, low: float) -> Line:
    """Return a hair line that is parted in the middle."""
    y = s.shape.hairline
    half = [(0.96, low), (0.95, 0.1), (0.86, -0.35), (0.55, y + 0.12), (0.2, y - 0.1)]
    return [*half, (0.0, y - 0.24), *((-x, h) for x, h in reversed(half))]


def _short_side(volume: float, low: float) -> Line:
    return [(1.0 + 0.75 * volume, -0.45), (1.02 + 0.3 * volume, low)]


def _short(s: Sitter) -> None:
    fringed = s.person.fringe > 0 and s.person.recede < 0.5
    _cap(s, s.person.volume, _short_side(s.person.volume, 0.1), (_fringed if fringed else _straight)(s, 0.1), 0.9)


def _parted(s: Sitter) -> None:
    v = s.person.volume + 0.03
    _cap(s, v, _short_side(v, 0.1), (_swept if s.person.recede < 0.55 else _straight)(s, 0.1), 0.12)


def _crop(s: Sitter) -> None:
    _cap(s, 0.03, _short_side(0.03, 0.02), _straight(s, 0.02), 1.0)


def _long(s: Sitter) -> None:
    p, v = s.person, s.person.volume + 0.02
    line = (_fringed if p.fringe > 0 else _swept if abs(p.part) > 0.22 else _middle)(s, 0.3)
    side = _fall(s)
    x, low = side[-1]
    inner = (0.9, low - 0.03) if p.style == "bob" else (x - 0.1, low - 0.05)
    lock = [inner, (0.95, 0.35 + 0.35 * low)]
    line = [*lock, *line, *((-x, y) for x, y in reversed(lock))]
    _cap(s, v, side, line, 0.15)


def _tied(s: Sitter) -> None:
    """Draw hair that is combed back, for a bun or a ponytail."""
    v = 0.5 * s.person.volume
    line = _fringed if s.person.fringe > 0 else _middle if abs(s.person.part) < 0.25 else _straight
    _cap(s, v, _short_side(v, 0.0), line(s, 0.0), 0.2)


def _curly(s: Sitter) -> None:
    """Draw many small curls along the crown."""
    p, c, rng = s.person, s.canvas, s.rng
    v = p.volume * 1.3 + 0.06
    fringed = p.fringe > 0 and p.recede < 0.5
    _cap(s, v * 0.7, _short_side(v * 0.7, 0.1), (_fringed if fringed else _straight)(s, 0.1), 0.9, 40)
    edge = _crown(v * 0.75, _short_side(v * 0.75, 0.2))
    colours = tones(s)
    for i in range(90):
        x, y = edge[rng.integers(len(edge))] * rng.uniform(0.84, 1.02)
        if y > s.shape.hairline + 0.1 and abs(x) < 0.9:
            continue
        r, colour = rng.uniform(0.09, 0.15), colours[i % len(colours)]
        c.paint(c.flat(ellipse(x, y, r, r, 14)), colour)
        c.paint(c.ribbon(c.flat(ellipse(x, y, r * 0.6, r * 0.6, 14)[6:14]), 0.035), mix(colour, PALE, 0.14))


def _bald(s: Sitter) -> None:
    """Draw a shining bare crown and hair above the ears; at first there is some on top as well."""
    p, c = s.person, s.canvas
    if p.recede < 0.7:
        thin = _crown(0.0, [(0.95, -0.5), (0.7, -0.75), (0.35, -1.0)])
        c.paint(c.flat(thin), p.hair, 0.75 - 0.8 * p.recede, soft=0.09, clip=c.rim(s.shape.outline))
    lit = 1.0 if p.photo.light[0] > 0 else -1.0
    c.paint(c.flat(ellipse(0.3 * lit, -1.0, 0.26, 0.12)), s.glow, 0.6, soft=0.1)
    high, v = -0.72 + 0.3 * p.recede, 0.5 * p.volume
    tuft = [(0.97, 0.1), (1.02, 0.02), (1.02 + v, -0.3), (0.97 + 0.3 * v, high), (0.84, high + 0.1), (0.9, -0.25)]
    for side in SIDES:
        shape = c.rim(smooth(tuft, closed=True) * (side, 1))
        c.paint(shape, p.hair, 0.96, soft=0.025)
        ends = np.array([[(x, high), (x + 0.05, -0.15), (x + 0.04, 0.1)] for x in np.linspace(0.82, 1.04, 30)])
        c.hairs(c.rim(smooth(ends, per=4) * (side, 1)), tones(s), inside=shape)


def _fluff(s: Sitter) -> None:
    """Draw a baby's down and a curl on top."""
    p, c, rng = s.person, s.canvas, s.rng
    under = [(0.78, -0.72), (0.3, -0.98), (0.0, -0.94), (-0.3, -0.98), (-0.78, -0.72)]
    down = np.vstack([_crown(0.02, [(1.0, -0.35)]), smooth(under)])
    c.paint(c.flat(down), p.hair, rng.uniform(0.3, 0.75), soft=0.1)
    for x in rng.uniform(-0.2, 0.2, 6):
        curl = [(x, -1.22), (x + 0.06, -1.42), (x + rng.uniform(0.0, 0.25), -1.46), (x + 0.2, -1.36)]
        c.stroke(c.flat(smooth(curl)), 0.04, p.hair, 0.8)


STYLES: dict[str, Callable[[Sitter], None]] = {
    "short": _short,
    "parted": _parted,
    "crop": _crop,
    "curly": _curly,
    "long": _long,
    "wavy": _long,
    "bob": _long,
    "bun": _tied,
    "ponytail": _tied,
    "bald": _bald,
    "fluff": _fluff,
}


def bow(s: Sitter) -> None:
    """Draw a bow in the hair of some small girls."""
    if not s.person.bow:
        return
    c, side = s.canvas, 1 if s.person.part > 0 else -1
    colour = (bgr("#e0567a"), bgr("#f2b134"), bgr("#8a6fd0"), bgr("#e8e2ea"))[s.rng.integers(4)]
    x, y = side * 0.55, -1.22 - s.person.volume * 0.6
    for k in SIDES:
        loop = [(x, y), (x + k * 0.26, y - 0.2), (x + k * 0.32, y), (x + k * 0.26, y + 0.17)]
        c.paint(c.flat(smooth(loop, closed=True)), colour)
        c.paint(c.flat(ellipse(x + k * 0.13, y, 0.08, 0.04, 12)), mix(colour, DARK, 0.35), 0.6, soft=0.02)
    c.paint(c.flat(ellipse(x, y, 0.075, 0.085, 14)), mix(colour, DARK, 0.15))
