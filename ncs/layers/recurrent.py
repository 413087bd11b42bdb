"""LSTM and RNN, unrolled for the steps that their bottom has, and LSTMUnit."""

from __future__ import annotations

import logging
import math

import openvino.opset1 as op
from openvino import Output

from common.commands import LOGGER
from common.messages import shape_text

from .layer import TrainedLayer, constant, integers, reshaped, shape

_logger = logging.getLogger(LOGGER)


def lstm(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Unroll an LSTM: h and c of each step from the gates i, f, o, g."""
    outputs = layer.parameter.recurrent_param.num_output
    steps, weights, (hidden, cell) = _begin(layer, inputs, 4 * outputs, 2)
    weight = constant(layer.weight(weights, 4 * outputs, outputs))
    tops = []
    for given, goes_on in steps:
        gates = op.add(given, _product(op.multiply(hidden, goes_on).output(0), weight)).output(0)
        cell, hidden = _unit(cell, gates, goes_on)
        tops.append(hidden)
    return _end(layer, inputs, tops, [hidden, cell])


def rnn(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Unroll an RNN: h = tanh(W x + b + W h), and its top tanh(W h + b)."""
    outputs = layer.parameter.recurrent_param.num_output
    steps, weights, (hidden,) = _begin(layer, inputs, outputs, 1)
    weight = constant(layer.weight(weights, outputs, outputs))
    last, bias = constant(layer.weight(weights + 1, outputs, outputs)), constant(layer.weight(weights + 2, outputs))
    tops = []
    for given, goes_on in steps:
        hidden = op.tanh(op.add(given, _product(op.multiply(hidden, goes_on).output(0), weight))).output(0)
        tops.append(op.tanh(op.add(_product(hidden, last), bias)).output(0))
    return _end(layer, inputs, tops, [hidden])


def lstm_unit(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Compute c and h of one step, both 1 x N x C."""
    cell, gates, cont = inputs
    dims = shape(cell)
    if len(dims) != 3 or dims[0] != 1 or shape(gates) != (*dims[:2], 4 * dims[2]) or shape(cont) != dims[:2]:
        shapes = ", ".join(shape_text(shape(blob)) for blob in inputs)
        raise layer.error(f"its bottoms have the shapes {shapes}; expected 1 x N x C, 1 x N x 4C and 1 x N.")
    flat = reshaped(cell, dims[1:]), reshaped(gates, shape(gates)[1:]), reshaped(cont, (dims[1], 1))
    return [reshaped(blob, dims) for blob in _unit(*flat)]


def _begin(
    layer: TrainedLayer, inputs: list[Output], gates: int, states: int
) -> tuple[list[tuple[Output, Output]], int, list[Output]]:
    """Check the bottoms. Return W x + b and cont of each step, the number of weights used, and the states at the beginning."""
    p = layer.parameter.recurrent_param
    exposed = states if p.expose_hidden else 0
    dims = shape(inputs[0])
    static = len(inputs) - exposed == 3
    if len(inputs) - exposed not in (2, 3) or len(dims) < 3 or shape(inputs[1]) != dims[:2]:
        shapes = ", ".join(shape_text(shape(blob)) for blob in inputs)
        raise layer.error(
            f"its bottoms have the shapes {shapes}; expected x of T x N x ..., cont of T x N, maybe a static input, and "
            f"{exposed} states."
        )
    steps, sequences = dims[:2]
    rest = math.prod(dims[2:])
    found = _product(reshaped(inputs[0], (steps * sequences, rest)), constant(layer.weight(0, gates, rest)))
    found = op.add(found, constant(layer.weight(1, gates))).output(0)
    parts = _split(found, steps)
    if static:
        size = math.prod(shape(inputs[2])[1:])
        same = _product(reshaped(inputs[2], (sequences, size)), constant(layer.weight(2, gates, size)))
        parts = [op.add(part, same).output(0) for part in parts]
    goes_on = _split(reshaped(inputs[1], (steps * sequences, 1)), steps)
    flat = (sequences, p.num_output)
    if exposed:
        state = [reshaped(blob, flat) for blob in inputs[-states:]]
    else:
        state = [constant([[0.0] * p.num_output] * sequences)] * states
        _logger.warning(
            '%s: layer "%s" (%s): the compiled net begins each time with a state of 0. Caffe goes on from the time before '
            "where cont begins with 1; expose_hidden: true makes the states inputs and outputs.",
            *(layer.net_file, layer.parameter.name, layer.parameter.type),
        )
    return list(zip(parts, goes_on, strict=True)), 2 + static, state


def _end(layer: TrainedLayer, inputs: list[Output], tops: list[Output], states: list[Output]) -> list[Output]:
    """Join the tops of the steps, and add the states after the last one if they are exposed."""
    p = layer.parameter.recurrent_param
    steps, sequences = shape(inputs[0])[:2]
    joined = op.concat(tops, 0).output(0) if steps > 1 else tops[0]
    ends = [reshaped(state, (1, sequences, p.num_output)) for state in states] if p.expose_hidden else []
    return [reshaped(joined, (steps, sequences, p.num_output)), *ends]


def _unit(cell: Output, gates: Output, goes_on: Output) -> tuple[Output, Output]:
    """Return c and h, both N x C, from c before, the inputs of the gates (N x 4C) and cont (N x 1)."""
    i, f, o, g = op.split(gates, integers(1), 4).outputs()
    kept = op.multiply(op.multiply(op.sigmoid(f), goes_on), cell)
    new = op.add(kept, op.multiply(op.sigmoid(i), op.tanh(g))).output(0)
    return new, op.multiply(op.sigmoid(o), op.tanh(new)).output(0)


def _product(rows: Output, weight: Output) -> Output:
    return op.matmul(rows, weight, False, True).output(0)


def _split(rows: Output, parts: int) -> list[Output]:
    """Cut the rows into as many equal parts."""
    return list(op.split(rows, integers(0), parts).outputs()) if parts > 1 else [rows]
