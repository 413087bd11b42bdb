"""HardSigmoid, HardSwish and Mish."""

from __future__ import annotations

import openvino.opset1 as op
from openvino import Output

from ..activation import bnll
from ..layer import TrainedLayer, constant


def hard_sigmoid(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Clamp alpha x + beta to 0 and 1."""
    p = layer.parameter.hardsigmoid_param
    if not (p.HasField("alpha") and p.HasField("beta")):
        raise layer.error(
            "its slope is 1/6 in some forks (MobileNet v3) and 0.2 in others, and the prototxt does not say which. "
            "Write hardsigmoid_param { alpha: 0.16666667 beta: 0.5 } or { alpha: 0.2 beta: 0.5 }."
        )
    line = op.add(op.multiply(inputs[0], constant(p.alpha)), constant(p.beta))
    return [op.clamp(line, 0, 1).output(0)]


def hard_swish(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute x min(max(x + 3, 0), 6) / 6, with the small factor first: FP16 ends at 65504."""
    gate = op.clamp(op.add(op.multiply(inputs[0], constant(1 / 6)), constant(0.5)), 0, 1)
    return [op.multiply(inputs[0], gate).output(0)]


def mish(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute x tanh(log(1 + exp(x)))."""
    return [op.multiply(inputs[0], op.tanh(bnll(layer, inputs)[0])).output(0)]
