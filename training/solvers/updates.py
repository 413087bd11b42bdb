"""How a solver changes the weights: from gradient to step, one function for each type of solver."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import SolverParameter
from common.messages import did_you_mean

from ..errors import SolverError
from ..nets.parameters import Parameter

# (settings, the weight's own rate, gradient, its histories, updates made before) -> the step to subtract; the histories
# are updated in place
Update = Callable[[SolverParameter, float, Tensor, Sequence[Tensor], int], Tensor]


def sgd(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """history = momentum * history + rate * gradient; the step is the history."""
    return histories[0].mul_(p.momentum).add_(gradient, alpha=rate)


def nesterov(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """SGD's history; the step is (1 + momentum) * history - momentum * history before (Nesterov 1983)."""
    back = histories[0] * -p.momentum
    return back.add_(sgd(p, rate, gradient, histories, iteration), alpha=1 + p.momentum)


def adagrad(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """history = sum of squared gradients; rate * gradient / (sqrt(history) + delta) (Duchi et al. 2011)."""
    squares = histories[0].addcmul_(gradient, gradient)
    return (gradient / squares.sqrt().add_(p.delta)).mul_(rate)


def rmsprop(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """AdaGrad with a running mean of the squares, kept by rms_decay (Tieleman and Hinton 2012)."""
    squares = _running_square(histories[0], gradient, p.rms_decay)
    return (gradient / squares.sqrt().add_(p.delta)).mul_(rate)


def adadelta(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """Running means, kept by momentum, of the squares of gradients and of steps before the rate: a step is
    gradient * sqrt((steps + delta) / (gradients + delta)) (Zeiler 2012), times the rate."""
    squares, steps = histories
    _running_square(squares, gradient, p.momentum)
    step = gradient * ((steps + p.delta) / (squares + p.delta)).sqrt_()
    _running_square(steps, step, p.momentum)
    return step.mul_(rate)


def adam(p: SolverParameter, rate: float, gradient: Tensor, histories: Sequence[Tensor], iteration: int) -> Tensor:
    """Running means of gradients (momentum) and of their squares (momentum2); mean / (sqrt(squares) + delta), with the
    rate corrected for the histories' beginning at 0 (Kingma and Ba 2014)."""
    means, squares = histories
    means.mul_(p.momentum).add_(gradient, alpha=1 - p.momentum)
    _running_square(squares, gradient, p.momentum2)
    correction = math.sqrt(1 - p.momentum2 ** (iteration + 1)) / (1 - p.momentum ** (iteration + 1))
    return (means / squares.sqrt().add_(p.delta)).mul_(rate * correction)


class _Type(NamedTuple):
    update: Update
    histories: int = 1  # how many blobs a weight needs


UPDATES: dict[str, _Type] = {
    "SGD": _Type(sgd),
    "Nesterov": _Type(nesterov),
    "AdaGrad": _Type(adagrad),
    "RMSProp": _Type(rmsprop),
    "AdaDelta": _Type(adadelta, histories=2),
    "Adam": _Type(adam, histories=2),
}


def _l2(gradient: Tensor, values: Tensor, decay: float) -> None:
    gradient.add_(values, alpha=decay)


def _l1(gradient: Tensor, values: Tensor, decay: float) -> None:
    gradient.add_(values.sign(), alpha=decay)


REGULARIZATIONS: dict[str, Callable[[Tensor, Tensor, float], None]] = {"L2": _l2, "L1": _l1}


def check_solver_type(p: SolverParameter) -> None:
    """Raise SolverError for an unknown solver type or regularization, and for settings that Caffe refuses with it."""
    for field, table in (("type", UPDATES), ("regularization_type", REGULARIZATIONS)):
        value = getattr(p, field)
        if value not in table:
            hint = did_you_mean(value, table)
            raise SolverError(f'the solver\'s {field} is "{value}"; known are {", ".join(table)}.{hint}')
    if p.type in ("AdaGrad", "RMSProp") and p.momentum:
        raise SolverError(f"the solver's momentum is {p.momentum:g}; {p.type} has none. Leave it out.")
    if p.type == "RMSProp" and not 0 <= p.rms_decay < 1:
        raise SolverError(f"the solver's rms_decay is {p.rms_decay:g}; wanted at least 0 and less than 1.")
    if p.iter_size < 1:
        raise SolverError(f"the solver's iter_size is {p.iter_size}; wanted at least 1.")


def make_histories(p: SolverParameter, parameters: Sequence[Parameter]) -> list[Tensor]:
    """Zeros in the order of a solverstate: one for each weight, then, for types that keep two, one for each again."""
    return [torch.zeros_like(q.values) for _ in range(UPDATES[p.type].histories) for q in parameters]


@torch.no_grad()
def apply_update(
    p: SolverParameter,
    rate: float,
    parameters: Sequence[Parameter],
    histories: Sequence[Tensor],
    iteration: int,
    report: Callable[[str], None] = lambda line: None,
    keep: bool = False,
) -> None:
    """One step, in Caffe's order: clip, divide by iter_size, add the weight decay, compute the step, subtract it.

    `iteration` counts the updates made before; `report` takes a line for the log when gradients are clipped. With `keep`
    the weights' grad is then the step, as it is in Caffe.
    """
    # A weight that the loss does not reach has gradient 0, yet it decays and its history runs on.
    gradients = [torch.zeros_like(q.values) if q.values.grad is None else q.values.grad for q in parameters]
    if p.clip_gradients >= 0:
        _clip(gradients, p.clip_gradients, report)
    update = UPDATES[p.type].update
    for index, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
        if p.iter_size > 1:
            gradient.mul_(1 / p.iter_size)
        decay = p.weight_decay * parameter.decay_mult
        if decay:
            REGULARIZATIONS[p.regularization_type](gradient, parameter.values, decay)
        own = histories[index :: len(parameters)]
        step = update(p, rate * parameter.lr_mult, gradient, own, iteration)
        parameter.values.sub_(step)
        if keep:
            parameter.values.grad = step.clone()  # SGD's step is its history


def _clip(gradients: list[Tensor], limit: float, report: Callable[[str], None]) -> None:
    """Shorten the vector of all gradients to `limit` if it is longer."""
    norm = float(torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt())
    if norm > limit:
        factor = limit / norm
        report(f"Gradient clipping: scaling down gradients (L2 norm {norm:g} > {limit:g}) by scale factor {factor:g}")
        for gradient in gradients:
            gradient.mul_(factor)


def _running_square(history: Tensor, values: Tensor, kept: float) -> Tensor:
    """history = kept * history + (1 - kept) * values ** 2."""
    return history.mul_(kept).addcmul_(values, values, value=1 - kept)
