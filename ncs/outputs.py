"""What OpenVINO's model says about its outputs: their shapes, and which of them hold probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from common.errors import CardError

if TYPE_CHECKING:
    from openvino import Model, Node

    from common.card import NetCard

# Operations that leave the numbers as they are.
_SAME_NUMBERS = ("Convert", "Reshape", "Squeeze", "Unsqueeze")
# Operations without which no net makes probabilities.
_MAKE_PROBABILITIES = ("Softmax", "Exp", "Sigmoid")


def output_shapes(model: Model, batch: int = 1) -> dict[str, list[int]]:
    """Return blob -> shape for one picture of a `batch`."""
    shapes = {output.get_any_name(): list(output.get_shape()) for output in model.outputs}
    return {
        blob: [shape[0] // batch, *shape[1:]] if shape and shape[0] % batch == 0 else shape
        for blob, shape in shapes.items()
    }


def softmax_outputs(model: Model) -> set[str]:
    """Return the blobs that a Softmax makes."""
    found = set()
    for output in model.outputs:
        node = output.get_node().input_value(0).get_node()
        while node.get_type_name() in _SAME_NUMBERS:
            node = node.input_value(0).get_node()
        if node.get_type_name() == "Softmax":
            found.add(output.get_any_name())
    return found


def check_probabilities(card: NetCard, model: Model, file: str) -> None:
    """Raise CardError if the card reads an output as probabilities, and no layer makes any: the runner would refuse it."""
    results = {output.get_any_name(): output.get_node() for output in model.outputs}
    for output in card.outputs:
        if output.read not in ("argmax", "expected_value"):
            continue
        if not any(node.get_type_name() in _MAKE_PROBABILITIES for node in _before(results[output.blob])):
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
