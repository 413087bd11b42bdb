"""The canvas of the sample faces, with a pose, soft shapes, tapering strokes and hairs.

Shapes are given in face units: x to the right, y down, the origin in the middle of the head, 1 = half its width
(so that an adult's chin is near y = 1.3). Projections turn them into pixels: `face` for what is on the curved
front of the head and moves when it turns, `rim` for its outline, `flat` for hair, `body` for neck and shoulders.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
"""(..., n, 2): x, y."""
Colour = tuple[float, float, float]
"""B, G, R from 0 to 255."""
Picture = NDArray[np.uint8]
"""Height x width x 3, BGR."""
Window = tuple[int, int, int, int]
"""Left, top, right, bottom."""

SIZE = 200
"""Side of a finished picture."""
SUPER = 2
"""How many times larger the picture is drawn than it will be."""
DEPTH = 0.85
"""How far the front of the head is from the plane of the ears."""
FRACTION_BITS = 4
"""Bits after the point in OpenCV's coordinates: shapes are placed to 1/16 of a pixel."""


def bgr(code: str) -> Colour:
    """Convert '#rrggbb' to (B, G, R)."""
    return float(int(code[5:7], 16)), float(int(code[3:5], 16)), float(int(code[1:3], 16))


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Mix two colours: `first` at share 0, `second` at share 1."""
    share = min(max(share, 0.0), 1.0)
    b, g, r = (a + (z - a) * share for a, z in zip(first, second, strict=True))
    return b, g, r


def smooth(points: ArrayLike, closed: bool = False, per: int = 8) -> Points:
    """Return a Catmull-Rom curve through `points` (..., n, 2), with `per` steps from each to the next."""
    p = np.asarray(points, dtype=np.float64)
    curve: Points = _spline(p.shape[-2], closed, per) @ p
    return curve


@cache
def _spline(n: int, closed: bool, per: int) -> NDArray[np.float64]:
    """Return the matrix that maps n control points to the points of the curve."""
    t = np.linspace(0.0, 1.0, per, endpoint=False)
    weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    basis = 0.5 * np.stack(weights, axis=1)
    eye = np.eye(n)
    if closed:
        padded = np.vstack([eye[-1:], eye, eye[:2]])
        return np.vstack([basis @ padded[i : i + 4] for i in range(n)])
    padded = np.vstack([2 * eye[:1] - eye[1:2], eye, 2 * eye[-1:] - eye[-2:-1]])
    return np.vstack([*(basis @ padded[i : i + 4] for i in range(n - 1)), eye[-1:]])


@cache
def _circle(steps: int) -> Points:
    turn = np.linspace(0.0, 2 * np.pi, steps, endpoint=False)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float, steps: int = 24) -> Points:
    """Return an ellipse with the centre (x, y) as a polygon."""
    return _circle(steps) * (rx, ry) + (x, y)


def moved(points: Points, x: float = 0.0, y: float = 0.0) -> Points:
    """Move the points by `x` to the right and by `y` down."""
    at: Points = points + np.array([x, y])
    return at


def mirrored(half: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return `half` and its mirror image, backwards. Points on the middle line (x = 0) are not repeated."""
    return [*half, *((-x, y) for x, y in reversed(half) if x != 0.0)]


