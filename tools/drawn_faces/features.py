"""Steps that draw ears, eyes, brows, nose, mouth, earrings and glasses."""

from __future__ import annotations

import numpy as np

from .canvas import Points, bgr, ellipse, mirrored, mix, moved, smooth
from .shape import DARK, PALE, SIDES, Sitter


def ears(s: Sitter) -> None:
    """Draw ears, which grow a little throughout life."""
    c, y = s.canvas, s.shape.eye_y + 0.16
    tall = 0.22 + 0.07 * s.person.sag
    for side in SIDES:
        c.paint(c.flat(ellipse(side * 1.01, y, 0.145, tall), -0.1), s.skin("#8c3b2c", 0.12))
        c.paint(c.flat(ellipse(side * 1.05, y, 0.07, tall * 0.62), -0.1), s.crease, 0.5, soft=0.03)


def earrings(s: Sitter) -> None:
    """Draw drops of gold, silver or red below the ears."""
    if not s.person.earrings:
        return
    c, y = s.canvas, s.shape.eye_y + 0.4
    colour = (bgr("#e3bd62"), bgr("#d9dde3"), bgr("#b03a56"))[s.rng.integers(3)]
    drop = s.rng.uniform(0.05, 0.13)
    for side in SIDES:
        c.paint(c.flat(ellipse(side * 1.05, y + drop, 0.055, drop), -0.1), colour)
        c.paint(c.flat(ellipse(side * 1.04, y + drop * 0.8, 0.02, 0.03), -0.1), PALE)


def eyes(s: Sitter) -> None:
    """Draw eyes, lids and lashes. With age, lids grow heavy and outer corners sink."""
    for side in SIDES:
        _eye(s, side)


def _eye(s: Sitter, side: int) -> None:
    p, c, sh = s.person, s.canvas, s.shape

    def at(*points: tuple[float, float]) -> Points:
        """Place points given outwards from the middle in half eye widths (x) and in face units (y)."""
        return np.array([(side * (sh.eye_x + x * sh.eye_w), sh.eye_y + y) for x, y in points])

    h = sh.eye_h * (1.0 - 0.15 * max(p.smile, 0.0))
    corner = -0.012 * (p.feminine - 0.5) * p.growth + 0.045 * p.sag
    upper = smooth(at((-1, 0.03), (-0.55, -h * 0.75), (0.05, -h), (0.6, -h * 0.72 + corner * 0.5), (1, corner)))
    lower = smooth(at((1, corner), (0.55, h * 0.62), (0, h * 0.8), (-0.6, h * 0.55), (-1, 0.03)))
    opening = c.face(np.vstack([upper, lower]))
    c.paint(opening, mix(bgr("#f6f1ee"), bgr("#e6d9c4"), p.sag))
    x, y = side * sh.eye_x + p.gaze * sh.eye_w * 0.35, sh.eye_y - 0.008

    def disc(size: float, dy: float = 0.0, flat: float = 1.0) -> Points:
        return c.face(ellipse(x, y + dy, sh.iris * size, sh.iris * size * flat))

    c.paint(disc(1.05), mix(p.iris, DARK, 0.6), clip=opening)
    c.paint(disc(0.86), p.iris, clip=opening)
    c.paint(disc(0.6, 0.035, 0.7), mix(p.iris, PALE, 0.4), 0.6, soft=0.02, clip=opening)
    c.paint(disc(0.46), DARK, clip=opening)
    # The shadow of the lid.
    c.paint(c.face(moved(upper, y=0.035)), DARK, 0.35, soft=0.04, clip=opening)
    glint = 0.3 * sh.iris
    towards_light = 1.0 if p.photo.light[0] > 0 else -1.0
    c.paint(c.face(ellipse(x + towards_light * glint, y - glint, glint * 0.85, glint * 0.85, 12)), PALE)
    c.stroke(c.face(lower), 0.022, s.crease, 0.7)
    lift = -h - 0.07
    lid = smooth(at((-0.98, -0.05), (-0.5, lift), (0.1, lift - 0.02), (0.75, lift * 0.8), (1.1, -0.02 + corner)))
    lid = moved(lid, y=0.045 * p.sag)
    if p.makeup > 0.45:
        shadow = (bgr("#7c4a63"), bgr("#6b5a8a"), bgr("#8a5a3c"))[int(abs(p.part) * 10) % 3]
        c.paint(c.face(np.vstack([upper, lid[::-1]])), shadow, 0.5 * p.makeup, soft=0.03)
    c.stroke(c.face(lid), 0.028 + 0.03 * p.sag, s.crease, 0.5 + 0.3 * p.sag)
    lash = mix(DARK, mix(p.hair, p.skin, 0.2), 0.1 if p.makeup > 0 else 0.45)
    womanly = p.feminine > 0.55
    c.stroke(c.face(upper), 0.042 + 0.018 * womanly * p.growth + 0.018 * p.makeup, lash, taper=0.6)
    if p.makeup > 0.2 or (womanly and p.growth > 0.3):
        tips = [upper[int(k * len(upper))] for k in (0.72, 0.86, 0.97)]
        length = 0.045 + 0.035 * p.makeup
        flick = smooth([(0.0, 0.0), (side * length, -length * 0.55)], per=3)
        flicks = [c.ribbon(c.face(flick + tip), 0.026) for tip in tips]
        c.layer(flicks, [0.9] * 3, lash)


