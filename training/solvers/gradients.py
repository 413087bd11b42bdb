"""The gradients of one iteration of a train net, computed by PyTorch at once, or layer by layer."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from caffe_io.caffe_pb2 import SolverParameter
from common.commands import LOGGER

from ..errors import TrainingError
from ..layers.data.source import read_batch
from ..nets.debug_info import debug_pass
from ..nets.layerwise import Layerwise
from ..nets.loading import names_text
from ..nets.net import Net
from .precision import autocast

if TYPE_CHECKING:
    from .training_file import Mixup


def warn_of_lost_gradients(net: Net, param: SolverParameter) -> None:
    """Warn of gradients that Caffe loses: those that do not add up (layers.gradients), and those that a Flatten cuts off."""
    if not net.context.caffe_bugs:
        return
    for index, flatten in net.shared_memory.cut.items():
        if net.needs[index].layer:
            logging.getLogger(LOGGER).warning(
                '%s: layer "%s" (Flatten): its gradient does not reach the layers before "%s" (%s), as in Caffe, because both '
                "layers share memory. Remove one of the two layers, or give --caffe-bugs off.",
                *(net.path, net.layers[flatten].name, net.layers[index].name, net.layers[index].param.type),
            )
    uses = Counter(blob.untyped_storage().data_ptr() for layer in net.layers for blob in layer.blobs)
    lost = []
    for layer in net.layers:
        if layer.replaces_gradient and layer.blobs[0].requires_grad:
            shared = uses[layer.blobs[0].untyped_storage().data_ptr()] > 1
            if shared or param.iter_size > 1:
                lost.append(f"{layer.name} ({layer.param.type})")
    if lost:
        why = (
            f"over the {param.iter_size} batches of iter_size"
            if param.iter_size > 1
            else "over the layers that share it"
        )
        logging.getLogger(LOGGER).warning(
            "%s: %s: the gradient of the weight does not add up %s; the last one replaces those before, as in Caffe "
            "(BVLC/caffe#6604). --caffe-bugs off adds them.",
            *(net.path, names_text(lost), why),
        )


# Apart from the draws of the data layers, which begin with the seed and the batch.
_MIXUP = 2


def _is_picture(top: Tensor) -> bool:
    return top.dim() == 4 and max(top.shape[2:]) > 1


class Gradients:
    """Computes the gradients of `net` as the settings say. They end in the grads of its weights.

    With a `layerwise` the net runs through it, so that its blobs keep data and diffs, as pycaffe needs. debug_info makes one.
    """

    def __init__(self, net: Net, param: SolverParameter, precision: str, mixup: Mixup | None = None) -> None:
        self.layerwise: Layerwise | None = None
        self._net = net
        self._param = param
        self._precision = precision
        self._mixup = mixup

    def compute(self, iteration: int, report: Callable[[str], None] | None = None) -> float:
        """Add up the gradients of the iteration's iter_size batches; return the mean of their losses.

        `report` takes the lines of debug_info. Raises TrainingError if no loss depends on a weight.
        """
        for parameter in self._net.parameters:
            if self.layerwise and parameter.values.grad is not None:
                # A script may hold the array.
                parameter.values.grad.zero_()
            else:
                parameter.values.grad = None
        total = 0.0
        for part in range(self._param.iter_size):
            number = iteration * self._param.iter_size + part
            self._net.reseed(number)
            total += self._add_batch(number, report)
        return total / self._param.iter_size

    def all(self) -> list[Tensor]:
        """Return the gradients of all weights that learn, to change them in place. A weight without one gets zeros."""
        gradients = []
        for parameter in self._net.parameters:
            if parameter.values.requires_grad:
                if parameter.values.grad is None:
                    parameter.values.grad = torch.zeros_like(parameter.values)
                gradients.append(parameter.values.grad)
        return gradients

    def _add_batch(self, number: int, report: Callable[[str], None] | None) -> float:
        if self._mixup:
            return self._add_mixed_batch(number, self._mixup.alpha)
        if report or self.layerwise:
            self.layerwise = self.layerwise or Layerwise(self._net)
            if not any(need.layer for need in self._net.needs):
                raise self._nothing_to_train()
            if report:
                return debug_pass(self.layerwise, report)
            value = self.layerwise.forward()
            self.layerwise.backward()
            return value
        return self._add_loss({})

    def _add_mixed_batch(self, number: int, alpha: float) -> float:
        """Mix the pictures of a batch with those in another order, and add the gradients of both labels' losses."""
        context = self._net.context
        random = np.random.default_rng((context.seed, context.batch(number), _MIXUP))
        share = float(random.beta(alpha, alpha))
        tops = read_batch(self._net.data_layers())
        order = torch.from_numpy(random.permutation(len(next(iter(tops.values()))))).to(context.device)
        mixed = {name: share * top + (1 - share) * top[order] for name, top in tops.items() if _is_picture(top)}
        others = {name: top for name, top in tops.items() if name not in mixed}
        loss = self._add_loss({**{name: top.clone() for name, top in mixed.items()}, **others}, share)
        reordered = {name: top[order] for name, top in others.items()}
        return loss + self._add_loss({**mixed, **reordered}, 1 - share)

    def _add_loss(self, feed: dict[str, Tensor], share: float = 1.0) -> float:
        """Run the net, on `feed` in place of its own data, and add the gradients of `share` of its loss."""
        with autocast(self._precision, self._net.context.device):
            loss = self._net.forward(feed, keep=())
        if share != 1:
            loss = share * loss
        if not loss.requires_grad:
            raise self._nothing_to_train()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _nothing_to_train(self) -> TrainingError:
        return TrainingError(
            f"{self._net.path}: no loss depends on a weight, so there is nothing to train. "
            "Give the net a loss layer, and a weight an lr_mult above 0."
        )
