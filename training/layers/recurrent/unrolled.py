"""LSTM and RNN, which Caffe unrolls in time.

Both take x of T x N x ... (T steps of N sequences), and cont of T x N: 0 where a sequence begins, 1 where it goes on. They
compute T x N x num_output. The state after the last step is the state before the first one of the next forward pass, as in
Caffe, so set cont to 0 where that is not meant. No gradient goes back from one pass to the one before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from common.messages import shape_text

from ..base import Layer, Shape, shape_list
from ..gradients import without_gradient
from .unit import unit_step


class Recurrent(Layer):
    """What LSTM and RNN have in common.

    With expose_hidden, the states before the first step are the last bottoms, and those after the last step are the last tops;
    each is 1 x N x num_output and passes no gradient on, as in Caffe. A bottom between cont and the states is the same for all
    steps (N x ...).
    """

    states = 0
    """How many blobs carry the state from step to step."""

    gates = 0
    """How many numbers a step computes for each of its outputs."""

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        p = self.param.recurrent_param
        exposed = self.states if p.expose_hidden else 0
        self._static = len(shapes) - exposed == 3
        if len(shapes) - exposed not in (2, 3) or len(self.param.top) != 1 + exposed:
            extra = f", {exposed} states" if exposed else ""
            raise self.error(
                f"has {len(shapes)} bottoms and {len(self.param.top)} tops; expected x, cont, maybe a static input{extra}, "
                f"and {1 + exposed} top{'s' * bool(exposed)}."
            )
        x, cont = shapes[:2]
        if len(x) < 3 or cont != x[:2] or not x[0]:
            raise self.error(
                f"its bottoms have the shapes {shape_list(shapes[:2])}; expected T x N x ... for T steps of N sequences, and "
                "T x N, which says where sequences go on."
            )
        if p.num_output < 1:
            raise self.error("needs recurrent_param { num_output } of at least 1.")
        state = (1, x[1], p.num_output)
        if self._static and (len(shapes[2]) < 2 or shapes[2][0] != x[1]):
            raise self.error(
                f"its static bottom is {shape_text(shapes[2])}; expected {x[1]} x ..., a row for each sequence."
            )
        for shape in shapes[len(shapes) - exposed :] if exposed else ():
            if shape != state:
                raise self.error(f"a state is {shape_text(shape)}; expected {shape_text(state)}.")
        self._add_weights(self.gates * p.num_output, math.prod(x[2:]), math.prod(shapes[2][1:]) if self._static else 0)
        self._state = [torch.zeros(()) for _ in range(self.states)]
        return [(*x[:2], p.num_output), *[state] * exposed]

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        p = self.param.recurrent_param
        x, cont = bottoms[0], bottoms[1].detach().float()
        steps, sequences = cont.shape
        if p.expose_hidden:
            state = [given.detach().float().reshape(sequences, -1) for given in bottoms[-self.states :]]
        else:
            size = (sequences, p.num_output)
            state = [
                kept.to(x.device) if kept.shape == size else torch.zeros(size, device=x.device) for kept in self._state
            ]
        inputs = F.linear(x.reshape(steps, sequences, -1), self.blobs[0], self.blobs[1]).float()
        if self._static:
            inputs = inputs + F.linear(bottoms[2].reshape(sequences, -1), self.blobs[2]).float()
        tops = []
        for step, goes_on in zip(inputs, cont.unsqueeze(-1), strict=True):
            top, state = self._step(step, goes_on, state)
            tops.append(top)
        self._state = [values.detach() for values in state]
        # A copy: Caffe's tops that expose the state pass no gradient on.
        exposed = [values.unsqueeze(0).clone() for values in self._state] if p.expose_hidden else []
        return [without_gradient(self, torch.stack(tops), bottoms[1]), *exposed]

    def _add_weights(self, outputs: int, inputs: int, static: int) -> None:
        """Make the blobs in the order of Caffe's unrolled net: of x, its bias, of the static input, of the state."""
        p = self.param.recurrent_param
        self.add_blob((outputs, inputs), p.weight_filler)
        self.add_blob((outputs,), p.bias_filler)
        if static:
            self.add_blob((outputs, static), p.weight_filler)
        self.add_blob((outputs, p.num_output), p.weight_filler)

    def _step(self, inputs: Tensor, goes_on: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return the output (N x num_output) and the new state of a step, from W x + b (N x ...) and cont (N x 1)."""
        raise NotImplementedError


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997); the states are h and c, the gates i, f, o, g."""

    states = 2
    gates = 4

    def _step(self, inputs: Tensor, goes_on: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        gates = inputs + F.linear(state[0] * goes_on, self.blobs[-1]).float()
        cell, top = unit_step(state[1], gates, goes_on)
        return top, [top, cell]


class RNN(Recurrent):
    """h = tanh(W x + b + W h), and the top tanh(W h + b); the state is h."""

    states = 1
    gates = 1

    def _add_weights(self, outputs: int, inputs: int, static: int) -> None:
        super()._add_weights(outputs, inputs, static)
        p = self.param.recurrent_param
        self.add_blob((outputs, outputs), p.weight_filler)
        self.add_blob((outputs,), p.bias_filler)

    def _step(self, inputs: Tensor, goes_on: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        hidden = (inputs + F.linear(state[0] * goes_on, self.blobs[-3]).float()).tanh()
        return F.linear(hidden, self.blobs[-2], self.blobs[-1]).float().tanh(), [hidden]
