"""The IR, as the blob holds its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from openvino import Model


def read_ir(xml: Path) -> Model:
    """Read an IR. The blob stores the numbers of an LRN in FP16, so they are rounded."""
    import openvino

    model = openvino.Core().read_model(xml)
    for node in model.get_ops():
        if node.get_type_name() == "LRN":
            for name in ("alpha", "beta", "bias"):
                node.set_attribute(name, float(np.float16(node.get_attributes()[name])))
    return model
