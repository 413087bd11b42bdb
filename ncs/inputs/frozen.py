"""Inputs that always have the same value, such as the size and scale of the picture that Faster R-CNN's nets ask for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from common.errors import UsageError
from common.messages import known_names, shape_text

from .shapes import Shape

if TYPE_CHECKING:
    from openvino import Model

OPTION = "--freeze_placeholder_with_value"


def unfrozen(shapes: Mapping[str, Shape], frozen: Mapping[str, Sequence[float]], net_file: str) -> dict[str, Shape]:
    """Return the inputs that stay. Raises UsageError for a name or a number of values that fits no input, or if none stays."""
    for name, numbers in frozen.items():
        if name not in shapes:
            raise UsageError(f"{OPTION} {name}: {net_file} has no such input. {known_names(name, shapes)}")
        if len(numbers) not in (1, math.prod(shapes[name])):
            raise UsageError(
                f"{OPTION} {name}: has {len(numbers)} values, but the input is {shape_text(shapes[name])}; "
                f"expected 1 or {math.prod(shapes[name])}."
            )
    left = {name: dims for name, dims in shapes.items() if name not in frozen}
    if not left:
        raise UsageError(f"{OPTION}: {net_file} has no other input, and a network needs one.")
    return left


def freeze(model: Model, frozen: Mapping[str, Sequence[float]]) -> None:
    """Give inputs of a model their values, in place. Those that the model does not use are passed over."""
    from openvino.op import Constant

    for source in model.get_parameters():
        name = source.output(0).get_any_name() if source.output(0).get_names() else source.get_friendly_name()
        if name not in frozen:
            continue
        numbers = np.array(frozen[name], source.get_element_type().to_dtype())
        dims = tuple(source.output(0).get_shape())
        value = Constant(np.ascontiguousarray(np.broadcast_to(numbers.reshape(dims if numbers.size > 1 else ()), dims)))
        value.set_friendly_name(source.get_friendly_name())
        for target in source.output(0).get_target_inputs():
            target.replace_source_output(value.output(0))
        model.remove_parameter(source)
    model.validate_nodes_and_infer_types()
