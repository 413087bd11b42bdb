"""Steps of the solver types against their rules in double precision, and the settings that Caffe refuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import SolverParameter
from training.errors import TrainingError
from training.nets.parameters import LearnableParameter
from training.solvers.updates import apply_update, check_solver_type, make_histories

Doubles = NDArray[np.float64]
# A function of the gradient, the histories, and the number of the step, from 1. It returns the step before the rate, for a rate
# of 0.1, a momentum of 0.9 and a momentum2 of 0.99.
Rule = Callable[[Doubles, list[Doubles], int], Doubles]


def nesterov(g: Doubles, h: list[Doubles], t: int) -> Doubles:
    before = h[0].copy()
    h[0][...] = 0.9 * h[0] + 0.1 * g
    return (1.9 * h[0] - 0.9 * before) / 0.1


def adagrad(g: Doubles, h: list[Doubles], t: int) -> Doubles:
    h[0] += g**2
    return g / (np.sqrt(h[0]) + 1e-3)


def rmsprop(g: Doubles, h: list[Doubles], t: int) -> Doubles:
    h[0][...] = 0.98 * h[0] + 0.02 * g**2
    return g / (np.sqrt(h[0]) + 1e-3)


def adadelta(g: Doubles, h: list[Doubles], t: int) -> Doubles:
    h[0][...] = 0.9 * h[0] + 0.1 * g**2
    step = g * np.sqrt((h[1] + 1e-3) / (h[0] + 1e-3))
    h[1][...] = 0.9 * h[1] + 0.1 * step**2
    return step


def adam(g: Doubles, h: list[Doubles], t: int) -> Doubles:
    h[0][...] = 0.9 * h[0] + 0.1 * g
    h[1][...] = 0.99 * h[1] + 0.01 * g**2
    return np.sqrt(1 - 0.99**t) / (1 - 0.9**t) * h[0] / (np.sqrt(h[1]) + 1e-3)


CASES: list[tuple[str, str, Rule, int]] = [
    ("Nesterov", "momentum: 0.9", nesterov, 1),
    ("AdaGrad", "", adagrad, 1),
    ("RMSProp", "rms_decay: 0.98", rmsprop, 1),
    ("AdaDelta", "momentum: 0.9", adadelta, 2),
    ("Adam", "momentum: 0.9 momentum2: 0.99", adam, 2),
]


def solver(text: str) -> SolverParameter:
    return text_format.Parse(text, SolverParameter())


@pytest.mark.parametrize(("kind", "settings", "rule", "histories"), CASES, ids=[case[0] for case in CASES])
def test_five_steps(kind: str, settings: str, rule: Rule, histories: int) -> None:
    param = solver(f'type: "{kind}" delta: 1e-3 {settings}')
    check_solver_type(param)
    random = np.random.default_rng(1)
    values = [random.standard_normal((3, 4)), random.standard_normal(5)]
    ours = [
        LearnableParameter("fc", i, torch.tensor(v, dtype=torch.float32, requires_grad=True), 1, 1)
        for i, v in enumerate(values)
    ]
    kept = make_histories(param, ours)
    assert [tuple(h.shape) for h in kept] == [(3, 4), (5,)] * histories
    expected = [[np.zeros(v.shape) for _ in range(histories)] for v in values]
    for iteration in range(5):
        for parameter, value, theirs in zip(ours, values, expected, strict=True):
            gradient = random.standard_normal(value.shape)
            parameter.values.grad = torch.tensor(gradient, dtype=torch.float32)
            value -= 0.1 * rule(gradient, theirs, iteration + 1)
        apply_update(param, 0.1, ours, kept, iteration)
    for parameter, value in zip(ours, values, strict=True):
        np.testing.assert_allclose(parameter.values.detach(), value, rtol=1e-4, atol=1e-6)
    # All first ones, then all second ones.
    in_order = [expected[i][k] for k in range(histories) for i in range(2)]
    for history, other in zip(kept, in_order, strict=True):
        np.testing.assert_allclose(history, other, rtol=1e-4, atol=1e-7)


def test_clipping_is_logged() -> None:
    weight = LearnableParameter("fc", 0, torch.zeros(2, requires_grad=True), 1, 1)
    lines: list[str] = []
    for gradient in ([3.0, 4.0], [0.3, 0.4]):
        weight.values.grad = torch.tensor(gradient)
        apply_update(solver("clip_gradients: 2"), 1, [weight], [torch.zeros(2)], 0, lines.append)
    assert lines == ["Gradient clipping: scaling down gradients (L2 norm 5 > 2) by scale factor 0.4"]
    np.testing.assert_allclose(weight.values.detach(), [-1.5, -2.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('type: "AdaGrad" momentum: 0.9', "momentum is 0.9, but AdaGrad has no momentum"),
        ('type: "RMSProp" momentum: 0.5', "momentum is 0.5, but RMSProp has no momentum"),
        ('type: "RMSProp" rms_decay: 1', "rms_decay is 1; expected at least 0 and less than 1"),
        ('type: "adam"', 'Did you mean "Adam"'),
        ("iter_size: 0", "iter_size is 0; expected at least 1"),
    ],
)
def test_settings_that_caffe_refuses(text: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        check_solver_type(solver(text))
