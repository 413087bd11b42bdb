"""Makes up a person: what age and gender do to a face, and how much this person differs from that.

Every trait is drawn from age, gender and chance, so that the signs of both can be learned but never with
certainty: people look older or younger than they are, and men and women overlap in every single sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.tasks import FEMALE, MALE

from .canvas import Colour, bgr, mix

SKIN = [bgr(c) for c in ["#f8d9c4", "#f3c9ab", "#eab891", "#d69e73", "#b57c52", "#8d5a3b", "#694029"]]
HAIR = [bgr(c) for c in ["#1d1717", "#2b1f1a", "#3d2a20", "#54361f", "#6f4a2a", "#94683a", "#b98c50", "#8a3f1f"]]
IRIS = [bgr(c) for c in ["#4a2d1a", "#5d3a1e", "#6f5327", "#5d6b3a", "#4c7386", "#6c8aa3"]]
CLOTH = [
    bgr(c) for c in ["#31506b", "#7a3b46", "#4f6b55", "#c9b79c", "#2f3138", "#8a6f9a", "#d9dde0", "#b5623f", "#5b8a9a"]
]
WALL = [
    bgr(c) for c in ["#cfd9df", "#e7dccb", "#b9c9b5", "#d8c3bd", "#9fb3c4", "#8c8f94", "#e9e6e0", "#c7bfd6", "#7d8a7a"]
]
GREY, WHITE = bgr("#9a9a9b"), bgr("#e6e6e3")

LONG_STYLES = ("long", "wavy", "bob", "bun", "ponytail")
SHORT_STYLES = ("short", "parted", "crop", "curly")


@dataclass(frozen=True)
class Photo:
    """How the picture was taken: angles in radians, lengths in face units, light and noise in grey levels."""

    yaw: float
    roll: float
    pitch: float
    scale: float  # pixels for one face unit
    shift: tuple[float, float]
    wall: tuple[Colour, Colour]
    light: tuple[float, float]  # from -1 (left) to 1 (right); strength 0..1
    warmth: float
    exposure: float
    blur: float  # standard deviation in pixels
    noise: float  # standard deviation in grey levels


@dataclass(frozen=True)
class Person:
    """Traits. Without a unit, 0 means not at all and 1 as much as possible."""

    age: int
    gender: int
    looks: float  # the age that the face shows, in years
    growth: float  # 0 newborn, 1 grown up
    feminine: float  # of the grown-up features: 0 masculine, 1 feminine
    wrinkles: float
    sag: float
    grey: float
    spots: float
    acne: float
    freckles: float
    skin: Colour
    hair: Colour
    lips: Colour
    iris: Colour
    cloth: Colour
    style: str  # a key of hair.STYLES
    volume: float  # how far the hair stands off the head, in face units
    recede: float  # how far the hair line has gone back
    fringe: float
    part: float  # where the hair is parted, x in face units
    beard: str  # a key of hair.BEARDS
    makeup: float
    earrings: bool
    glasses: str  # "", "round", "square" or "half"
    bow: bool
    smile: float
    teeth: bool
    gaze: float
    brow: float  # thickness
    plump: float  # from -1 (thin) to 1
    nose: float  # size against the average
    eye: float  # size against the average
    mouth: float  # width against the average
    photo: Photo


def draw_person(age: int, gender: int, rng: np.random.Generator) -> Person:
    """Make up a person of this age (years, 0 to 120) and gender (0 male, 1 female). `rng` decides everything else."""
    looks = float(np.clip(age + rng.normal(0.0, 0.25 + 0.03 * min(age, 80)), 0.0, 105.0))
    growth = float(1.0 - np.exp(-((looks / 11.0) ** 0.95)))
    grown = _ramp(looks, 9, 18)
    sign = 1.0 if gender == FEMALE else -1.0
    feminine = 0.5 + 0.5 * np.clip(rng.normal(0.8 * sign, 0.42), -1.3, 1.3) * (0.15 + 0.85 * grown)
    grey = float(np.clip((looks - rng.normal(31, 3)) / 38, 0.0, 1.0))
    dyed = gender == FEMALE and 40 < age < 75 and rng.random() < 0.08
    tone = float(rng.random() ** 1.6)
    natural = _hair_colour(tone, looks, rng)
    skin = _skin_colour(tone, looks, rng)
    style = _style(age, gender, looks, rng)
    beard = _beard(gender, looks, rng)
    rosy = mix(skin, bgr("#a84044"), 0.26 + 0.18 * feminine - 0.12 * _ramp(looks, 35, 90))
    makeup = float(rng.uniform(0.35, 1.0)) if gender == FEMALE and age >= 15 and rng.random() < 0.66 else 0.0
    lipstick = bgr(str(rng.choice(["#a8223a", "#c2374f", "#b4555a", "#8e2a45", "#cf5b62"])))
    return Person(
        age=age,
        gender=gender,
        looks=looks,
        growth=growth,
        feminine=float(feminine),
        wrinkles=_noisy(_ramp(looks, 19, 90) ** 0.8, 0.03, rng),
        sag=_noisy(_ramp(looks, 20, 92) ** 0.85, 0.03, rng),
        grey=grey * (0.3 if dyed else 1.0),
        spots=_noisy(_ramp(looks, 55, 90), 0.08, rng) if looks > 52 else 0.0,
        acne=float(rng.uniform(0.3, 1.0)) if 11 < looks < 21 and rng.random() < 0.75 else 0.0,
        freckles=float(rng.uniform(0.4, 1.0)) if 4 < looks < 40 and tone < 0.4 and rng.random() < 0.15 else 0.0,
        skin=skin,
        hair=mix(natural, mix(GREY, WHITE, _ramp(looks, 55, 82)), grey * (0.3 if dyed else 0.95)),
        lips=mix(rosy, lipstick, 0.8 * makeup),
        iris=mix(IRIS[min(int(tone * 3), 1)] if tone > 0.4 else IRIS[rng.integers(len(IRIS))], GREY, 0.2 * grey),
        cloth=mix(CLOTH[rng.integers(len(CLOTH))], CLOTH[rng.integers(len(CLOTH))], rng.uniform(0, 0.4)),
        style=style,
        volume=float(rng.uniform(0.08, 0.2)) * (1.0 - 0.25 * _ramp(looks, 50, 90)) * (0.4 + 0.6 * _ramp(looks, 0, 6)),
        recede=_recede(gender, looks, rng),
        fringe=float(rng.random() < (0.5 if looks < 12 else 0.28 if gender == FEMALE else 0.12)) * rng.uniform(0.5, 1),
        part=float(rng.uniform(-0.5, 0.5)),
        beard=beard,
        makeup=makeup,
        earrings=bool(rng.random() < (0.45 if gender == FEMALE and age > 7 else 0.03 if age > 15 else 0.0)),
        glasses=_glasses(looks, rng),
        bow=bool(gender == FEMALE and age < 9 and rng.random() < 0.42),
        smile=float(np.clip(rng.normal(0.55, 0.35), -0.15, 1.0)),
        teeth=bool(rng.random() < 0.4),
        gaze=float(rng.normal(0.0, 0.35)),
        brow=float(np.clip(rng.normal(1.0, 0.18), 0.6, 1.5)),
        plump=float(np.clip(rng.normal(0.0, 0.4), -1.0, 1.0)),
        nose=float(np.clip(rng.normal(1.0, 0.1), 0.75, 1.3)),
        eye=float(np.clip(rng.normal(1.0, 0.06), 0.85, 1.15)),
        mouth=float(np.clip(rng.normal(1.0, 0.08), 0.8, 1.2)),
        photo=_photo(rng),
    )


def _ramp(value: float, start: float, end: float) -> float:
    return float(min(max((value - start) / (end - start), 0.0), 1.0))


def _noisy(value: float, spread: float, rng: np.random.Generator) -> float:
    return float(np.clip(value + rng.normal(0.0, spread) * (value > 0), 0.0, 1.0))


def _along(colours: list[Colour], place: float) -> Colour:
    place = min(max(place, 0.0), 0.9999) * (len(colours) - 1)
    return mix(colours[int(place)], colours[int(place) + 1], place % 1)


def _skin_colour(tone: float, looks: float, rng: np.random.Generator) -> Colour:
    """Choose a skin colour. Babies are rosier; old skin is paler and more yellow."""
    skin = _along(SKIN, tone)
    skin = mix(skin, bgr("#f2a79b"), 0.2 * (1.0 - _ramp(looks, 0, 7)) * (1.0 - 0.5 * tone))
    grey = sum(skin) / 3
    dull = mix(skin, mix((grey, grey, grey), bgr("#d8c49a"), 0.35), 0.4 * _ramp(looks, 18, 90))
    return mix(dull, bgr("#e0a080"), float(rng.uniform(0.0, 0.12)))


def _hair_colour(tone: float, looks: float, rng: np.random.Generator) -> Colour:
    """Choose a hair colour. Dark skin goes with dark hair, and children are fairer than they will be."""
    natural = _along(HAIR, float(rng.beta(1.1, 2.0 + 5.0 * tone)))
    return mix(natural, HAIR[6], 0.35 * (1.0 - _ramp(looks, 0, 10)) * (1.0 - tone))


def _style(age: int, gender: int, looks: float, rng: np.random.Generator) -> str:
    if looks < 1.8:
        return str(rng.choice(["fluff", "fluff", "crop"]))
    long = {MALE: 0.1, FEMALE: 0.78}[gender] if age >= 4 else {MALE: 0.14, FEMALE: 0.5}[gender]
    if gender == FEMALE:
        long -= 0.4 * _ramp(looks, 50, 80)
    if rng.random() < long:
        shares = [0.3, 0.24, 0.24, 0.12, 0.1] if looks < 45 else [0.14, 0.2, 0.4, 0.24, 0.02]
        return str(rng.choice(LONG_STYLES, p=shares))
    if gender == MALE and rng.random() < 0.45 * _ramp(looks, 28, 75):
        return "bald"
    return str(rng.choice(SHORT_STYLES, p=[0.38, 0.3, 0.2, 0.12] if gender == MALE else [0.42, 0.2, 0.06, 0.32]))


def _recede(gender: int, looks: float, rng: np.random.Generator) -> float:
    most = 1.0 if gender == MALE else 0.45
    return float(np.clip(most * _ramp(looks, 22, 78) * rng.uniform(0.8, 1.2), 0.0, 1.0))


def _beard(gender: int, looks: float, rng: np.random.Generator) -> str:
    if gender == FEMALE or looks < 16 or rng.random() > 0.3 + 0.24 * _ramp(looks, 16, 28):
        return ""
    if looks < 20:
        return str(rng.choice(["stubble", "down"]))
    return str(rng.choice(["stubble", "full", "moustache", "goatee"], p=[0.4, 0.3, 0.15, 0.15]))


def _glasses(looks: float, rng: np.random.Generator) -> str:
    if looks < 4 or rng.random() > 0.06 + 0.1 * _ramp(looks, 8, 25) + 0.4 * _ramp(looks, 38, 70):
        return ""
    return str(rng.choice(["round", "square", "half"], p=[0.4, 0.5, 0.1] if looks < 45 else [0.3, 0.35, 0.35]))


def _photo(rng: np.random.Generator) -> Photo:
    wall = mix(WALL[rng.integers(len(WALL))], (30.0, 30.0, 30.0), float(rng.uniform(0, 0.3)))
    return Photo(
        yaw=float(np.clip(rng.normal(0.0, 0.14), -0.36, 0.36)),
        roll=float(np.clip(rng.normal(0.0, 0.055), -0.16, 0.16)),
        pitch=float(np.clip(rng.normal(0.0, 0.06), -0.14, 0.14)),
        scale=float(rng.uniform(48.0, 53.0)),
        shift=(float(rng.normal(0.0, 0.05)), float(rng.normal(0.12, 0.04))),
        wall=(wall, mix(wall, WALL[rng.integers(len(WALL))], float(rng.uniform(0.1, 0.7)))),
        light=(float(rng.uniform(-1.0, 1.0)), float(rng.uniform(0.1, 0.6))),
        warmth=float(rng.normal(0.0, 0.025)),
        exposure=float(np.clip(rng.normal(1.05, 0.06), 0.85, 1.2)),
        blur=float(np.clip(rng.normal(0.0, 0.45), 0.0, 0.95)),
        noise=float(rng.uniform(0.5, 5.5)),
    )
