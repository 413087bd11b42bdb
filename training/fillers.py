"""First values of weights: Caffe's fillers."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import FillerParameter

from .errors import LayerError

Shape = tuple[int, ...]
Filler = Callable[[Tensor, FillerParameter, torch.Generator], Tensor]


def constant(values: Tensor, param: FillerParameter, generator: torch.Generator) -> Tensor:
    """All equal to `value`."""
    return values.fill_(param.value)


def uniform(values: Tensor, param: FillerParameter, generator: torch.Generator) -> Tensor:
    """Evenly between `min` and `max`."""
    return values.uniform_(param.min, param.max, generator=generator)


def gaussian(values: Tensor, param: FillerParameter, generator: torch.Generator) -> Tensor:
    """Normal with `mean` and `std`; with `sparse` s, each weight is kept with probability s / (outputs of the layer)."""
    values.normal_(param.mean, param.std, generator=generator)
    if param.sparse >= 0:
        kept = torch.empty_like(values).bernoulli_(param.sparse / values.shape[0], generator=generator)
        values.mul_(kept)
    return values


def xavier(values: Tensor, param: FillerParameter, generator: torch.Generator) -> Tensor:
    """Uniform with variance 1/n (Glorot and Bengio 2010), n by `variance_norm`."""
    limit = math.sqrt(3.0 / _fan(values, param))
    return values.uniform_(-limit, limit, generator=generator)


def msra(values: Tensor, param: FillerParameter, generator: torch.Generator) -> Tensor:
    """Normal with variance 2/n (He et al. 2015), n by `variance_norm`."""
    return values.normal_(0.0, math.sqrt(2.0 / _fan(values, param)), generator=generator)


FILLERS: dict[str, Filler] = {
    "constant": constant,
    "uniform": uniform,
    "gaussian": gaussian,
    "xavier": xavier,
    "msra": msra,
}


def fill(shape: Shape, param: FillerParameter, generator: torch.Generator, layer: str) -> Tensor:
    """A float32 tensor of `shape`, filled as `param` says; `layer` is named if the filler is unknown."""
    if param.type not in FILLERS:
        near = difflib.get_close_matches(param.type, FILLERS, 1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise LayerError(f'layer "{layer}": unknown filler "{param.type}"; known are {", ".join(FILLERS)}.{hint}')
    return FILLERS[param.type](torch.empty(shape), param, generator)


def _fan(values: Tensor, param: FillerParameter) -> float:
    count = values.numel()
    fan_in = count / values.shape[0]
    fan_out = count / values.shape[1] if values.dim() > 1 else count
    if param.variance_norm == FillerParameter.FAN_OUT:
        return fan_out
    if param.variance_norm == FillerParameter.AVERAGE:
        return (fan_in + fan_out) / 2
    return fan_in
