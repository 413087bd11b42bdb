"""What a blob holds of the layers' results while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from myriad import Blob, BlobError
from myriad.data import Data, Place
from myriad.execution import Machine, Outcome
from myriad.execution.memory import Memory
from myriad.stage import Stage

from .dump import Names
from .inputs import Feed

if TYPE_CHECKING:
    from openvino import Model, Output

SAME_VALUES = ("", "adjust-strides", "reshape", "FP16")
"""What follows the @ in names of data that hold the numbers of the layer, in another shape or at another place."""
ACTIVATIONS = ("Relu", "PRelu", "Clamp")
"""Operations that a stage of the unit, or a sum, does at its end."""
MOVES = ("Reshape", "Transpose", "Squeeze", "Unsqueeze")
"""Operations that only move numbers."""
UPLIFTED = "relu-uplifting"
_NO_LAYERS = ("Parameter", "Constant", "Result")


@dataclass(frozen=True)
class Held:
    """What a blob holds of a layer's result, and the stage after which it was there.

    `source` is the layer that the stage was made for. It may be an earlier one: a convolution with its ReLU is one stage.
    """

    values: NDArray[np.float32]
    stage: str
    source: str


def layer_results(model: Model) -> dict[str, Output]:
    """Return the results of the model's layers in its order, by the names that the compiler gives them."""
    results: dict[str, Output] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() in _NO_LAYERS:
            continue
        name = node.get_friendly_name()
        for number, output in enumerate(node.outputs()):
            results[f"{name}.{number}" if node.get_output_size() > 1 else name] = output
    return results


def output_layers(model: Model) -> dict[str, str]:
    """Return which layer makes each output of the model."""
    places = {output: layer for layer, output in layer_results(model).items()}
    return {output.get_any_name(): places[output.get_node().input_value(0)] for output in model.outputs}


def held_results(blob: Blob, names: Names, model: Model, feed: Feed) -> Mapping[str, Held]:
    """Run the blob in float32, and return what it holds of the layers' results. All outputs of the model are among them."""
    results = layer_results(model)
    activations = _activations(results)
    results = {layer: output for layer, output in results.items() if layer not in _overtaken(names, results)}
    # Names of layers under which the result of the activation after them lies.
    renamed: set[str] = set()
    held: dict[str, Held] = {}

    def keep(stage: Stage, many: Sequence[Data], memory: Memory) -> None:
        for data in many:
            layer, _, suffix = names.data.get(data.shape.strides_at, "").partition("@")
            if layer not in results or data.place in (Place.NONE, Place.CONSTANT):
                continue
            if layer in activations and data in stage.outputs and _activates(stage):
                renamed.add(layer)
            if layer in renamed:
                layer = activations[layer]
            if layer not in held and suffix in SAME_VALUES and data.shape.size == prod(results[layer].get_shape()):
                writer = names.stages.get(data.shape.strides_at) or names.of(stage)
                held[layer] = Held(memory.read(data), writer.stage, writer.layer or layer)

    def watch(stage: Stage, memory: Memory) -> None:
        keep(stage, stage.outputs, memory)
        if stage.number + 1 < len(blob.stages):
            # The next one may write where its input lies, so that is read before it runs.
            after = blob.stages[stage.number + 1]
            sources = [data for role, data in zip(after.roles, after.data, strict=True) if not role.startswith("out")]
            keep(stage, sources, memory)

    outcome = Machine(blob, wide=True).run(feed, watch)
    last = names.of(blob.stages[-1]).stage
    for output, layer in output_layers(model).items():
        held.setdefault(layer, Held(output_of(outcome, output), last, layer))
    return held


def output_of(outcome: Outcome, name: str) -> NDArray[np.float32]:
    """Return an output of the blob. The compiler numbers those of an operation with two results."""
    for found in (name, f"{name}.0"):
        if found in outcome.outputs:
            return outcome.outputs[found]
    raise BlobError(f"has no output {name}, only {', '.join(outcome.outputs)}.")


def _activations(results: Mapping[str, Output]) -> dict[str, str]:
    """Return the activation after each layer whose result nothing else reads."""
    names = {output: layer for layer, output in results.items()}
    found = {}
    for layer, output in results.items():
        readers = [reader.get_node() for reader in output.get_target_inputs()]
        if len(readers) == 1 and readers[0].get_type_name() in ACTIVATIONS:
            found[layer] = names[readers[0].output(0)]
    return found


def _activates(stage: Stage) -> bool:
    """Whether a convolution, or a sum, ends with an activation."""
    return any(job.relu or job.clamp is not None for job in stage.jobs) or stage.parameters.get("post", -1) >= 0


def _overtaken(names: Names, results: Mapping[str, Output]) -> set[str]:
    """Return the layers that only move numbers, and that an activation after them has overtaken.

    The compiler then does the activation first, and what it calls by the layer's name is the result of both.
    """
    layers = {output: layer for layer, output in results.items()}
    found: set[str] = set()
    for name in names.data.values():
        layer, _, suffixes = name.partition("@")
        if not suffixes.endswith(UPLIFTED) or layer not in results:
            continue
        output = results[layer]
        while len(readers := [reader.get_node() for reader in output.get_target_inputs()]) == 1:
            if readers[0].get_type_name() not in MOVES:
                break
            output = readers[0].output(0)
            found.add(layers[output])
    return found
