"""One operation of a model, as the functions of this package receive it, and helpers for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino
from openvino import Node, Output
from openvino.utils.node_factory import NodeFactory

from ..errors import ConversionError


@dataclass(frozen=True)
class Operation:
    """An operation of the model that was read, and the file it came from, for messages."""

    node: Node
    file: str

    @property
    def kind(self) -> str:
        """Its type, such as MaxPool."""
        return str(self.node.get_type_name())

    @property
    def version(self) -> str:
        """The set of operations that its type is from, such as opset8."""
        return str(self.node.get_type_info().version_id)

    @property
    def attributes(self) -> dict[str, Any]:
        """Its attributes, by the names that they have in an .xml."""
        return dict(self.node.get_attributes())

    def shape(self, output: int = 0) -> list[int]:
        """Return the shape of an output."""
        return list(self.node.get_output_shape(output))

    def error(self, text: str) -> ConversionError:
        """Make an error about this operation, for the caller to raise."""
        return ConversionError(
            f'{self.file}: operation "{self.node.get_friendly_name()}" ({self.kind}, {self.version}): {text}'
        )

    def number(self, inputs: list[Output], index: int, default: float | None = None) -> float:
        """Return an input that is one constant number. Raises ConversionError for another."""
        if index >= len(inputs) and default is not None:
            return default
        values = self.numbers(inputs, index)
        if values.size != 1:
            raise self.error(f"its input {index} holds {values.size} numbers; expected one.")
        return float(values.ravel()[0])

    def numbers(self, inputs: list[Output], index: int) -> np.ndarray[Any, Any]:
        """Return an input that must be constant. Raises ConversionError if it is computed."""
        values = value_of(inputs[index])
        if values is None:
            raise self.error(
                f"its input {index} is computed when the net runs, and the stick needs it beforehand. "
                "End the net before it with --output NAME, and do the rest on the host."
            )
        return values

    def axes(self, inputs: list[Output], index: int, count: int) -> list[int]:
        """Return a constant input of axes as numbers from 0 to `count` - 1."""
        return [int(axis) % count for axis in self.numbers(inputs, index).ravel()]


Build = Callable[[Operation, list[Output]], list[Output]]
"""A function of this package: from an operation, and its inputs in the new model, to its outputs there."""


def value_of(output: Output) -> np.ndarray[Any, Any] | None:
    """Return the numbers of a constant; None for what is computed."""
    node = output.get_node()
    return np.array(node.data) if node.get_type_name() == "Constant" else None


def is_float(output: Output) -> bool:
    """Whether an output holds floating-point numbers."""
    return bool(output.get_element_type().is_real())


def made(opset: str, kind: str, inputs: list[Output], attributes: dict[str, Any]) -> list[Output]:
    """Make an operation of the set `opset`."""
    return list(NodeFactory(opset).create(kind, inputs, attributes).outputs())


def same(opset: str = "opset1", *attributes: str) -> Build:
    """Return a function that makes the operation of this name in `opset`, with the `attributes` that it has there.

    All attributes are taken if none is named.
    """

    def build(operation: Operation, inputs: list[Output]) -> list[Output]:
        found = operation.attributes
        return made(opset, operation.kind, inputs, {name: found[name] for name in attributes or found})

    return build


def refused(text: str) -> Build:
    """Return a function that refuses the operation, because of `text`."""

    def build(operation: Operation, inputs: list[Output]) -> list[Output]:
        raise operation.error(text)

    return build


FLOATS = (openvino.Type.f16, openvino.Type.f32, openvino.Type.bf16, openvino.Type.f64)
