"""Step that draws the hair on the face."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .canvas import Points, ellipse, mirrored, mix, moved, smooth
from .hair import tones
from .shape import DARK, Sitter


def beard(s: Sitter) -> None:
    """Draw stubble, a moustache, a goatee or a full beard. This comes before the mouth."""
    BEARDS[s.person.beard](s)


def _none(s: Sitter) -> None:
    del s


def _stubble(s: Sitter) -> None:
    c, shape = s.canvas, _jaw(s, 1.0)
    c.paint(shape, mix(s.person.hair, s.person.skin, 0.1), 0.36, soft=0.1, clip=c.rim(s.shape.outline))
    n = 260
    at = np.stack([s.rng.uniform(-0.95, 0.95, n), s.rng.uniform(0.4, s.shape.chin_y, n)], axis=1)
    dots = c.face(np.stack([at, moved(at, y=0.025)], axis=1))
    c.hairs(dots, [mix(s.person.hair, DARK, 0.3 * (1 - s.person.grey))], inside=shape, alpha=0.4)


def _down(s: Sitter) -> None:
    """Draw a boy's first moustache."""
    c, sh = s.canvas, s.shape
    lip = ellipse(0, (sh.nose_y + sh.mouth_y) / 2 + 0.03, sh.mouth_w * 0.75, 0.05)
    c.paint(c.face(lip), s.person.hair, 0.45, soft=0.04)


def _full(s: Sitter) -> None:
    c, sh, n = s.canvas, s.shape, 220
    shape = _jaw(s, 1.055)
    c.paint(shape, s.person.hair, soft=0.035)
    start = np.stack([s.rng.uniform(-0.98, 0.98, n), s.rng.uniform(0.2, sh.chin_y, n)], axis=1)
    end = start + np.stack([0.04 * start[:, 0], s.rng.uniform(0.1, 0.2, n)], axis=1)
    c.hairs(c.face(np.stack([start, end], axis=1)), tones(s), inside=shape)
    _moustache(s)


def _moustache(s: Sitter) -> None:
    c, sh = s.canvas, s.shape
    top, low, w = sh.nose_y + 0.12, sh.mouth_y - 0.03 - 0.03 * s.person.smile, sh.mouth_w
    half = [(0.0, top), (-w * 0.6, top + 0.05), (-w * 1.1, low + 0.09), (-w * 0.6, low + 0.01), (0.0, low - 0.02)]
    shape = _both(s, half, 0.06)
    c.paint(shape, s.person.hair, 0.95, soft=0.02)
    xs = s.rng.uniform(-w, w, 40)
    lines = np.stack([np.stack([xs * 0.6, np.full(40, top)], 1), np.stack([xs, low + np.abs(xs) * 0.3], 1)], axis=1)
    c.hairs(c.face(lines, 0.06), tones(s), inside=shape)


def _goatee(s: Sitter) -> None:
    c, sh = s.canvas, s.shape
    y, w = sh.mouth_y, sh.mouth_w
    half = [(0.0, y + 0.15), (-w * 0.5, y + 0.2), (-w * 0.92, y), (-w * 1.12, y + 0.15), (-w * 0.85, sh.chin_y - 0.1)]
    shape = _both(s, [*half, (0.0, sh.chin_y + 0.06)], 0.03)
    c.paint(shape, s.person.hair, 0.95, soft=0.025)
    xs = s.rng.uniform(-w, w, 50)
    top = np.stack([xs, np.full(50, y + 0.05)], axis=1)
    c.hairs(c.face(np.stack([top, top * (0.8, 1) + (0.0, 0.45)], axis=1)), tones(s), inside=shape)
    _moustache(s)


BEARDS: dict[str, Callable[[Sitter], None]] = {
    "": _none,
    "stubble": _stubble,
    "down": _down,
    "moustache": _moustache,
    "goatee": _goatee,
    "full": _full,
}


def _both(s: Sitter, half: list[tuple[float, float]], bump: float) -> Points:
    """Return the pixels of a symmetric shape. `half` is its left half, from the top of the middle line to the bottom."""
    return s.canvas.face(smooth([*half, *((-x, y) for x, y in half[-2:0:-1])], closed=True, per=5), bump)


def _jaw(s: Sitter, outward: float) -> Points:
    """Return the outline of the bearded part: along the jaw from ear to ear, and back over cheeks and upper lip."""
    c, sh = s.canvas, s.shape
    y, w = sh.mouth_y, sh.mouth_w
    below = sh.outline[sh.outline[:, 1] > 0.2]
    # In order from the right ear to the left.
    below = below[np.argsort(-np.arctan2(below[:, 0], below[:, 1]))] * outward
    cheek = [(-0.9, 0.3), (-0.76, y - 0.22), (-w - 0.2, y - 0.1), (-w * 0.8, sh.nose_y + 0.2), (0.0, sh.nose_y + 0.14)]
    return np.vstack([c.rim(below), c.face(smooth(mirrored(cheek), per=5))])