def brows(s: Sitter) -> None:
    """Draw brows: straight and heavy or thin and arched, faint in babies, bushy in old men."""
    p, c, sh = s.person, s.canvas, s.shape
    g, f = p.growth, p.feminine
    thick = (0.045 + 0.06 * g * (1.2 - f)) * p.brow * (1.0 - 0.3 * p.sag * f)
    arch = 0.03 + 0.06 * f * g
    colour = mix(mix(p.hair, DARK, 0.3 * (1 - p.grey)), p.skin, 0.3 * (1 - g) + 0.08)
    bushy = 0.6 + 1.2 * p.sag * (1 - f)
    for side in SIDES:
        xs = np.array([sh.eye_x + k * sh.eye_w for k in (-1.1, -0.3, 0.65, 1.4)]) * side
        ys = sh.brow_y + np.array([0.015, -arch * 0.8, -arch, 0.05 + 0.04 * p.sag])
        middle = smooth(np.stack([xs, ys], axis=1))
        half = 0.5 * thick * np.interp(np.linspace(0, 1, len(middle)), [0, 0.12, 0.5, 1], [0.6, 1.0, 0.9, 0.12])
        up = np.stack([np.zeros_like(half), half], axis=1)
        c.paint(c.face(np.vstack([middle - up, (middle + up)[::-1]])), colour, 0.4 + 0.5 * g, soft=0.014)
        n = int(18 * g)
        start = middle[s.rng.integers(0, int(len(middle) * 0.9), n)] + (0.0, thick * 0.35)
        reach = thick * s.rng.uniform(0.5, 0.6 + bushy, n)
        tips = start + np.stack([side * reach * 0.7, -reach * 0.8], axis=1)
        shades = [mix(colour, DARK, 0.3 * (1 - p.grey)), mix(colour, PALE, 0.5 * p.grey)]
        c.hairs(c.face(np.stack([start, tips], axis=1)), shades, alpha=0.8)


def nose(s: Sitter) -> None:
    """Draw the bridge as a shadow, the tip as a highlight, wings and nostrils as lines."""
    p, c, sh = s.person, s.canvas, s.shape
    away = -1.0 if p.photo.light[0] > 0 else 1.0
    y, w, half = sh.nose_y, sh.nose_w, (sh.eye_y + sh.nose_y) / 2
    flank = [(0.10, sh.eye_y - 0.08), (0.085, half), (w * 0.85, y - 0.02), (w * 0.3, y), (0.02, sh.eye_y)]
    c.paint(c.face(smooth(flank) * (away, 1.0), 0.12), s.crease, 0.3 + 0.12 * p.growth, soft=0.05)
    c.paint(c.face(ellipse(0, y + 0.09, w * 0.9, 0.06)), s.crease, 0.4, soft=0.06)
    c.paint(c.face(ellipse(-away * 0.03, half, 0.035, (y - sh.eye_y) * 0.33), 0.18), s.glow, 0.35 * p.growth, soft=0.04)
    c.paint(c.face(ellipse(0, y - 0.03, w * 0.62, 0.1), 0.25), s.skin("#d8604c", 0.18), 0.55, soft=0.05)
    c.paint(c.face(ellipse(-away * 0.04, y - 0.06, 0.05, 0.04), 0.28), s.glow, 0.75, soft=0.035)
    nostrils = [c.face(ellipse(k * w * 0.48, y + 0.045, w * 0.26, 0.03), 0.16) for k in SIDES]
    c.layer(nostrils, [0.8, 0.8], mix(s.crease, DARK, 0.45), 0.01)
    wing = smooth([(w * 0.72, y - 0.09), (w * 1.02, y - 0.015), (w * 0.8, y + 0.06)])
    wings = [c.ribbon(c.face(wing * (k, 1), 0.08), 0.034) for k in SIDES]
    c.layer(wings, [0.65 + 0.1 * p.sag] * 2, s.crease)


