"""Steps before and after the face: the wall, the shoulders, the light, the noise of the camera."""

from __future__ import annotations

import cv2
import numpy as np

from .canvas import Picture, bgr, ellipse, mix, moved, smooth
from .person import Photo
from .shape import DARK, PALE, Sitter


def wall(s: Sitter) -> None:
    """Draw an unevenly lit wall, sometimes with lights out of focus."""
    c, rng = s.canvas, s.rng
    near, far = s.person.photo.wall
    corners = np.array([[near, mix(near, far, 0.5)], [mix(near, far, 0.4), far]], np.float32)
    corners = corners[:, :: int(rng.choice([-1, 1]))]
    c.image[:] = cv2.resize(corners, (c.side, c.side), interpolation=cv2.INTER_LINEAR)
    lamps = int(rng.integers(3, 9)) if rng.random() < 0.4 else 0
    for _ in range(lamps):
        radius = rng.uniform(0.12, 0.5)
        lamp = ellipse(rng.uniform(-2, 2), rng.uniform(-2, 1.2), radius, radius)
        c.paint(c.body(lamp), mix(far, PALE, 0.6), rng.uniform(0.1, 0.3), soft=0.05)


def shoulders(s: Sitter) -> None:
    """Draw clothes and neck. A child's shoulders are narrow."""
    p, c, chin = s.person, s.canvas, s.shape.chin_y
    grown_m = (0.5 - p.feminine) * p.growth
    wide = 1.1 + 0.7 * p.growth + 0.35 * grown_m
    neck = 0.37 + 0.12 * p.growth + 0.17 * grown_m
    top = chin + 0.27 + 0.1 * p.growth * p.feminine
    fold = mix(p.cloth, DARK, 0.35)
    edge = [(neck + 0.1, top - 0.02), (wide, top + 0.36), (wide + 0.25, 3.2)]
    cloth = c.body(smooth([*((-x, y) for x, y in reversed(edge)), (0.0, top + 0.05), *edge]))
    c.paint(cloth, p.cloth)
    for side in (-1, 1):
        sleeve = smooth([(side * wide * 0.72, top + 0.7), (side * wide * 0.66, top + 1.1), (side * wide * 0.7, 3.2)])
        c.stroke(c.body(sleeve), 0.06, fold, 0.5, soft=0.05)
    dip = 0.3 + 0.4 * p.feminine * p.growth
    half = [(neck, 0.5), (neck, chin), (neck + 0.08, top + 0.04)]
    throat = c.body(smooth([*((-x, y) for x, y in half), (0.0, top + dip), *reversed(half)]))
    c.paint(throat, s.skin("#5a2a1c", 0.10))
    c.paint(c.rim(moved(s.shape.outline, y=0.14)), s.crease, 0.6, soft=0.12, clip=throat)
    collar = smooth([(-neck - 0.09, top), (-neck * 0.55, top + dip * 0.75), (0, top + dip)])
    for side in (-1, 1):
        c.stroke(c.body(collar * (side, 1)), 0.07, mix(p.cloth, PALE, 0.25), taper=0.2)
    for x in (-0.2, -0.07, 0.1, 0.18) if p.wrinkles > 0.45 else ():
        cord = smooth([(x, chin), (x * 0.9, top), (x * 0.6, top + 0.22)])
        c.stroke(c.body(cord), 0.035, s.crease, 0.8 * (p.wrinkles - 0.3), soft=0.03)
    if s.rng.random() < 0.3 and p.feminine > 0.5 and p.growth > 0.6:
        chain = smooth([(-neck * 0.95, top - 0.04), (0, top + dip * 0.7), (neck * 0.95, top - 0.04)])
        c.stroke(c.body(chain), 0.025, bgr("#e3c46a"), taper=0.0)
        c.paint(c.body(ellipse(0, top + dip * 0.7 + 0.03, 0.04, 0.05, 12)), bgr("#f0dc9a"))


def light(s: Sitter) -> None:
    """Make one side brighter than the other, the light warm or cold, and the corners darker; set the exposure."""
    photo = s.person.photo
    y, x = np.mgrid[-1:1:20j, -1:1:20j].astype(np.float32)
    side, strength = photo.light
    level = photo.exposure * (1.0 + 0.2 * strength * (side * x - 0.35 * y) - 0.08 * (x**2 + y**2))
    warm = np.array([1.0 - photo.warmth, 1.0, 1.0 + photo.warmth])
    s.canvas.tint((level[:, :, None] * warm).astype(np.float32))


def camera(picture: Picture, photo: Photo, rng: np.random.Generator) -> Picture:
    """Blur the finished picture by photo.blur and add noise of photo.noise."""
    if photo.blur > 0.25:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), photo.blur), np.uint8)
    grain = rng.standard_normal(picture.shape[:2], dtype=np.float32) * photo.noise
    return np.clip(picture + grain[:, :, None], 0, 255).astype(np.uint8)
