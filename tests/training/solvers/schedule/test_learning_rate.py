"""Learning-rate policies against values computed by hand."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import SolverParameter
from training.errors import TrainingError
from training.solvers.schedule.learning_rate import check_policy, learning_rate, next_step


def solver(text: str) -> SolverParameter:
    return text_format.Parse(text, SolverParameter())


def rate_at(param: SolverParameter, last: int) -> float:
    """Return the rate of iteration `last`, with the steps of all iterations up to it."""
    step = 0
    for iteration in range(last + 1):
        step = next_step(param, iteration, step)
    return learning_rate(param, last, step)


# exp: 2 * 0.5^3; inv: 2 * (1 + 0.5 * 6)^-0.5 = 2 / 2; poly: 2 * (1 - 6/10)^2; sigmoid: 2 / (1 + e^2), 2 / 2, 2 / (1 + e^-4)
CASES = [
    ('lr_policy: "fixed"', {0: 2, 1000: 2}),
    ('lr_policy: "step" gamma: 0.1 stepsize: 10', {0: 2, 9: 2, 10: 0.2, 19: 0.2, 20: 0.02, 35: 0.002}),
    ('lr_policy: "exp" gamma: 0.5', {0: 2, 1: 1, 3: 0.25}),
    ('lr_policy: "inv" gamma: 0.5 power: 0.5', {0: 2, 6: 1, 30: 0.5}),
    ('lr_policy: "multistep" gamma: 0.5 stepvalue: 3 stepvalue: 7', {0: 2, 2: 2, 3: 1, 6: 1, 7: 0.5, 100: 0.5}),
    ('lr_policy: "poly" power: 2 max_iter: 10', {0: 2, 5: 0.5, 6: 0.32, 9: 0.02}),
    ('lr_policy: "sigmoid" gamma: 1 stepsize: 6', {4: 0.238405844, 6: 1, 10: 1.964027580}),
]


@pytest.mark.parametrize(("text", "rates"), CASES)
def test_rates(text: str, rates: dict[int, float]) -> None:
    param = solver(f"base_lr: 2 {text}")
    check_policy(param)
    for iteration, rate in rates.items():
        assert rate_at(param, iteration) == pytest.approx(rate, rel=1e-6), iteration


def test_the_ends_of_a_sigmoid_do_not_overflow() -> None:
    param = solver('base_lr: 2 lr_policy: "sigmoid" gamma: 1 stepsize: 10000')
    assert learning_rate(param, 0, 0) == pytest.approx(0, abs=1e-12)
    assert learning_rate(param, 20000, 0) == pytest.approx(2)


def test_multistep_steps_once_an_iteration_at_most() -> None:
    """Caffe compares with the next stepvalue only: equal ones, and those before a resumed iteration, are passed one by one."""
    param = solver('lr_policy: "multistep" stepvalue: 3 stepvalue: 3 stepvalue: 4')
    steps, step = [], 0
    for iteration in range(8):
        step = next_step(param, iteration, step)
        steps.append(step)
    assert steps == [0, 0, 0, 1, 2, 3, 3, 3]
    assert next_step(param, 100, 0) == 1


def test_step_depends_on_the_iteration_alone() -> None:
    assert [next_step(solver('lr_policy: "step" stepsize: 10'), i, 7) for i in (0, 9, 10, 25)] == [0, 0, 1, 2]


def test_powers_are_those_of_c() -> None:
    growing = solver('base_lr: 2 lr_policy: "exp" gamma: 10')
    assert learning_rate(growing, 10**6, 0) == float("inf")
    with pytest.raises(TrainingError, match="gives no rate for iteration 11; the solver ends at max_iter 10"):
        learning_rate(solver('base_lr: 2 lr_policy: "poly" power: 0.5 max_iter: 10'), 11, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'lr_policy is ""; known are fixed, step'),
        ('lr_policy: "stepp"', 'Did you mean "step"'),
        ('lr_policy: "step" gamma: 0.1', "needs a stepsize of at least 1; the solver has 0"),
        ('lr_policy: "sigmoid" gamma: 0.1', "needs a stepsize of at least 1"),
        ('lr_policy: "exp" gamma: -0.1', "needs a gamma of at least 0"),
    ],
)
def test_settings_that_do_not_fit(text: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        check_policy(solver(text))
