"""What a compiled network does to an input before its first layer: reverse channels, subtract a mean, multiply by a scale.

It comes from the net's training, from options, or from both if they agree. The device is fed raw bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from caffe_io.blobs import Array
from caffe_io.mean import read_mean
from common.commands import LOGGER
from common.errors import MeanError, UsageError
from common.messages import shape_text

from ..mean import fit_mean
from .shapes import Shape, pictures
from .training import Transform

Values = Sequence[tuple[str, Sequence[float]]]
"""Numbers for each input, as notation.parse_values returns them."""

_logger = logging.getLogger(LOGGER)
SAME_MEAN = 1e-2
SAME_SCALE = 1e-3
"""How far apart two means of pixels, and two scales, may be and still be the same, written with fewer digits."""


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """What the network does to one input: (x - mean) * scale, after its channels are reversed.

    `mean` and `scale` have the axes of the input without its batch, and are broadcast over it. `whole` is the mean before
    it was cropped to the input, as its file holds it. `crop_size` is the side of the square that training cut out of its
    records, 0 if it cut none. `uncropped` is their height and width before that, if it is known.
    """

    mean: Array | None = None
    whole: Array | None = None
    scale: Array | None = None
    reverse: bool = False
    crop_size: int = 0
    uncropped: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to do, or to say."""
        return self.mean is not None or self.scale is not None or self.reverse or self.crop_size > 0


@dataclass(frozen=True)
class Options:
    """What the options of the command line say: a mean file or means, divisors, and whether channels are reversed."""

    mean_file: Path | None = None
    mean_option: str = "--mean"
    means: Values = ()
    divisor: float | None = None
    divisors: Values = ()
    reverse: bool = False
    other_sizes: bool = False
    """The net is meant to take pictures of other sizes than it was trained with."""

    @property
    def has_mean(self) -> bool:
        """Whether they say what the mean is, be it none."""
        return self.mean_file is not None or bool(self.means)


def plan(
    shapes: Mapping[str, Shape], options: Options, transforms: Mapping[str, Transform], net_file: str
) -> dict[str, Preprocessing]:
    """Return what the network is to do to each input that needs anything.

    Raises MeanError where an option and the training differ, and UsageError for options that fit no input.
    """
    names = pictures(shapes)
    if options.mean_file is not None and not names:
        raise UsageError(f"{net_file}: no input takes pictures (N x C x H x W). Leave out --mean.")
    if options.reverse and not any(shapes[name][1] == 3 for name in names):
        raise UsageError(
            f"{net_file}: no input takes pictures of 3 channels, which --reverse_input_channels would reverse. Leave it out."
        )
    means = _by_input(options.mean_option, options.means, shapes, net_file)
    divisors = _by_input("--scale_values", options.divisors, shapes, net_file)
    if options.divisor is not None:
        # As in Model Optimizer: all inputs.
        divisors = {name: [options.divisor] for name in shapes}
        if 0 < options.divisor < 1:
            _logger.warning(
                "--scale %g: is below 1. Pixels are divided by it, as in Model Optimizer; Caffe's transform_param "
                "multiplies by its scale. For `scale: %g` give --scale %g.",
                *(options.divisor, options.divisor, 1 / options.divisor),
            )
    planned = {}
    for name, dims in shapes.items():
        given: _Given | None = None
        if name in means:
            given = _Given(options.mean_option, means[name], _per_channel(options.mean_option, means[name], name, dims))
        elif options.mean_file is not None and name == names[0]:
            given = _Given("--mean", [options.mean_file], read_mean(options.mean_file))
        transform = transforms.get(name)
        whole, mean = _agreed_mean(given, transform, dims)
        crop = _agreed_crop(options, transform, net_file, name, dims)
        found = Preprocessing(
            mean=mean,
            whole=whole,
            scale=_agreed_scale(divisors.get(name), options, transform, name, dims),
            reverse=options.reverse and name in names and dims[1] == 3,
            crop_size=crop,
            uncropped=_uncropped(crop, whole, transform, dims),
        )
        if found:
            planned[name] = found
    return planned


@dataclass(frozen=True, eq=False)
class _Given:
    """A mean from an option."""

    option: str
    words: Sequence[object]
    mean: Array

    def __str__(self) -> str:
        return " ".join([self.option, *(f"{word:g}" if isinstance(word, float) else str(word) for word in self.words)])


def _by_input(option: str, values: Values, shapes: Mapping[str, Shape], net_file: str) -> dict[str, Sequence[float]]:
    """Find the input of each list of numbers: by its name, or by its place. A single one is for the picture."""
    listed = ", ".join(f"{name} {shape_text(dims)}" for name, dims in shapes.items())
    for name, _ in values:
        if name and name not in shapes:
            raise UsageError(f'{option}: {net_file} has no input "{name}"; it has {listed}.')
    if any(name for name, _ in values):
        return dict(values)
    names = list(shapes) if len(values) > 1 else (pictures(shapes) or list(shapes))[:1]
    if values and len(values) != len(names):
        raise UsageError(f"{option}: has {len(values)} lists; expected one for each input of {net_file}: {listed}.")
    return {name: numbers for name, (_, numbers) in zip(names, values, strict=False)}


