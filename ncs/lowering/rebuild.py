"""Rebuilds a model with operations that OpenVINO 2021.4.2 knows, from one that today's OpenVINO has read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino.opset1 as op
from openvino import Model, Node, Output
from openvino.op import Constant

from caffe_io.blobs import too_many_numbers
from common.messages import did_you_mean, last_line

from ..errors import ConversionError
from ..inputs.preprocessing import Preprocessing
from ..inputs.shapes import pictures
from ..ir import name_nodes, place_of
from ..layers.layer import constant, reshaped, shape
from .operation import Operation, is_float
from .reading import ModelFile
from .table import LOWERINGS


def rebuild(read: ModelFile, preprocessing: Mapping[str, Preprocessing], file: str) -> Model:
    """Return a float32 model of old operations that computes what was read, from inputs that are preprocessed.

    Pictures go in as bytes, and other inputs as float32. Raises ConversionError with operation and name for what
    cannot be brought down.
    """
    from ..inputs.apply import preprocess

    taken = pictures(read.shapes)
    made: dict[str, list[Output]] = {}
    names: dict[str, str] = {}
    inputs: dict[str, Node] = {}
    for node in read.model.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Result":
            continue
        operation = Operation(node, file)
        for port in node.outputs():
            if port.get_partial_shape().is_dynamic:
                raise operation.error(
                    "how much it gives depends on the numbers that go in, and a blob has fixed sizes. "
                    "End the net before it with --output NAME, and do the rest on the host."
                )
            if problem := too_many_numbers(list(port.get_shape())):
                raise operation.error(f"its output {problem}")
        if kind == "Parameter":
            name = node.get_friendly_name()
            inputs[name], top = _input(operation, name, name in taken)
            made[node.get_name()] = [preprocess(name, top, preprocessing.get(name, Preprocessing()), names)]
        elif kind == "Constant":
            made[node.get_name()] = [_constant(node)]
        else:
            made[node.get_name()] = _lowered(operation, [made_for(port, made) for port in _sources(node)])
        top = made[node.get_name()][0]
        names.setdefault(top.get_node().get_name(), node.get_friendly_name())
    return _finish(read, made, [inputs[name] for name in read.shapes], names)


def _sources(node: Node) -> list[Output]:
    return [port.get_source_output() for port in node.inputs()]


def made_for(port: Output, made: Mapping[str, list[Output]]) -> Output:
    """Return the counterpart of an output of the old model."""
    return made[port.get_node().get_name()][port.get_index()]


def _input(operation: Operation, name: str, is_picture: bool) -> tuple[Node, Output]:
    """Make an input, and the float32 numbers in it."""
    element = operation.node.get_element_type()
    if not is_picture and not element.is_real():
        raise operation.error(
            f"the input takes {element.get_type_name()}; expected pictures or floating-point numbers, which a stick takes."
        )
    source = op.parameter(operation.shape(), np.uint8 if is_picture else np.float32, name=name)
    source.output(0).set_names({name})
    return source, op.convert(source, "f32").output(0) if is_picture else source.output(0)


def _constant(node: Node) -> Output:
    """Copy a constant: floating-point numbers as float32, others as they are."""
    if is_float(node.output(0)):
        return Constant(np.array(node.get_data(dtype=np.float32), order="C")).output(0)
    return Constant(np.array(node.data)).output(0)


def _lowered(operation: Operation, inputs: list[Output]) -> list[Output]:
    build = LOWERINGS.get(operation.kind)
    if build is None:
        raise operation.error(
            "has no counterpart that OpenVINO 2021.4.2 and the stick know. End the net before it with --output NAME and do "
            f"the rest on the host, or export the net without it.{did_you_mean(operation.kind, LOWERINGS)}"
        )
    try:
        tops = build(operation, inputs)
    except RuntimeError as error:
        raise operation.error(f"OpenVINO refuses its older form: {last_line(error)}.") from error
    for number, top in enumerate(tops):
        if list(shape(top)) != operation.shape(number):
            raise operation.error(
                f"its older form gives {list(shape(top))} instead of {operation.shape(number)}. Please report this net."
            )
    return tops


def _finish(read: ModelFile, made: Mapping[str, list[Output]], inputs: list[Node], names: dict[str, str]) -> Model:
    """Return the model with the outputs of the old one, each made by a node that has the output's name."""
    results = []
    heads: dict[str, str] = {}
    for result, name in zip(read.model.get_results(), read.outputs, strict=True):
        port = result.input(0).get_source_output()
        if name in heads.values():
            continue
        top = made_for(port, made)
        if not is_float(top):
            top = op.convert(top, "f32").output(0)
        kind = top.get_node().get_type_name()
        if kind == "TopK":
            # 2021.4.2 drops a Reshape that changes nothing, and the output's name with it. No half is smaller.
            top = op.maximum(top, constant(-65504.0)).output(0)
        elif place_of(top) in heads or top.get_node().get_output_size() > 1 or kind in ("Parameter", "Constant"):
            top = reshaped(top, shape(top))
        if kind == "Constant":
            raise ConversionError(
                f'{read.model.get_friendly_name()}: the output "{name}" is constant. Leave it out with --output.'
            )
        heads[place_of(top)] = name
        top.get_tensor().set_names({name})
        results.append(op.result(top))
        results[-1].set_friendly_name(f"{name}/result")
    model = Model(results, inputs, read.model.get_friendly_name())
    name_nodes(model, heads, names)
    return model
