"""Inputs that a network is checked on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .pictures import Picture, fitted

if TYPE_CHECKING:
    from openvino import Model

Feed = Mapping[str, NDArray[Any]]
"""Name of an input -> its value, N x C x H x W as in the IR."""
Pixels = Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]
"""Makes what an input of bytes of this shape is fed."""
SEED = 1
_SMOOTH = 4


def make_feeds(model: Model, given: Sequence[Picture] = ()) -> list[Feed]:
    """Return noise, in which each pixel differs from the next, something as smooth as a picture, and the given pictures.

    Inputs of bytes get pictures, others normal numbers. The same net always gets the same numbers.
    """
    random = np.random.default_rng(SEED)
    return [_feed(model, random, pixels) for pixels in (_noise, _smooth, *(_showing(picture) for picture in given))]


def _feed(model: Model, random: np.random.Generator, pixels: Pixels) -> Feed:
    feed: dict[str, NDArray[Any]] = {}
    for source in model.inputs:
        shape, kind = tuple(source.shape), source.get_element_type().to_dtype()
        if kind.kind == "f":
            values = random.standard_normal(shape).astype(np.float16)
        else:
            values = (pixels if len(shape) == 4 else _noise)(random, shape)
        feed[source.get_any_name()] = values.astype(kind)
    return feed


def _noise(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    return random.integers(0, 256, shape)


def _showing(picture: Picture) -> Pixels:
    return lambda _, shape: fitted(picture, shape)


def _smooth(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a few waves across the last two dimensions, between 0 and 255."""
    lead = shape[:-2]
    total: NDArray[np.float64] = np.zeros(shape)
    for _ in range(_SMOOTH):
        phase = 2 * np.pi * random.random((*lead, 1, 1))
        across, down = (random.uniform(-3, 3, (*lead, 1, 1)) for _ in range(2))
        rows, columns = np.linspace(0, 1, shape[-2])[:, None], np.linspace(0, 1, shape[-1])
        total += np.sin(phase + 2 * np.pi * (down * rows + across * columns))
    return np.asarray(127.5 * (1 + total / _SMOOTH))