def _per_channel(option: str, numbers: Sequence[float], name: str, dims: Shape) -> Array:
    """Return one number for all channels, or one for each, with the axes of an input without its batch."""
    channels = dims[1] if len(dims) > 1 else 1
    if len(numbers) not in (1, channels):
        raise UsageError(
            f'{option} has {len(numbers)} values, and the input "{name}" has {channels} channels; '
            f"expected 1 or {channels} values."
        )
    axes = (channels, *[1] * (len(dims) - 2)) if len(dims) > 1 else ()
    return np.broadcast_to(np.array(numbers, np.float32).reshape(-1, *axes[1:]), axes or (1,)).copy()


def _agreed_mean(given: _Given | None, transform: Transform | None, dims: Shape) -> tuple[Array | None, Array | None]:
    """Return the mean as its file holds it, and as the input needs it: that of training, or else the given one."""
    given_mean = None if given is None else _fit(given.mean, dims, str(given))
    given_pair = (None, None) if given is None or given_mean is None else (given.mean, given_mean)
    if transform is None:
        return given_pair
    if given is not None and transform.param.mean_file and not Path(transform.param.mean_file).exists():
        _logger.warning(
            "%s has %s, which is not there, so %s could not be compared with it.",
            *(transform.place, transform.mean_text, given),
        )
        return given_pair
    whole = transform.mean(dims[1])
    mean = None if whole is None else _fit(whole, dims, transform.param.mean_file or transform.place)
    if given is not None:
        difference = (np.float32(0) if mean is None else mean) - (np.float32(0) if given_mean is None else given_mean)
        if not np.abs(difference).max(initial=0) <= SAME_MEAN:
            raise MeanError(
                f"{given} is not what the net was trained with: {transform.place} has {transform.mean_text}. "
                f"Leave out {given.option}, or correct the one that is wrong."
            )
    return whole, mean


def _fit(mean: Array, dims: Shape, file: str) -> Array | None:
    """Return the part of a mean that an input needs; None for zeros."""
    if not mean.any():
        return None
    if len(dims) != 4 or mean.shape == (dims[1], 1, 1):
        return mean
    return fit_mean(mean, *dims[1:], file)


def _agreed_scale(
    numbers: Sequence[float] | None, options: Options, transform: Transform | None, name: str, dims: Shape
) -> Array | None:
    """Return the factor of each channel: that of training, or else 1 / the given divisor. None if all are 1."""
    option = "--scale" if options.divisor is not None else "--scale_values"
    scale = None
    if numbers is not None:
        if not all(numbers):
            raise UsageError(f"{option}: is 0, by which nothing can be divided.")
        scale = _per_channel(option, [1 / number for number in numbers], name, dims)
    if transform is not None:
        trained = _per_channel("scale", [transform.scale], name, dims)
        if scale is not None and not np.allclose(scale, trained, rtol=SAME_SCALE, atol=0):
            values = " ".join(f"{number:g}" for number in numbers or ())
            raise MeanError(
                f"{option} {values} divides, so it multiplies by {' '.join(f'{1 / number:g}' for number in numbers or ())}; "
                f"but {transform.place} has {transform.scale_text}. Leave out {option}, or correct the one that is wrong."
            )
        scale = trained
    if scale is None or (scale == 1).all():
        return None
    with np.errstate(over="ignore"):
        half = scale.astype(np.float16)
    if not np.allclose(half, scale, rtol=1e-2, atol=0):
        raise MeanError(
            f'the input "{name}" would be multiplied by {scale.min():g}, which FP16, in which the stick computes, cannot '
            "hold: its smallest number is 6e-8 and its largest 65504. Put the factor into the weights of the first layer."
        )
    return scale


def _agreed_crop(options: Options, transform: Transform | None, net_file: str, name: str, dims: Shape) -> int:
    """Return the crop_size of training, which must be the size of the input."""
    crop = 0 if transform is None else transform.crop
    if crop and not options.other_sizes and dims[2:] != (crop, crop):
        assert transform is not None
        raise MeanError(
            f'{net_file}: the input "{name}" takes {shape_text(dims)}, but {transform.place} crops pictures to {crop}x{crop}. '
            "Correct the one that is wrong; if the net is meant for other sizes, say so with "
            f"--input_shape [{','.join(map(str, dims))}]."
        )
    return crop


def _uncropped(crop: int, whole: Array | None, transform: Transform | None, dims: Shape) -> tuple[int, int] | None:
    """Return height and width of training's pictures before the crop, if the input is the crop and they are known.

    The mean image, of training or of an option, is as large as they are.
    """
    from common.card import LARGEST_SIDE

    if not crop or transform is None or dims[2:] != (crop, crop):
        return None
    if whole is not None and whole.ndim == 3 and whole.shape[1:] != (1, 1):
        found: tuple[int, int] | None = (whole.shape[1], whole.shape[2])
    else:
        found = transform.uncropped()
    return found if found and crop <= min(found) and max(found) <= LARGEST_SIDE else None
