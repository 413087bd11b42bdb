"""Steps that draw the skin: the head with light and shade, spots, wrinkles."""

from __future__ import annotations

import numpy as np

from .canvas import Colour, Points, bgr, ellipse, mix, moved, smooth
from .shape import DARK, SIDES, Sitter


def head(s: Sitter) -> None:
    """Draw the head, the shadow on the side away from the light, cheeks, and hollows that come with age."""
    p, c, sh = s.person, s.canvas, s.shape
    edge = c.rim(sh.outline)
    c.paint(edge, p.skin)
    x, strength = p.photo.light
    away = -np.sign(x) or 1.0
    shade = 0.2 + 0.3 * strength * abs(x)
    c.paint(c.rim(sh.outline * 1.25 + (away * 1.28, 0.1)), s.crease, shade, soft=0.4, clip=edge)
    c.paint(c.rim(sh.outline * 1.2 - (away * 1.75, 0.0)), s.crease, 0.15, soft=0.3, clip=edge)
    c.paint(c.face(ellipse(-away * 0.25, -0.62, 0.42, 0.26)), s.glow, 0.4, soft=0.22)
    c.paint(c.face(ellipse(0.0, sh.chin_y + 0.12, 0.8, 0.22)), s.crease, 0.3, soft=0.16, clip=edge)
    c.paint(c.face(ellipse(0.0, sh.chin_y - 0.19, 0.16, 0.09)), s.glow, 0.25, soft=0.1)
    cheek_y = 0.62 * sh.nose_y + 0.35 * sh.mouth_y
    rosy = mix(p.skin, bgr("#e2564e"), 0.55)
    blush = 0.14 + 0.22 * (1 - p.growth) + 0.14 * p.makeup - 0.08 * p.sag
    sockets = [ellipse(k * sh.eye_x, sh.eye_y - 0.02, sh.eye_w * 1.25, 0.17) for k in SIDES]
    _pair(s, sockets, s.crease, 0.15 + 0.2 * p.sag, 0.1)
    _pair(s, [ellipse(k * 0.58, cheek_y, 0.25, 0.18) for k in SIDES], rosy, blush, 0.16)
    apples = [ellipse(k * 0.56 - away * 0.05, cheek_y - 0.12, 0.15, 0.08) for k in SIDES]
    _pair(s, apples, s.glow, 0.24 * (1 - 0.6 * p.sag), 0.1)
    if p.sag > 0.15:
        hollow = p.sag - 0.1
        _pair(s, [ellipse(k * 0.78, sh.mouth_y - 0.12, 0.12, 0.27) for k in SIDES], s.crease, 0.55 * hollow, 0.14)
        _pair(s, [ellipse(k * 0.86, -0.4, 0.1, 0.24) for k in SIDES], s.crease, 0.5 * hollow, 0.12)
        bags = [ellipse(k * sh.eye_x, sh.eye_y + sh.eye_h + 0.09, sh.eye_w * 0.85, 0.05) for k in SIDES]
        _pair(s, bags, mix(s.crease, bgr("#5a3a5a"), 0.3), 0.7 * hollow, 0.05)
        _pair(s, [ellipse(k * 0.5, sh.chin_y - 0.27, 0.13, 0.1) for k in SIDES], s.glow, 0.4 * hollow, 0.08)


def _pair(s: Sitter, shapes: list[Points], colour: Colour, alpha: float, soft: float) -> None:
    c = s.canvas
    c.layer([c.face(shape) for shape in shapes], [alpha] * len(shapes), colour, soft, clip=c.rim(s.shape.outline))


def spots(s: Sitter) -> None:
    """Draw age spots on forehead and cheeks, acne and freckles."""
    p, c, sh, rng = s.person, s.canvas, s.shape, s.rng
    kinds: list[tuple[float, int, Colour, tuple[float, float], tuple[float, float]]] = [
        (p.spots, 26, mix(p.skin, bgr("#6b3a1e"), 0.6), (0.022, 0.05), (-1.1, sh.mouth_y)),
        (p.acne, 24, mix(p.skin, bgr("#b3262a"), 0.6), (0.018, 0.032), (-0.6, sh.chin_y - 0.15)),
        (p.freckles, 45, mix(p.skin, bgr("#8a4a22"), 0.5), (0.011, 0.018), (sh.eye_y + 0.14, sh.nose_y + 0.08)),
    ]
    for amount, most, colour, radii, heights in kinds:
        n = round(amount * most)
        if n:
            at = zip(rng.uniform(-0.75, 0.75, n), rng.uniform(*heights, n), rng.uniform(*radii, n), strict=True)
            shapes = [c.face(ellipse(x, y, 1.2 * r, r, 10)) for x, y, r in at]
            c.layer(shapes, rng.uniform(0.4, 0.8, n).tolist(), colour, 0.015, clip=c.rim(sh.outline))


