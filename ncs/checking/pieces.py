"""The IR in pieces: it is cut at every layer whose result lies in the blob's memory.

Each piece is fed what the blob itself holds, so one that differs has a mistake of its own: no net enlarges what went before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .difference import difference
from .held import Held, layer_results
from .inputs import Feed
from .rounding import rounded_otherwise

if TYPE_CHECKING:
    from openvino import Model

MARGIN = 2.0
"""How many times as much as one rounding of the constants may differ."""


@dataclass(frozen=True)
class Parting:
    """A layer whose result is `apart` of its largest number away from that of the IR; `allowed` is what rounding explains.

    `stage` made it, and was itself made for the layer `source`.
    """

    layer: str
    source: str
    stage: str
    apart: float
    allowed: float


class Pieces:
    """A model that is cut at `layers`, on OpenVINO's CPU plugin in float32."""

    def __init__(self, model: Model, layers: Collection[str]) -> None:
        self.layers = [layer for layer in layer_results(model) if layer in layers]
        self._model = model
        self._compiled = _Cut(model, self.layers)
        self._disturbed: _Cut | None = None

    def compare(self, held: Mapping[str, Held], feed: Feed, bound: float) -> tuple[float, list[Parting]]:
        """Return the largest difference, and the layers that differ by more than `bound` and rounding, in their order."""
        inputs = {layer: held[layer].values for layer in self.layers}
        expected = self._compiled.compute(feed, inputs)
        apart = {layer: difference(inputs[layer], expected[layer]) for layer in self.layers}
        if max(apart.values()) <= bound:
            return max(apart.values()), []
        if self._disturbed is None:
            self._disturbed = _Cut(rounded_otherwise(self._model), self.layers)
        rounded = self._disturbed.compute(feed, inputs)
        partings = []
        for layer in self.layers:
            allowed = bound + MARGIN * difference(rounded[layer], expected[layer])
            if apart[layer] > allowed:
                partings.append(Parting(layer, held[layer].source, held[layer].stage, apart[layer], allowed))
        return max(apart.values()), partings


class _Cut:
    """A model in pieces: each result in `layers` is an output, and what follows it reads an input instead."""

    def __init__(self, model: Model, layers: Collection[str]) -> None:
        import openvino
        import openvino.opset1 as op

        self._layers = layers
        clone = model.clone()
        whole = layer_results(clone)
        parameters, results = [], []
        for layer in layers:
            output = whole[layer]
            readers = [reader for reader in output.get_target_inputs() if reader.get_node().get_type_name() != "Result"]
            results.append(op.result(op.convert(output, "f32")))
            if not readers:
                continue
            source = op.parameter(list(output.get_shape()), np.float32, name=layer)
            fed = op.convert(source, output.get_element_type()).output(0)
            for reader in readers:
                reader.replace_source_output(fed)
            parameters.append(source)
        self._given = [source.get_friendly_name() for source in clone.get_parameters()]
        self._fed = [source.get_friendly_name() for source in parameters]
        pieces = openvino.Model(results, [*clone.get_parameters(), *parameters], "pieces")
        # Its own arithmetic, and none of the formats that a new processor would like better.
        self._compiled = openvino.Core().compile_model(pieces, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def compute(self, feed: Feed, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the results of the layers, each computed from the network's `feed` and from the other results in `inputs`."""
        values = [feed[name] for name in self._given] + [inputs[name] for name in self._fed]
        shaped = [
            np.ascontiguousarray(value).reshape(port.shape)
            for value, port in zip(values, self._compiled.inputs, strict=True)
        ]
        answer = self._compiled(shaped)
        return {layer: np.array(answer[number]) for number, layer in enumerate(self._layers)}
