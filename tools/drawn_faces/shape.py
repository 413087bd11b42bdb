"""Proportions of a face: eyes, nose, mouth, jaw and the outline of the head, by growth, age and gender."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas, Colour, Points, bgr, mirrored, mix, smooth
from .person import Person

SIDES = (-1, 1)
DARK, PALE = bgr("#1c1518"), bgr("#fbf8f4")


@dataclass(frozen=True)
class Shape:
    """Heights and half widths in face units."""

    eye_x: float
    eye_y: float
    eye_w: float
    eye_h: float
    iris: float
    brow_y: float
    nose_y: float  # the tip
    nose_w: float
    mouth_y: float
    mouth_w: float
    lip_h: float
    chin_y: float
    hairline: float  # middle of the forehead
    outline: Points  # closed


@dataclass
class Sitter:
    """The argument of every step: who is drawn, in which proportions, on which canvas."""

    person: Person
    shape: Shape
    canvas: Canvas
    rng: np.random.Generator

    def skin(self, towards: str, share: float) -> Colour:
        """Return the person's skin mixed with '#rrggbb'."""
        return mix(self.person.skin, bgr(towards), share)

    @property
    def crease(self) -> Colour:
        """The colour of wrinkles, folds and soft shadows on this skin."""
        return mix(mix(self.person.skin, bgr("#6a2f22"), 0.45), (20.0, 20.0, 30.0), 0.18)

    @property
    def glow(self) -> Colour:
        """The colour of highlights on this skin."""
        return mix(self.person.skin, (235.0, 245.0, 255.0), 0.45)


def shape_of(p: Person) -> Shape:
    """Return the proportions for a person's traits."""
    g, f = p.growth, p.feminine
    grown_f, grown_m = (f - 0.5) * g, (0.5 - f) * g

    def between(baby: float, adult: float) -> float:
        return baby + (adult - baby) * g

    chin_y = between(1.0, 1.31) + 0.05 * grown_m + 0.06 * p.sag
    return Shape(
        eye_x=between(0.44, 0.41),
        eye_y=between(0.30, 0.0),
        eye_w=between(0.235, 0.212) * p.eye,
        eye_h=(between(0.165, 0.112) + 0.02 * grown_f - 0.046 * p.sag) * p.eye,
        iris=between(0.13, 0.1) * p.eye,
        brow_y=between(0.05, -0.25) - 0.06 * grown_f + 0.05 * p.sag,
        nose_y=between(0.57, 0.50) + 0.06 * p.sag,
        nose_w=(between(0.15, 0.20) + 0.045 * grown_m + 0.03 * p.sag) * p.nose,
        mouth_y=between(0.76, 0.86) + 0.05 * p.sag,
        mouth_w=between(0.22, 0.35) * p.mouth * (1.0 + 0.12 * max(p.smile, 0.0)),
        lip_h=(between(0.075, 0.085) + 0.03 * grown_f) * (1.0 - 0.6 * p.sag),
        chin_y=chin_y,
        hairline=between(-0.72, -0.80) - 0.32 * p.recede,
        outline=_outline(p, chin_y),
    )


def _outline(p: Person, chin_y: float) -> Points:
    g, f = p.growth, p.feminine
    round_ = 1.0 - g
    heavy = 0.04 * p.plump + 0.04 * p.sag
    jaw = 0.78 * round_ + g * (0.78 - 0.14 * f) + heavy
    chin = 0.42 * round_ + g * (0.42 - 0.13 * f) + 0.5 * heavy
    cheek = 1.02 * round_ + 0.94 * g + 0.025 * p.plump - 0.03 * p.sag
    return smooth(
        mirrored(
            [
                (0.0, -1.34),
                (0.50, -1.25),
                (0.86, -0.93),
                (1.0, -0.42),
                (0.99 + 0.03 * round_, 0.08),
                (cheek, chin_y * 0.42),
                (jaw, chin_y - 0.40 + 0.05 * p.sag),
                (chin, chin_y - 0.09),
                (0.0, chin_y),
            ]
        ),
        closed=True,
    )
