"""The IR, with the numbers that the blob holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from openvino import Model, Node

_LRN_NUMBERS = ("alpha", "beta", "bias")


def read_ir(xml: Path) -> Model:
    """Read an IR, and round to FP16 what the blob stores in FP16: weights, and the numbers of an LRN."""
    import openvino

    model = openvino.Core().read_model(xml)
    for node in model.get_ops():
        if node.get_type_name() == "LRN":
            for name in _LRN_NUMBERS:
                node.set_attribute(name, float(np.float16(node.get_attributes()[name])))
        elif node.get_type_name() == "Constant" and node.get_element_type() == openvino.Type.f32:
            _round(node)
    return model


def _round(constant: Node) -> None:
    import openvino.opset1 as op

    rounded = op.constant(constant.data.astype(np.float16).astype(np.float32)).output(0)
    for reader in list(constant.output(0).get_target_inputs()):
        reader.replace_source_output(rounded)
