"""Caffe's fillers: the first values of weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import FillerParameter
from caffe_io.parameters import fillers
from common.messages import known_names

from ..errors import LayerError

Shape = tuple[int, ...]
Filler = Callable[[Tensor, FillerParameter, torch.Generator], Tensor]
"""Fills and returns a tensor; raises ValueError for settings or a shape that do not fit."""


def uniform(values: Tensor, param: FillerParameter, generator: torch.Generator) -> Tensor:
    """Draw uniformly between `min` and `max`."""
    if param.min > param.max:
        raise ValueError(f"min {param.min:g} is above max {param.max:g}")
    return values.uniform_(param.min, param.max, generator=generator)


def gaussian(values: Tensor, param: FillerParameter, generator: torch.Generator) -> Tensor:
    """Draw from a normal distribution with `mean` and `std`.

    With `sparse` s, each weight is kept with probability s / (outputs of the layer).
    """
    if param.std <= 0:
        raise ValueError(f'std is {param.std:g}; expected a number above 0 (type "constant" makes all weights equal)')
    values.normal_(param.mean, param.std, generator=generator)
    if param.sparse >= 0:
        outputs = _outputs(values)
        if param.sparse > outputs:
            raise ValueError(f"sparse is {param.sparse}, which is more than the first size of the weights, {outputs}")
        values.mul_(torch.empty_like(values).bernoulli_(param.sparse / outputs, generator=generator))
    return values


def positive_unitball(values: Tensor, param: FillerParameter, generator: torch.Generator) -> Tensor:
    """Draw numbers above 0, such that those of each output add up to 1."""
    rows = values.uniform_(0, 1, generator=generator).view(_outputs(values), -1)
    rows.div_(rows.sum(1, keepdim=True))
    return values


def xavier(values: Tensor, param: FillerParameter, generator: torch.Generator) -> Tensor:
    """Draw uniformly with variance 1/n (Glorot and Bengio 2010), n by `variance_norm`."""
    limit = math.sqrt(3.0 / _fan(values, param))
    return values.uniform_(-limit, limit, generator=generator)


def msra(values: Tensor, param: FillerParameter, generator: torch.Generator) -> Tensor:
    """Draw from a normal distribution with variance 2/n (He et al. 2015), n by `variance_norm`."""
    return values.normal_(0.0, math.sqrt(2.0 / _fan(values, param)), generator=generator)


FILLERS: dict[str, Filler] = {
    # Those without chance are in caffe_io/parameters/fillers.py.
    "gaussian": gaussian,
    "msra": msra,
    "positive_unitball": positive_unitball,
    "uniform": uniform,
    "xavier": xavier,
}


def fill(shape: Shape, param: FillerParameter, generator: torch.Generator, layer: str) -> Tensor:
    """Make a float32 tensor of `shape`, filled as `param` says.

    Raises LayerError, with `layer` as the name, for an unknown filler or settings that do not fit.
    """
    without_chance = fillers.FILLERS
    if param.type not in (*FILLERS, *without_chance):
        known = known_names(param.type, [*FILLERS, *without_chance])
        raise LayerError(f'layer "{layer}": unknown filler "{param.type}". {known}')
    try:
        if param.sparse < -1 or (param.sparse >= 0 and param.type != "gaussian"):
            raise ValueError(f"sparse is {param.sparse}; only gaussian takes it, 0 or more")
        for field, value in param.ListFields():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{field.name} is {value:g}; expected a finite number")
        if param.type in without_chance:
            values = torch.empty(shape)
            values.numpy()[...] = without_chance[param.type](shape, param)
            return values
        return FILLERS[param.type](torch.empty(shape), param, generator)
    except ValueError as error:
        raise LayerError(f'layer "{layer}": filler "{param.type}": {error}.') from error


def _outputs(values: Tensor) -> int:
    if not values.dim():
        raise ValueError("expected weights with axes; found a single number")
    return values.shape[0]


def _fan(values: Tensor, param: FillerParameter) -> float:
    count = values.numel()
    fan_in = count / _outputs(values)
    fan_out = count / values.shape[1] if values.dim() > 1 else count
    if param.variance_norm == FillerParameter.FAN_OUT:
        return fan_out
    if param.variance_norm == FillerParameter.AVERAGE:
        return (fan_in + fan_out) / 2
    return fan_in
