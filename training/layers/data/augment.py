"""Random changes to training pictures beyond transform_param: turned, moved, enlarged, blurred, recoloured, partly erased.

Each kind is a class here and a field of Augmentation. They are declared in training.json (solvers/training_file.py), not in
the prototxt, which stays Caffe's. They work on bytes, before mean, scale, crop and mirror.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from typing_extensions import Self

from common.cards.typed_json import KnownKeys, rule

Picture = npt.NDArray[np.uint8]
"""Height x width x channels, BGR or grey."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Degrees = Annotated[float, Field(ge=0, le=180, allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
Pixels = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]


class _Change(KnownKeys):
    """A change that a picture undergoes with `probability`."""

    probability: Share = Field(default=1.0, description="a number from 0 to 1: the share of pictures that are changed")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name, value in self:
            if isinstance(value, tuple) and value[0] > value[1]:
                raise rule(f'"{name}" is {list(value)}; expected the smaller number first.')
        return self

    def change(self, picture: Picture, random: np.random.Generator) -> Picture:
        """Return the changed picture, of the same size."""
        raise NotImplementedError

    def __call__(self, picture: Picture, random: np.random.Generator) -> Picture:
        """Change the picture, or leave it as it is."""
        return self.change(picture, random) if random.random() < self.probability else picture


class Pad(_Change):
    """Put a black border around the picture and cut the old size out of it, at a random place."""

    pixels: int = Field(description="a number from 1 to 1024: pixels added on each side", ge=1, le=1024)

    def change(self, picture: Picture, random: np.random.Generator) -> Picture:
        height, width = picture.shape[:2]
        top, left = random.integers(2 * self.pixels + 1, size=2)
        padded = np.pad(picture, ((self.pixels, self.pixels), (self.pixels, self.pixels), (0, 0)))
        return padded[top : top + height, left : left + width]


class Warp(_Change):
    """Rotate, enlarge and move the picture, in one resampling. Beyond its edge the picture's border is repeated."""

    rotate: Degrees = Field(default=0.0, description="degrees from 0 to 180: rotated by up to so much, either way")
    scale: tuple[Factor, Factor] = Field(
        default=(1.0, 1.0), strict=False, description="two factors from 0 to 10: smallest and largest"
    )
    shift: Share = Field(default=0.0, description="a number from 0 to 1: moved by up to this share of width and height")

    def change(self, picture: Picture, random: np.random.Generator) -> Picture:
        import cv2

        height, width = picture.shape[:2]
        angle = random.uniform(-self.rotate, self.rotate)
        # Evenly on a logarithmic scale, so that half and double are equally likely.
        factor = math.exp(random.uniform(math.log(self.scale[0]), math.log(self.scale[1])))
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, factor)
        matrix[0, 2] += width * random.uniform(-self.shift, self.shift)
        matrix[1, 2] += height * random.uniform(-self.shift, self.shift)
        return _whole(
            cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            picture,
        )


class Blur(_Change):
    """Blur the picture, as if it were out of focus or an old print. The border is repeated beyond the edge."""

    sigma: tuple[Pixels, Pixels] = Field(
        default=(0.3, 1.2),
        strict=False,
        description="two numbers from 0 to 100: least and most of the Gaussian's standard deviation in pixels",
    )

    def change(self, picture: Picture, random: np.random.Generator) -> Picture:
        import cv2

        sigma = random.uniform(*self.sigma)
        return _whole(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), picture)


class Light(_Change):
    """Change contrast about the picture's mean, brightness, and with `colour` each channel by its own factor."""

    brightness: Share = Field(
        default=0.0, description="a number from 0 to 1: added to grey levels from 0 to 1, up to so much"
    )
    contrast: Share = Field(default=0.0, description="a number from 0 to 1: contrast changes by up to this share")
    colour: Share = Field(default=0.0, description="a number from 0 to 1: each channel changes by up to this share")

    def change(self, picture: Picture, random: np.random.Generator) -> Picture:
        contrast = 1 + random.uniform(-self.contrast, self.contrast)
        brightness = 255 * random.uniform(-self.brightness, self.brightness)
        colours = 1 + random.uniform(-self.colour, self.colour, picture.shape[2])
        mean = picture.mean()
        # All three are a line in the grey level, so one table for each channel does.
        levels = np.arange(256)[:, None] * colours
        table = np.clip(np.rint((levels - mean) * contrast + mean + brightness), 0, 255).astype(np.uint8)
        return np.stack([table[picture[:, :, c], c] for c in range(picture.shape[2])], axis=2)


