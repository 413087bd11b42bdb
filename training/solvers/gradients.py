"""The gradients of one iteration of a train net, computed by PyTorch at once, or layer by layer."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import SolverParameter
from common.commands import LOGGER

from ..errors import TrainingError
from ..nets.debug_info import debug_pass
from ..nets.layerwise import Layerwise
from ..nets.loading import names_text
from ..nets.net import Net
from .precision import autocast


def warn_of_lost_gradients(net: Net, param: SolverParameter) -> None:
    """Warn of weights whose gradients do not add up, because Caffe does not add them either (layers.gradients)."""
    if not net.context.caffe_bugs:
        return
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


class Gradients:
    """Computes the gradients of `net` as the settings say. They end in the grads of its weights.

    With a `layerwise` the net runs through it, so that its blobs keep data and diffs, as pycaffe needs. debug_info makes one.
    """

    def __init__(self, net: Net, param: SolverParameter, precision: str) -> None:
        self.layerwise: Layerwise | None = None
        self._net = net
        self._param = param
        self._precision = precision

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
            self._net.reseed(iteration * self._param.iter_size + part)
            total += self._add_batch(report)
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

    def _add_batch(self, report: Callable[[str], None] | None) -> float:
        if report or self.layerwise:
            self.layerwise = self.layerwise or Layerwise(self._net)
            if not any(need.layer for need in self._net.needs):
                raise self._nothing_to_train()
            if report:
                return debug_pass(self.layerwise, report)
            value = self.layerwise.forward()
            self.layerwise.backward()
            return value
        with autocast(self._precision, self._net.context.device):
            loss = self._net.forward(keep=())
        if not loss.requires_grad:
            raise self._nothing_to_train()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _nothing_to_train(self) -> TrainingError:
        return TrainingError(
            f"{self._net.path}: no loss depends on a weight, so there is nothing to train. "
            "Give the net a loss layer, and a weight an lr_mult above 0."
        )
