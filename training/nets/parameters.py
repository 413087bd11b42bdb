"""Collects the weights that a solver updates, and shares those of one name between layers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import ParamSpec
from common.messages import shape_text

from ..layers import Layer


@dataclass
class LearnableParameter:
    """A weight that the solver updates: the name of the layer that owns it, its index there, and its multipliers.

    `given` names the multipliers that a layer's `param` sets; the others have the default 1.
    """

    layer: str
    index: int
    values: Tensor
    lr_mult: float
    decay_mult: float
    given: set[str] = field(default_factory=set)


def layer_not_finite(parameters: Iterable[LearnableParameter]) -> str:
    """Return the layer of the first weight that is NaN or infinite, or "" if there is none."""
    return next((each.layer for each in parameters if not each.values.isfinite().all()), "")


class LearnableParameters:
    """All weights of a net in Caffe's order (`list`). Layers that use the same name in `param { name }` share a weight.

    The first of them owns the weight and fills it. One of them is enough to set a multiplier; if several do, the values
    must be equal.
    """

    def __init__(self, training: bool) -> None:
        self.list: list[LearnableParameter] = []
        self._training = training
        self._named: dict[str, LearnableParameter] = {}

    def add(self, layer: Layer) -> None:
        """Add the layer's weights, or replace them by the shared ones. Raises LayerError if those do not fit."""
        specs = list(layer.param.param)
        if len(specs) > len(layer.blobs):
            raise layer.error(f"has {len(specs)} param for {len(layer.blobs)} weights. Give each weight at most one.")
        specs += [ParamSpec()] * (len(layer.blobs) - len(specs))
        for index, spec in enumerate(specs):
            if spec.name in self._named:
                self._share(layer, index, spec, self._named[spec.name])
            else:
                self._own(layer, index, spec)

    def _own(self, layer: Layer, index: int, spec: ParamSpec) -> None:
        given = {name for name in ("lr_mult", "decay_mult") if spec.HasField(name)}
        owner = LearnableParameter(layer.name, index, layer.blobs[index], spec.lr_mult, spec.decay_mult, given)
        owner.values.requires_grad_(self._training and spec.lr_mult != 0)
        self.list.append(owner)
        if spec.name:
            self._named[spec.name] = owner

    def _share(self, layer: Layer, index: int, spec: ParamSpec, owner: LearnableParameter) -> None:
        own, values = layer.blobs[index], owner.values
        permissive = spec.share_mode == ParamSpec.PERMISSIVE
        if own.numel() != values.numel() if permissive else own.shape != values.shape:
            raise layer.error(
                f'shares the weights "{spec.name}" of layer "{owner.layer}", which are {shape_text(values.shape)}, but needs '
                f"{shape_text(own.shape)}. Give them another name."
            )
        for name in ("lr_mult", "decay_mult"):
            if not spec.HasField(name):
                continue
            value = getattr(spec, name)
            if name in owner.given and value != getattr(owner, name):
                raise layer.error(
                    f'gives the weights "{spec.name}" {name} {value:g}, but layer "{owner.layer}", which shares them, gives '
                    f"{getattr(owner, name):g}. Set it in one layer, or to the same value in both."
                )
            setattr(owner, name, value)
            owner.given.add(name)
        values.requires_grad_(self._training and owner.lr_mult != 0)
        if own.shape == values.shape:
            layer.blobs[index] = values
            return
        # Convolution's weights are in channels-last memory, which cannot be viewed in another shape.
        values.data = values.data.contiguous()
        with torch.enable_grad():
            layer.blobs[index] = values.view(own.shape)