class Grey(_Change):
    """Replace all channels by the brightness of the picture."""

    probability: Share = Field(default=0.1, description="a number from 0 to 1: the share of pictures that are changed")

    def change(self, picture: Picture, random: np.random.Generator) -> Picture:
        import cv2

        if picture.shape[2] != 3:
            return picture
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        return np.repeat(grey[:, :, None], 3, axis=2)


class Noise(_Change):
    """Add noise to each number, as film and dim light do."""

    sigma: Share = Field(
        default=0.05, description="a number from 0 to 1: standard deviation in grey levels from 0 to 1, up to so much"
    )

    def change(self, picture: Picture, random: np.random.Generator) -> Picture:
        sigma = 255 * random.uniform(0, self.sigma)
        noise = sigma * random.standard_normal(picture.shape, dtype=np.float32)
        return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


class Erase(_Change):
    """Fill a random box with one random grey level (random erasing, Zhong et al. 2017)."""

    probability: Share = Field(default=0.5, description="a number from 0 to 1: the share of pictures that are changed")
    area: tuple[Share, Share] = Field(
        default=(0.02, 0.4),
        strict=False,
        description="two numbers from 0 to 1: smallest and largest share of the picture",
    )
    aspect: tuple[Factor, Factor] = Field(
        default=(0.3, 3.3),
        strict=False,
        description="two factors from 0 to 10: height over width, smallest and largest",
    )

    def change(self, picture: Picture, random: np.random.Generator) -> Picture:
        height, width = picture.shape[:2]
        area = random.uniform(*self.area) * height * width
        aspect = math.exp(random.uniform(math.log(self.aspect[0]), math.log(self.aspect[1])))
        box_height = min(height, round(math.sqrt(area * aspect)))
        box_width = min(width, round(math.sqrt(area / aspect)))
        top = random.integers(height - box_height + 1)
        left = random.integers(width - box_width + 1)
        erased = picture.copy()
        erased[top : top + box_height, left : left + box_width] = random.integers(256)
        return erased


class Augmentation(KnownKeys):
    """What is done to each training picture, in this order. A kind that is left out does nothing."""

    pad: Pad | None = Field(default=None, description="an object: a border and a cut at a random place")
    warp: Warp | None = Field(default=None, description="an object: rotate, scale, shift")
    blur: Blur | None = Field(default=None, description="an object: out of focus")
    light: Light | None = Field(default=None, description="an object: brightness, contrast, colour")
    grey: Grey | None = Field(default=None, description="an object: the share of grey pictures")
    noise: Noise | None = Field(default=None, description="an object: noise in each number")
    erase: Erase | None = Field(default=None, description="an object: a box filled with one grey level")

    def apply(self, picture: npt.NDArray[np.generic], random: np.random.Generator) -> npt.NDArray[np.generic]:
        """Change a picture of bytes (channels x height x width). Records of floats are no pictures, and stay as they are."""
        if picture.dtype != np.uint8:
            return picture
        changed: Picture = np.ascontiguousarray(picture.transpose(1, 2, 0)).view(np.uint8)
        for kind in (self.pad, self.warp, self.blur, self.light, self.grey, self.noise, self.erase):
            if kind:
                changed = kind(changed, random)
        return changed.transpose(2, 0, 1)


def _whole(result: npt.NDArray[np.generic], picture: Picture) -> Picture:
    """Give a grey picture its third axis back, which OpenCV drops."""
    return np.asarray(result, np.uint8).reshape(picture.shape)
