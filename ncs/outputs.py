"""What OpenVINO's model says about its outputs: their shapes, and which of them hold probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import CardError
from host.bins import READINGS as BINS

if TYPE_CHECKING:
    from openvino import Model, Node

    from common.card import NetCard
    from common.cards.host import HostStep

# Operations that leave the numbers as they are.
_SAME_NUMBERS = ("Convert", "Reshape", "Squeeze", "Unsqueeze")
# Operations without which no net makes probabilities.
_MAKE_PROBABILITIES = ("Softmax", "Exp", "Sigmoid")


@dataclass(frozen=True)
class Outputs:
    """What a network gives: blob -> shape for one picture of a batch, the blobs that a Softmax makes, and detections.

    `detections` are blobs of rows of detections -> number of classes.
    """

    shapes: dict[str, list[int]]
    softmax: set[str]
    detections: dict[str, int]


def model_outputs(model: Model, batch: int = 1) -> Outputs:
    """Describe the outputs of a model that takes so many pictures at once."""
    shapes = {output.get_any_name(): list(output.get_shape()) for output in model.outputs}
    makers = {output.get_any_name(): _maker(output.get_node()) for output in model.outputs}
    softmax = {blob for blob, node in makers.items() if node.get_type_name() == "Softmax"}
    detections = {
        blob: int(node.get_attributes()["num_classes"])
        for blob, node in makers.items()
        if node.get_type_name() == "DetectionOutput"
    }
    return Outputs({blob: for_one(shape, batch) for blob, shape in shapes.items()}, softmax, detections)


def for_one(shape: Sequence[int], batch: int) -> list[int]:
    """Return the shape for one picture of a batch; that of a blob without a row for each picture stays."""
    return [shape[0] // batch, *shape[1:]] if shape and shape[0] % batch == 0 else list(shape)


def _maker(result: Node) -> Node:
    """Return the operation that computes an output's numbers."""
    node = result.input_value(0).get_node()
    while node.get_type_name() in _SAME_NUMBERS:
        node = node.input_value(0).get_node()
    return node


def check_probabilities(card: NetCard, model: Model, file: str, host: Sequence[HostStep] = ()) -> None:
    """Raise CardError if the card reads an output as probabilities, and no layer makes any: the runner would refuse it.

    `host` are the steps after the model.
    """
    on_host = {step.output: step.kind for step in host}
    results = {output.get_any_name(): output.get_node() for output in model.outputs}
    for output in card.outputs:
        if output.read not in ("argmax", *BINS):
            continue
        if output.blob in on_host:
            # Whatever makes probabilities is one of the last steps.
            makes = bool({"softmax", "sigmoid"}.intersection(on_host.values()))
        else:
            makes = any(node.get_type_name() in _MAKE_PROBABILITIES for node in _before(results[output.blob]))
        if not makes:
            raise CardError(
                f'{file}: "{output.blob}" is read by {output.read}, which expects probabilities, but there is no Softmax '
                'before it. Add one to the deploy net, or read this blob with "read": "value", "values" or "raw".'
            )


def _before(node: Node) -> Iterator[Node]:
    """Every node that `node` depends on."""
    queue, seen = [node], {node.get_name()}
    while queue:
        for port in queue.pop().inputs():
            source = port.get_source_output().get_node()
            if source.get_name() not in seen:
                seen.add(source.get_name())
                queue.append(source)
                yield source