Fold = tuple[list[tuple[float, float]], float, float]
"""Points, width, depth from 0 to 1."""


def wrinkles(s: Sitter) -> None:
    """Draw all folds of the skin, each as a crease with a lighter ridge below it."""
    c = s.canvas
    folds = [*_middle_folds(s), *_side_folds(s)]
    if not folds:
        return
    lines = [smooth(points, per=5) for points, _, _ in folds]
    ridges = [c.ribbon(c.face(moved(line, y=0.55 * f[1])), f[1]) for line, f in zip(lines, folds, strict=True)]
    creases = [c.ribbon(c.face(line), f[1]) for line, f in zip(lines, folds, strict=True)]
    depths = [min(depth, 0.95) for _, _, depth in folds]
    edge = c.rim(s.shape.outline)
    c.layer(ridges, [0.45 * d for d in depths], s.glow, 0.014, clip=edge)
    c.layer(creases, depths, mix(s.crease, DARK, 0.12), 0.01, clip=edge)


def _middle_folds(s: Sitter) -> list[Fold]:
    """Return the folds across the forehead, and the upright lines above the lip."""
    sh, rng, w = s.shape, s.rng, s.person.wrinkles
    folds: list[Fold] = []
    for i in range(int(1 + 4.2 * w) if w > 0.12 else 0):
        y = sh.brow_y - 0.14 - 0.115 * i + rng.normal(0, 0.01)
        half, bend = 0.52 - 0.05 * i + rng.uniform(-0.08, 0.04), rng.uniform(0.0, 0.05)
        points = [(-half, y + bend), (-half / 2, y - 0.02), (0.0, y + 0.015), (half / 2, y - 0.02), (half, y + bend)]
        folds.append((points, 0.034, 0.12 + 0.6 * w))
    for i in range(7 if w > 0.6 else 0):
        x, y = (i - 3) * sh.mouth_w * 0.27, sh.mouth_y - sh.lip_h
        folds.append(([(x, y - 0.02), (x * 1.12, y - 0.13)], 0.018, 0.6 * w))
    return folds


def _side_folds(s: Sitter) -> list[Fold]:
    """Return the folds that come in pairs. Those from nose to mouth come first in life, those in the cheeks last."""
    sh, w, sag = s.shape, s.person.wrinkles, s.person.sag
    if w <= 0.02:
        return []
    nose, lip, eye = sh.nose_w, sh.mouth_w, sh.eye_x + sh.eye_w
    right: list[Fold] = []
    fold = [(nose + 0.03, sh.nose_y - 0.06), (nose + 0.14, sh.nose_y + 0.1), (lip + 0.09, sh.mouth_y - 0.04)]
    right.append(([*fold, (lip + 0.1, sh.mouth_y + 0.1 * w)], 0.03 + 0.03 * w, 0.1 + 0.9 * w))
    for i in range(int(0.7 + 4.6 * w)):
        a = (i - 1.5) * 0.07
        foot = [(eye + 0.04, sh.eye_y + a * 0.6), (eye + 0.11, sh.eye_y + a * 1.2), (eye + 0.2, sh.eye_y + a * 2.3)]
        right.append((foot, 0.026, 0.15 + 0.7 * w))
    for i in range(1 + (w > 0.5)):
        y = sh.eye_y + sh.eye_h + 0.07 + 0.07 * i + 0.03 * sag
        bag = [(sh.eye_x - sh.eye_w * 0.9, y - 0.05), (sh.eye_x, y + 0.03), (eye - 0.02, y - 0.03)]
        right.append((bag, 0.03 + 0.03 * w, 0.08 + 0.75 * w))
    if w > 0.3:
        jaw = [(lip + 0.04, sh.mouth_y + 0.05), (lip + 0.09, sh.mouth_y + 0.14), (lip + 0.11, sh.mouth_y + 0.26)]
        frown = [(0.05, sh.brow_y + 0.08), (0.06, sh.brow_y), (0.045, sh.brow_y - 0.1)]
        right += [(jaw, 0.036, 0.95 * (w - 0.25)), (frown, 0.032, 0.6 * w)]
    for i in range(int(4 * (w - 0.55)) + 1 if w > 0.55 else 0):
        x = 0.62 + 0.08 * i
        right.append(([(x, sh.nose_y + 0.05), (x + 0.03, sh.mouth_y), (x - 0.05, sh.mouth_y + 0.2)], 0.03, 0.55 * w))
    return [([(k * x, y) for x, y in points], width, depth) for k in SIDES for points, width, depth in right]
