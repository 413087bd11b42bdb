"""Learning-rate policies against values worked out by hand."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import SolverParameter
from training.errors import TrainingError
from training.learning_rate import check_policy, current_step, learning_rate


def solver(text: str) -> SolverParameter:
    return text_format.Parse(text, SolverParameter())


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
        assert learning_rate(param, iteration) == pytest.approx(rate, rel=1e-6), iteration


def test_a_far_away_sigmoid_is_no_overflow() -> None:
    param = solver('base_lr: 2 lr_policy: "sigmoid" gamma: 1 stepsize: 10000')
    assert learning_rate(param, 0) == pytest.approx(0, abs=1e-12)
    assert learning_rate(param, 20000) == pytest.approx(2)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ('lr_policy: "step" stepsize: 10', {0: 0, 1: 0, 10: 0, 11: 1, 20: 1, 21: 2}),
        ('lr_policy: "multistep" stepvalue: 3 stepvalue: 7', {0: 0, 3: 0, 4: 1, 7: 1, 8: 2}),
        ('lr_policy: "inv"', {50: 0}),
    ],
)
def test_current_step_is_that_of_the_last_update(text: str, steps: dict[int, int]) -> None:
    """Caffe's solverstate after N updates keeps the step that update N (iteration N - 1) was made with."""
    assert {iteration: current_step(solver(text), iteration) for iteration in steps} == steps


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
