"""The solver types' updates: each computes a step from a gradient and its history."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import SolverParameter
from common.messages import did_you_mean

from ..errors import SolverError
from ..nets.parameters import LearnableParameter

# PyTorch takes no larger factor for float32.
_LARGEST = torch.finfo(torch.float32).max

Update = Callable[[SolverParameter, float, Tensor, Sequence[Tensor], int], Tensor]
"""A function of the settings, the weight's rate, its gradient, its histories, and the number of updates before.

It returns the step to subtract, and updates the histories in place.
"""


def sgd(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """Return the history, which becomes momentum * history + rate * gradient."""
    return histories[0].mul_(p.momentum).add_(gradient, alpha=rate)


def nesterov(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """Update the history as SGD does; return (1 + momentum) * history - momentum * old history (Nesterov 1983)."""
    step = histories[0] * -p.momentum
    return step.add_(sgd(p, rate, gradient, histories, iteration), alpha=1 + p.momentum)


def adagrad(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """Sum the squared gradients; return rate * gradient / (sqrt(sum) + delta) (Duchi et al. 2011)."""
    squares = histories[0].addcmul_(gradient, gradient)
    return (gradient / squares.sqrt().add_(p.delta)).mul_(rate)


def rmsprop(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """AdaGrad with a running mean of the squares, which decays by rms_decay (Tieleman and Hinton 2012)."""
    squares = _running_square(histories[0], gradient, p.rms_decay)
    return (gradient / squares.sqrt().add_(p.delta)).mul_(rate)


def adadelta(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """Return rate * gradient * sqrt((steps + delta) / (squares + delta)) (Zeiler 2012).

    `squares` and `steps` are running means of the squared gradients and of the squared steps before the rate. Both decay by
    momentum.
    """
    squares, steps = histories
    _running_square(squares, gradient, p.momentum)
    step = gradient * ((steps + p.delta) / (squares + p.delta)).sqrt_()
    _running_square(steps, step, p.momentum)
    return step.mul_(rate)


def adam(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """Return rate * correction * mean / (sqrt(squares) + delta) (Kingma and Ba 2014).

    `mean` is a running mean of the gradients, which decays by momentum; `squares` one of their squares, which decays by
    momentum2. The correction makes up for both starting at 0.
    """
    means, squares = histories
    means.mul_(p.momentum).add_(gradient, alpha=1 - p.momentum)
    _running_square(squares, gradient, p.momentum2)
    correction = math.sqrt(1 - p.momentum2 ** (iteration + 1)) / (1 - p.momentum ** (iteration + 1))
    return (means / squares.sqrt().add_(p.delta)).mul_(rate * correction)


class SolverType(NamedTuple):
    """A solver type: its update, and how many history blobs each weight has."""

    update: Update
    histories: int = 1


SOLVER_TYPES: dict[str, SolverType] = {
    "SGD": SolverType(sgd),
    "Nesterov": SolverType(nesterov),
    "AdaGrad": SolverType(adagrad),
    "RMSProp": SolverType(rmsprop),
    "AdaDelta": SolverType(adadelta, histories=2),
    "Adam": SolverType(adam, histories=2),
}


def _l2(gradient: Tensor, values: Tensor, decay: float) -> None:
    gradient.add_(values, alpha=decay)


def _l1(gradient: Tensor, values: Tensor, decay: float) -> None:
    gradient.add_(values.sign(), alpha=decay)


REGULARIZATIONS: dict[str, Callable[[Tensor, Tensor, float], None]] = {"L2": _l2, "L1": _l1}


def check_solver_type(p: SolverParameter) -> None:
    """Raise SolverError for an unknown type or regularization_type, and for settings that Caffe refuses with the type."""
    for field, table in (("type", SOLVER_TYPES), ("regularization_type", REGULARIZATIONS)):
        value = getattr(p, field)
        if value not in table:
            hint = did_you_mean(value, table)
            raise SolverError(f'the solver\'s {field} is "{value}"; known are {", ".join(table)}.{hint}')
    if p.type in ("AdaGrad", "RMSProp") and p.momentum:
        raise SolverError(f"the solver's momentum is {p.momentum:g}, but {p.type} has no momentum. Leave it out.")
    if p.type == "RMSProp" and not 0 <= p.rms_decay < 1:
        raise SolverError(f"the solver's rms_decay is {p.rms_decay:g}; expected at least 0 and less than 1.")
    if p.iter_size < 1:
        raise SolverError(f"the solver's iter_size is {p.iter_size}; expected at least 1.")


def make_histories(p: SolverParameter, parameters: Sequence[LearnableParameter]) -> list[Tensor]:
    """Return zeros in the order of a solverstate: the first histories of all weights, then their second ones, if any."""
    count = SOLVER_TYPES[p.type].histories
    return [torch.zeros_like(parameter.values) for _ in range(count) for parameter in parameters]


@torch.no_grad()
def apply_update(
    p: SolverParameter,
    rate: float,
    parameters: Sequence[LearnableParameter],
    histories: Sequence[Tensor],
    iteration: int,
    report: Callable[[str], None] = lambda line: None,
    keep_steps: bool = False,
) -> None:
    """Update all weights in Caffe's order: clip, divide by iter_size, add the weight decay, compute the step, subtract it.

    `iteration` is the number of updates before. `report` takes a line for the log if gradients are clipped. With
    `keep_steps` the step is left in the weight's grad, as Caffe leaves it in the diff.
    """
    # A weight without a path to the loss has gradient 0. Its decay and its history still count.
    gradients = [torch.zeros_like(q.values) if q.values.grad is None else q.values.grad for q in parameters]
    if p.clip_gradients >= 0:
        _clip(gradients, p.clip_gradients, report)
    update = SOLVER_TYPES[p.type].update
    for index, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
        if p.iter_size > 1:
            gradient.mul_(1 / p.iter_size)
        decay = p.weight_decay * parameter.decay_mult
        if decay:
            REGULARIZATIONS[p.regularization_type](gradient, parameter.values, decay)
        own_rate = min(rate * parameter.lr_mult, _LARGEST)
        step = update(p, own_rate, gradient, histories[index :: len(parameters)], iteration)
        parameter.values.sub_(step)
        if keep_steps:
            # A copy, because SGD's step is the history itself; in place, because a script may hold the array.
            parameter.values.grad = gradient.copy_(step)


def _clip(gradients: list[Tensor], limit: float, report: Callable[[str], None]) -> None:
    """Scale all gradients down if their L2 norm, taken over all of them together, is above `limit`."""
    norm = float(torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt())
    if norm > limit:
        factor = limit / norm
        report(f"Gradient clipping: scaling down gradients (L2 norm {norm:g} > {limit:g}) by scale factor {factor:g}")
        for gradient in gradients:
            gradient.mul_(factor)


def _running_square(history: Tensor, values: Tensor, decay: float) -> Tensor:
    """Set history to decay * history + (1 - decay) * values ** 2, and return it."""
    return history.mul_(decay).addcmul_(values, values, value=1 - decay)
