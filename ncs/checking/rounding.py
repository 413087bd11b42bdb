"""What a layer's result may owe to rounding: the same model with its constants rounded once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from openvino import Model, Node, Output

STEP = 1 + 2.0**-10
"""The step from 1 to the next number of FP16."""
SUBNORMAL = 2.0**-14
"""The compiler makes 0 or +-2^-14 of smaller weights."""
_SEED = 2


def rounded_otherwise(model: Model) -> Model:
    """Return the model with each constant moved to a next number of FP16, and small ones to 0 or +-2^-14.

    The compiler multiplies constants with one another and rounds the products. It makes a ReduceSum of a mean and a constant, so
    a sum is changed as well.
    """
    import openvino.opset1 as op

    clone = model.clone()
    random = np.random.default_rng(_SEED)
    for node in clone.get_ordered_ops():
        if node.get_type_name() == "ReduceSum":
            terms = node.input_value(0)
            node.input(0).replace_source_output(op.multiply(terms, _typed(STEP, terms)).output(0))
        elif node.get_type_name() == "Constant" and node.get_element_type().is_real() and not _exact(node):
            readers = list(node.output(0).get_target_inputs())
            changed = _changed(node, random)
            for reader in readers:
                reader.replace_source_output(changed)
    return clone


def _exact(constant: Node) -> bool:
    """Whether the compiler keeps a constant as it is: exponents are numbers of a stage."""
    return any(reader.get_node().get_type_name() == "Power" for reader in constant.output(0).get_target_inputs())


def _changed(constant: Node, random: np.random.Generator) -> Output:
    values = constant.data.astype(np.float32)
    rounded = values * STEP ** random.choice([-1, 1], values.shape).astype(np.float32)
    flushed = np.where(np.abs(values) < SUBNORMAL / 2, 0, np.sign(values) * SUBNORMAL)
    return _typed(np.where(np.abs(values) < SUBNORMAL, flushed, rounded), constant.output(0))


def _typed(values: NDArray[Any] | float, like: Output) -> Output:
    """Return a constant that is not rounded to the type of `like`, but is of it."""
    import openvino.opset1 as op

    return op.convert(op.constant(np.asarray(values, np.float32)), like.get_element_type()).output(0)
