"""The weights that a solver updates, and layers that share them by name."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import ParamSpec

from ..layers import Layer


@dataclass
class Parameter:
    """A weight that the solver updates: its owner layer's name, its index there, and its multipliers."""

    layer: str
    index: int
    values: Tensor
    lr_mult: float
    decay_mult: float
    given: set[str] = field(
        default_factory=set
    )  # the multipliers that a layer's param says; the others are 1 by default


class Parameters:
    """All weights of a net in Caffe's order (`list`); those of one name in `param { name }` are one weight.

    The first layer with a name owns the weight and its first values. Multipliers need be given only once; given twice
    they must be equal.
    """

    def __init__(self, training: bool) -> None:
        self.list: list[Parameter] = []
        self._training = training
        self._named: dict[str, Parameter] = {}

    def add(self, layer: Layer) -> None:
        """Take the layer's blobs, or give it the shared ones in their place. Raises LayerError if they do not fit."""
        specs = list(layer.param.param)
        if len(specs) > len(layer.blobs):
            raise layer.error(f"has {len(specs)} param for {len(layer.blobs)} weights; write at most one for each.")
        specs += [ParamSpec()] * (len(layer.blobs) - len(specs))
        for index, spec in enumerate(specs):
            if spec.name in self._named:
                self._share(layer, index, spec, self._named[spec.name])
            else:
                self._own(layer, index, spec)

    def _own(self, layer: Layer, index: int, spec: ParamSpec) -> None:
        given = {name for name in ("lr_mult", "decay_mult") if spec.HasField(name)}
        owner = Parameter(layer.name, index, layer.blobs[index], spec.lr_mult, spec.decay_mult, given)
        owner.values.requires_grad_(self._training and spec.lr_mult != 0)
        self.list.append(owner)
        if spec.name:
            self._named[spec.name] = owner

    def _share(self, layer: Layer, index: int, spec: ParamSpec, owner: Parameter) -> None:
        own, values = layer.blobs[index], owner.values
        permissive = spec.share_mode == ParamSpec.PERMISSIVE
        if own.numel() != values.numel() if permissive else own.shape != values.shape:
            raise layer.error(
                f'shares the weights "{spec.name}", which are {list(values.shape)}; its own are {list(own.shape)}. '
                f'They are those of layer "{owner.layer}"; give its own another name.'
            )
        for name in ("lr_mult", "decay_mult"):
            if not spec.HasField(name):
                continue
            value = getattr(spec, name)
            if name in owner.given and value != getattr(owner, name):
                raise layer.error(
                    f'gives the weights "{spec.name}" {name} {value:g}; layer "{owner.layer}", which shares them, '
                    f"{getattr(owner, name):g}. Write it once, or twice the same."
                )
            setattr(owner, name, value)
            owner.given.add(name)
        values.requires_grad_(self._training and owner.lr_mult != 0)
        if own.shape == values.shape:
            layer.blobs[index] = values
            return
        values.data = values.data.contiguous()  # Convolution's lie channels last, of which there is no such view
        with torch.enable_grad():
            layer.blobs[index] = values.view(own.shape)