def mouth(s: Sitter) -> None:
    """Draw lips, thinner with age, closed or in a smile that shows teeth."""
    p, c, sh = s.person, s.canvas, s.shape
    y, w, h = sh.mouth_y, sh.mouth_w, sh.lip_h
    lift = 0.075 * p.smile - 0.025 * p.sag
    gap = (0.05 + 0.09 * p.smile) * (p.teeth and p.smile > 0.3)
    y += 0.5 * lift
    corner = (-w, y - lift)

    def lip(*points: tuple[float, float]) -> Points:
        return smooth(mirrored([corner, *points]), per=6)

    top = lip((-w * 0.55, y - h * 0.62), (-w * 0.2, y - h), (0, y - h * 0.78))
    upper = lip((-w * 0.5, y - 0.25 * lift), (0, y + 0.1 * lift))
    lower = lip((-w * 0.5, y + gap * 0.75), (0, y + gap + 0.1 * lift))
    bottom = lip((-w * 0.55, y + gap * 0.9 + h * 0.75), (0, y + gap + h * 1.25))
    c.paint(c.face(ellipse(0, y + gap + h * 1.25 + 0.05, w * 0.6, 0.045)), s.crease, 0.4, soft=0.05)
    c.paint(c.face(np.vstack([top, bottom[::-1]]), 0.03), mix(p.lips, s.crease, 0.1))
    c.paint(c.face(np.vstack([top, upper[::-1]]), 0.03), mix(p.lips, DARK, 0.12))
    if gap:
        inside = c.face(np.vstack([upper, lower[::-1]]), 0.03)
        c.paint(inside, bgr("#4a1519"))
        teeth = np.vstack([upper, lower[::-1] - (0.0, 0.3 * gap)])
        c.paint(c.face(teeth, 0.03), mix(bgr("#f7f4ee"), bgr("#d9cca0"), 0.75 * p.sag), clip=inside)
    else:
        c.stroke(c.face(upper, 0.03), 0.028, mix(s.crease, DARK, 0.4), 0.9, taper=0.6)
    side = 1.0 if p.photo.light[0] > 0 else -1.0
    shine = ellipse(0.2 * w * side, y + gap + h * 0.6, w * 0.3, h * 0.25)
    c.paint(c.face(shine, 0.05), mix(p.lips, PALE, 0.6), 0.3 + 0.3 * p.makeup, soft=0.03)
    corners = [c.face(ellipse(k * (w + 0.03), y - lift, 0.035, 0.045)) for k in SIDES]
    c.layer(corners, [0.3 + 0.3 * max(p.smile, 0.0)] * 2, s.crease, soft=0.03)
    c.paint(c.face(ellipse(0, (sh.nose_y + y - h) / 2 + 0.05, 0.035, 0.06)), s.crease, 0.22, soft=0.04)


LENSES = {"round": (0.27, 1.0), "square": (0.22, 0.45), "half": (0.15, 0.7)}
"""Half height and roundness."""


def glasses(s: Sitter) -> None:
    """Draw glasses: round, square, or half-moons low on the nose."""
    p, c, sh = s.person, s.canvas, s.shape
    if not p.glasses:
        return
    high, power = LENSES[p.glasses]
    frame = (bgr("#262225"), bgr("#5b3522"), bgr("#8b8f94"), bgr("#7a2433"))[s.rng.integers(4)]
    y = sh.eye_y + (0.14 if p.glasses == "half" else 0.02)
    turn = np.linspace(0, 2 * np.pi, 40)
    rim = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    rim = np.sign(rim) * np.abs(rim) ** power * (0.3, high)
    for side in SIDES:
        at = np.array([side * sh.eye_x, y])
        lens = c.face(at + rim, 0.12)
        c.paint(lens, PALE, 0.10)
        shine = at + np.array([(-0.16, -0.2), (-0.02, -0.75), (0.05, -0.75), (-0.09, -0.1)]) * (1.0, high)
        c.paint(c.face(shine, 0.12), PALE, 0.2, soft=0.02)
        c.stroke(lens, 0.04, frame, taper=0.0)
        hinge, ear = c.face([(side * (sh.eye_x + 0.3), y)], 0.12), c.flat([(side * 1.03, sh.eye_y + 0.02)])
        c.stroke(np.vstack([hinge, ear]), 0.04, frame, taper=0.0)
    bridge = smooth([(-sh.eye_x + 0.3, y), (0, y - 0.06), (sh.eye_x - 0.3, y)])
    c.stroke(c.face(bridge, 0.14), 0.04, frame, taper=0.0)
