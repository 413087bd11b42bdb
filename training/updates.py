"""How a solver changes the weights: from gradient to step, one function for each type of solver."""

from __future__ import annotations

import difflib
from collections.abc import Callable

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import SolverParameter

from .errors import TrainingError
from .net import Parameter

# (settings, the weight's own rate, gradient, history) -> the step to subtract; history is updated in place
Update = Callable[[SolverParameter, float, Tensor, Tensor], Tensor]


def sgd(p: SolverParameter, rate: float, gradient: Tensor, history: Tensor) -> Tensor:
    """history = momentum * history + rate * gradient; the step is the history."""
    return history.mul_(p.momentum).add_(gradient, alpha=rate)


UPDATES: dict[str, Update] = {"SGD": sgd}


def _l2(gradient: Tensor, values: Tensor, decay: float) -> None:
    gradient.add_(values, alpha=decay)


def _l1(gradient: Tensor, values: Tensor, decay: float) -> None:
    gradient.add_(values.sign(), alpha=decay)


REGULARIZATIONS: dict[str, Callable[[Tensor, Tensor, float], None]] = {"L2": _l2, "L1": _l1}


def check_solver_type(p: SolverParameter) -> None:
    """Raise TrainingError for an unknown solver type or regularization."""
    for field, table in (("type", UPDATES), ("regularization_type", REGULARIZATIONS)):
        value = getattr(p, field)
        if value not in table:
            near = difflib.get_close_matches(value, table, 1)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            raise TrainingError(f'the solver\'s {field} is "{value}"; known are {", ".join(table)}.{hint}')


@torch.no_grad()
def apply_update(p: SolverParameter, rate: float, parameters: list[Parameter], histories: list[Tensor]) -> None:
    """One step, in Caffe's order: clip, divide by iter_size, add the weight decay, compute the step, subtract it."""
    # A weight that the loss does not reach has gradient 0, yet it decays and its history runs on.
    gradients = [torch.zeros_like(q.values) if q.values.grad is None else q.values.grad for q in parameters]
    if p.clip_gradients >= 0:
        norm = float(torch.stack([g.square().sum() for g in gradients]).sum().sqrt())
        if norm > p.clip_gradients:
            for gradient in gradients:
                gradient.mul_(p.clip_gradients / norm)
    for parameter, history, gradient in zip(parameters, histories, gradients, strict=True):
        if p.iter_size > 1:
            gradient.div_(p.iter_size)
        decay = p.weight_decay * parameter.decay_mult
        if decay:
            REGULARIZATIONS[p.regularization_type](gradient, parameter.values, decay)
        parameter.values.sub_(UPDATES[p.type](p, rate * parameter.lr_mult, gradient, history))
