"""What this machine computes of a network that was cut: a table from the kinds of steps on its card to functions.

A function takes a step and the blobs that it reads, and returns the blob that it makes. A new kind is a line in KINDS, and a
type in common/cards/host.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .boxes import Floats, detection_output, prior_box
from .yolo import yolo_output

if TYPE_CHECKING:
    from common.cards.host import ConcatStep, PermuteStep, ReshapeStep, SigmoidStep, SoftmaxStep


def _reshape(step: ReshapeStep, inputs: Sequence[Floats]) -> Floats:
    return inputs[0].reshape(step.shape)


def _permute(step: PermuteStep, inputs: Sequence[Floats]) -> Floats:
    return inputs[0].transpose(step.order)


def _concat(step: ConcatStep, inputs: Sequence[Floats]) -> Floats:
    return np.concatenate(list(inputs), axis=step.axis)


def _softmax(step: SoftmaxStep, inputs: Sequence[Floats]) -> Floats:
    powers = np.exp(inputs[0] - inputs[0].max(axis=step.axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=step.axis, keepdims=True), np.float32)


def _sigmoid(step: SigmoidStep, inputs: Sequence[Floats]) -> Floats:
    # Written so that no number is too large for it.
    return np.asarray(0.5 * np.tanh(0.5 * inputs[0]) + 0.5, np.float32)


KINDS: dict[str, Callable[[Any, Sequence[Floats]], Floats]] = {
    "reshape": _reshape,
    "permute": _permute,
    "concat": _concat,
    "softmax": _softmax,
    "sigmoid": _sigmoid,
    "prior_box": prior_box,
    "detection_output": detection_output,
    "yolo_output": yolo_output,
}
