"""Write OpenVINO IR: an .xml and a .bin of version 10, with weights in FP16 or FP32."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from common.messages import last_line

from .errors import ConversionError, NcsError

if TYPE_CHECKING:
    from openvino import Model, Output

VERSION = 10
"""The last version that openvino 2021.4.2 reads. Today's OpenVINO still writes and reads it."""


def write_ir(model: Model, xml: Path, bin: Path, precision: str = "FP16") -> None:
    """Convert `model` to FP16 in place, unless `precision` is FP32, and write it as IR version 10.

    Raises ConversionError for a weight that FP16 cannot hold, and NcsError if the files are incomplete.
    """
    import openvino
    from openvino.passes import ConvertFP32ToFP16, Manager

    for node in model.get_ops():
        if node.get_type_name() == "Constant" and node.get_element_type() == openvino.Type.f32:
            largest = np.abs(node.data).max(initial=0)
            if not largest <= np.finfo(np.float16).max:
                raise ConversionError(
                    f"{node.get_friendly_name()}: holds the number {largest:g}; expected at most 65504, because the "
                    "stick computes in FP16. If the training diverged, take an earlier snapshot."
                )
    if precision == "FP16":
        passes = Manager()
        passes.register_pass(ConvertFP32ToFP16())
        passes.run_passes(model)
    try:
        openvino.serialize(model, xml, bin, version=f"IR_V{VERSION}")
    except RuntimeError as error:
        raise NcsError(f"{xml.name}: cannot be written ({last_line(error)}). Is the disk full?") from error
    _check_complete(xml, bin)


def _check_complete(xml: Path, bin: Path) -> None:
    """Raise NcsError if the .bin is shorter than the .xml says. OpenVINO does not report a full disk."""
    try:
        constants = ElementTree.parse(xml).iterfind(".//layer[@type='Const']/data")
        expected = max((int(data.get("offset", 0)) + int(data.get("size", 0)) for data in constants), default=0)
        found = bin.stat().st_size
    except (ElementTree.ParseError, OSError) as error:
        raise NcsError(f"{xml.name}: is incomplete ({error}). Is the disk full?") from error
    if found < expected:
        raise NcsError(f"{bin.name}: only {found} of {expected} bytes were written. Is the disk full?")


def name_nodes(model: Model, heads: Mapping[str, str], wishes: Mapping[str, str]) -> None:
    """Give nodes names that are unique and the same in every run; OpenVINO's own count the nodes of the process.

    `heads` holds the names of the outputs, by `place_of`. `wishes` holds names that others should have, by OpenVINO's own.
    """
    taken = {*heads.values(), *(node.get_friendly_name() for node in model.get_parameters())}
    # In this order each node comes after those that use it.
    for node in reversed(model.get_ordered_ops()):
        if node.get_type_name() in ("Parameter", "Result"):
            continue
        if place_of(node.output(0)) in heads:
            node.set_friendly_name(heads[place_of(node.output(0))])
            continue
        users = [user.get_node() for output in node.outputs() for user in output.get_target_inputs()]
        users = [user for user in users if user.get_type_name() != "Result"] or users
        user_name = min(user.get_friendly_name() for user in users)
        wish = wishes.get(node.get_name()) or f"{user_name}/{node.get_type_name()}"
        label, count = wish, 1
        while label in taken:
            count += 1
            label = f"{wish}.{count}"
        taken.add(label)
        node.set_friendly_name(label)


def place_of(output: Output) -> str:
    """Return what identifies an output in the process: OpenVINO's own name of its node, and its number there."""
    return f"{output.get_node().get_name()}:{output.get_index()}"
