"""Steps of SGD against Caffe's rule in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from google.protobuf import text_format

from caffe_io.caffe_pb2 import SolverParameter
from training.errors import TrainingError
from training.nets.parameters import LearnableParameter
from training.solvers.updates import apply_update, check_solver_type

MULTIPLIERS = [(1.0, 1.0), (2.0, 0.0), (10.0, 0.5), (0.0, 1.0)]  # lr_mult, decay_mult


def solver(text: str) -> SolverParameter:
    return text_format.Parse(text, SolverParameter())


@pytest.mark.parametrize("regularization", ["L2", "L1"])
@pytest.mark.parametrize("iter_size", [1, 3])
@pytest.mark.parametrize("clip", [-1.0, 0.5, 1000.0])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_three_steps(regularization: str, iter_size: int, clip: float, momentum: float) -> None:
    param = solver(
        f'momentum: {momentum} weight_decay: 0.05 iter_size: {iter_size} regularization_type: "{regularization}" '
        f"clip_gradients: {clip}"
    )
    random = np.random.default_rng(0)
    values = [random.standard_normal((3, 4)) for _ in MULTIPLIERS]
    histories = [np.zeros((3, 4)) for _ in MULTIPLIERS]
    ours = [
        LearnableParameter("fc", i, torch.tensor(v, dtype=torch.float32, requires_grad=True), *MULTIPLIERS[i])
        for i, v in enumerate(values)
    ]
    ours_histories = [torch.zeros(3, 4) for _ in MULTIPLIERS]
    for iteration, rate in enumerate((0.1, 0.1, 0.01)):
        gradients = [random.standard_normal((3, 4)) for _ in MULTIPLIERS]
        for parameter, gradient in zip(ours, gradients, strict=True):
            parameter.values.grad = torch.tensor(gradient, dtype=torch.float32)
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        assert (norm > clip) == (clip < 1000)
        if 0 <= clip < norm:
            gradients = [g * clip / norm for g in gradients]
        for i, (lr_mult, decay_mult) in enumerate(MULTIPLIERS):
            decayed = values[i] if regularization == "L2" else np.sign(values[i])
            gradient = gradients[i] / iter_size + 0.05 * decay_mult * decayed
            histories[i] = momentum * histories[i] + rate * lr_mult * gradient
            values[i] = values[i] - histories[i]
        apply_update(param, rate, ours, ours_histories, iteration)
    for parameter, history, value, expected in zip(ours, ours_histories, values, histories, strict=True):
        np.testing.assert_allclose(parameter.values.detach(), value, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(history, expected, rtol=1e-5, atol=1e-6)


def test_a_weight_without_a_path_to_the_loss_still_decays() -> None:
    weight = LearnableParameter("fc", 0, torch.ones(2, requires_grad=True), 1.0, 1.0)
    history = torch.full((2,), 0.5)
    apply_update(solver("momentum: 0.9 weight_decay: 0.1"), 0.5, [weight], [history], 0)
    np.testing.assert_allclose(history, 0.9 * 0.5 + 0.5 * 0.1)
    np.testing.assert_allclose(weight.values.detach(), 1 - 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('type: "SDG"', 'the solver\'s type is "SDG"; known are .*SGD.* Did you mean "SGD"'),
        ('regularization_type: "L3"', 'regularization_type is "L3"; known are L2, L1'),
    ],
)
def test_unknown_types(text: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        check_solver_type(solver(text))