class Canvas:
    """A BGR picture, SUPER times as large as the finished one, and the pose for projecting a face onto it.

    Angles in radians, `scale` in pixels of the finished picture for one face unit, `shift` in face units.
    """

    def __init__(self, yaw: float, roll: float, pitch: float, scale: float, shift: tuple[float, float]) -> None:
        self.side = SIZE * SUPER
        self.image: Picture = np.zeros((self.side, self.side, 3), np.uint8)
        self.unit = scale * SUPER
        self.origin = self.side / 2 + np.array(shift) * self.unit
        self.turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]]) * self.unit
        self.squeeze = np.array([np.cos(yaw), 1.0])
        self.towards = np.array([np.sin(yaw), np.sin(pitch)])

    def face(self, points: ArrayLike, bump: float = 0.0) -> Points:
        """Return the pixels of points on the front of the head. `bump` raises them above it (nose, lips)."""
        p = np.asarray(points, dtype=np.float64)
        return self._place(p, _front(p) + bump)

    def rim(self, points: ArrayLike) -> Points:
        """Return the pixels of points on the outline. When the head turns, the crown stays and the chin moves."""
        p = np.asarray(points, dtype=np.float64)
        return self._place(p, _front(p) * np.minimum(np.maximum((p[..., 1] - 0.2) / 0.9, 0.0), 1.0))

    def flat(self, points: ArrayLike, depth: float = 0.0) -> Points:
        """Return the pixels of points in a plane `depth` in front of the ears."""
        p = np.asarray(points, dtype=np.float64)
        return self._place(p, np.full(p.shape[:-1], depth))

    def body(self, points: ArrayLike) -> Points:
        """Return the pixels of points that neither turn nor tilt with the head."""
        return np.asarray(points, dtype=np.float64) * self.unit + self.origin

    def _place(self, p: Points, z: NDArray[np.float64]) -> Points:
        placed: Points = (p * self.squeeze + z[..., None] * self.towards) @ self.turn + self.origin
        return placed

    def paint(
        self, pixels: Points, colour: Colour, alpha: float = 1.0, soft: float = 0.0, clip: Points | None = None
    ) -> None:
        """Fill a polygon. `soft` blurs its edge (face units), `clip` keeps it inside another polygon."""
        if alpha >= 1.0 and soft == 0.0 and clip is None:
            cv2.fillPoly(self.image, [_fixed(pixels)], colour, cv2.LINE_AA, FRACTION_BITS)
        else:
            self.layer([pixels], [min(alpha, 1.0)], colour, soft, clip)

    def layer(
        self,
        shapes: Sequence[Points],
        alphas: Sequence[float],
        colour: Colour,
        soft: float = 0.0,
        clip: Points | None = None,
    ) -> None:
        """Fill polygons of one colour, each with its own opacity, blurred together."""
        polygons = [_fixed(shape) for shape in shapes]
        bound = None if clip is None else _fixed(clip)
        blur = int(soft * self.unit) | 1
        window = self._window(np.concatenate(polygons), 2 + blur)
        if bound is not None:
            a, b, c, d = window
            x0, y0, x1, y1 = self._window(bound, 1)
            window = max(a, x0), max(b, y0), min(c, x1), min(d, y1)
        x0, y0, x1, y1 = window
        if x0 >= x1 or y0 >= y1:
            return
        mask: Any = np.zeros((y1 - y0, x1 - x0), np.uint8)
        corner = np.array([x0, y0], np.int32) << FRACTION_BITS
        for polygon, alpha in zip(polygons, alphas, strict=True):
            cv2.fillPoly(mask, [polygon - corner], 255.0 * alpha, cv2.LINE_AA, FRACTION_BITS)
        if blur > 1:
            mask = cv2.blur(cv2.blur(mask, (blur, blur)), (blur, blur))
        if bound is not None:
            stencil = np.zeros_like(mask)
            cv2.fillPoly(stencil, [bound - corner], 255.0, cv2.LINE_AA, FRACTION_BITS)
            mask = cv2.multiply(mask, stencil, scale=1 / 255)
        part = self.image[y0:y1, x0:x1]
        share = cv2.merge([mask, mask, mask])
        kept = cv2.multiply(part, cv2.bitwise_not(share), scale=1 / 255)
        cv2.add(kept, cv2.multiply(share, np.array((*colour, 0.0)), scale=1 / 255), dst=part)

    def stroke(
        self, pixels: Points, width: float, colour: Colour, alpha: float = 1.0, taper: float = 1.0, soft: float = 0.0
    ) -> None:
        """Draw a line of `width` (face units) that tapers towards its ends (`taper` 0: not at all)."""
        self.paint(self.ribbon(pixels, width, taper), colour, alpha, soft)

    def ribbon(self, pixels: Points, width: float, taper: float = 1.0) -> Points:
        """Return the outline of such a line."""
        step = np.empty_like(pixels)
        step[1:-1] = pixels[2:] - pixels[:-2]
        step[0], step[-1] = pixels[1] - pixels[0], pixels[-1] - pixels[-2]
        half = 0.5 * width * self.unit * _taper(len(pixels), taper) / (np.hypot(step[:, 0], step[:, 1]) + 1e-9)
        across = step[:, ::-1] * half[:, None]
        across[:, 0] *= -1
        return np.concatenate([pixels + across, (pixels - across)[::-1]])

    def hairs(self, lines: Points, colours: Sequence[Colour], inside: Points | None = None, alpha: float = 1.0) -> None:
        """Draw fine lines (n, points, 2), which take the colours in turn, `inside` a polygon."""
        if len(lines) == 0:
            return
        x0, y0, x1, y1 = self._window(_fixed(lines.reshape(-1, 2) if inside is None else inside), 2)
        if x0 >= x1 or y0 >= y1:
            return
        part = self.image[y0:y1, x0:x1]
        over = part.copy()
        fixed = _fixed(lines - (x0, y0))
        for i, colour in enumerate(colours):
            cv2.polylines(over, list(fixed[i :: len(colours)]), False, colour, 1, cv2.LINE_AA, FRACTION_BITS)
        if inside is None:
            cv2.addWeighted(over, alpha, part, 1.0 - alpha, 0.0, dst=part)
            return
        mask = np.zeros(part.shape[:2], np.float32)
        cv2.fillPoly(mask, [_fixed(inside - (x0, y0))], alpha, cv2.LINE_8, FRACTION_BITS)
        part[:] = cv2.blendLinear(over, part, mask, 1.0 - mask)

    def tint(self, factors: NDArray[np.float32]) -> None:
        """Multiply the picture by a small map of factors (h, w, 3), stretched to its size."""
        large = cv2.resize(factors, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        cv2.multiply(self.image, large, dst=self.image, dtype=cv2.CV_8U)

    def finished(self) -> Picture:
        """Return the picture at its final size, SIZE x SIZE x 3."""
        return np.asarray(cv2.resize(self.image, (SIZE, SIZE), interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def _window(self, fixed: NDArray[np.int32], margin: int) -> Window:
        x, y, w, h = cv2.boundingRect(fixed)
        x0, y0 = (x >> FRACTION_BITS) - margin, (y >> FRACTION_BITS) - margin
        x1, y1 = ((x + w) >> FRACTION_BITS) + margin + 1, ((y + h) >> FRACTION_BITS) + margin + 1
        return max(x0, 0), max(y0, 0), min(x1, self.side), min(y1, self.side)


def _front(p: Points) -> NDArray[np.float64]:
    """Return how far points on the front of the head, an ellipsoid, stand out."""
    height: NDArray[np.float64] = 1.0 - (p[..., 0] / 1.06) ** 2 - (p[..., 1] / 1.9) ** 2
    return DEPTH * np.sqrt(np.maximum(height, 0.0))


@cache
def _taper(n: int, taper: float) -> NDArray[np.float64]:
    return 1.0 - taper * np.linspace(-1.0, 1.0, n) ** 2


def _fixed(pixels: Points) -> NDArray[np.int32]:
    return np.rint(pixels * (1 << FRACTION_BITS)).astype(np.int32)
