"""Recurrent stages."""

from __future__ import annotations

import numpy as np

from ...errors import BlobError
from ...stage import Stage
from ..memory import Memory
from .activation import sigmoid

_ONE_STEP = {"cells": 1, "batches": 1, "use_cell_state": 1, "outputs": 2}


def lstm_cell(stage: Stage, memory: Memory) -> None:
    """Compute one step: from input, hidden and cell state to the next states.

    Gates come in the order forget, input, cell, output, in the weights (first those of the input, then those of the hidden
    state) and the biases. No blob with several steps was seen.
    """
    if any(stage.parameters[name] != number for name, number in _ONE_STEP.items()) or len(stage.data) != 7:
        raise BlobError("has several steps, which are not computed here.")
    x, hidden, cell = (memory.read(data).reshape(-1, data.shape.dims[-1]) for data in stage.data[:3])
    inputs, size = x.shape[1], hidden.shape[1]
    flat = memory.constants(stage.data[3], 4 * size * (inputs + size))
    of_input, of_hidden = flat[: 4 * size * inputs].reshape(-1, inputs), flat[4 * size * inputs :].reshape(-1, size)
    gates = x @ of_input.T + hidden @ of_hidden.T + memory.read(stage.data[4]).ravel()
    forget, new, candidate, out = np.split(gates, 4, axis=1)
    cell = sigmoid(forget) * cell + sigmoid(new) * np.tanh(candidate)
    hidden = sigmoid(out) * np.tanh(cell)
    for data, values in zip(stage.data[5:], (hidden, cell), strict=True):
        memory.write(data, values.reshape(memory.tensor(data).shape))
