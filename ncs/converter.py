"""Converts a Caffe net and its weights to an OpenVINO model, with what training did to its input inside."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import openvino.opset1 as op
from openvino import Model, Node, Output

from caffe_io import graph
from caffe_io.blobs import Array, too_many_numbers
from caffe_io.caffe_pb2 import TEST, LayerParameter, NetParameter
from caffe_io.graph import NetGraph, Version
from caffe_io.layer_types import layer_type
from caffe_io.net_check import check_net
from caffe_io.net_state import filter_net
from caffe_io.parameters.python_layers import with_known_layers
from caffe_io.text.mistakes import unknown_type
from caffe_io.weights import with_shared
from common.commands import LOGGER
from common.messages import last_line

from .cutting import find_outputs, needed_nodes
from .errors import ConversionError
from .inputs.apply import preprocess
from .inputs.preprocessing import Preprocessing
from .inputs.shapes import Shape, input_shapes, pictures
from .ir import name_nodes, place_of
from .layers import LAYERS, TrainedLayer
from .layers.layer import reshaped, shape

_logger = logging.getLogger(LOGGER)


def convert(
    net: NetParameter,
    weights: Mapping[str, Sequence[Array]],
    preprocessing: Mapping[str, Preprocessing] | None = None,
    net_file: str = "deploy prototxt",
    weights_file: str = "caffemodel",
    outputs: Sequence[str] = (),
    unfiltered: NetParameter | None = None,
) -> Model:
    """Return the TEST phase of `net` as a float32 model of opset1 operations.

    Its inputs are the tops of the Input layers: bytes for pictures (N x C x H x W, BGR if the net was trained on BGR),
    float32 for others. `preprocessing` says what is done to an input first. Every blob that no layer consumes is an output
    and keeps its name; with `outputs`, the tops of those layers (or those blobs) are, and only what they need is
    converted. Losses and Accuracy are left out, with all that only they use. `net` has been filtered for another state
    already if `unfiltered` is what it was before. The file names are for messages only.

    Raises NetError for blobs that do not fit together, such as a bottom that no layer produces. Raises ConversionError
    for layer types that are unknown or refused, and for weights that do not fit.
    """
    if unfiltered is None:
        unfiltered, net = net, filter_net(net, TEST)
    conversion = _Conversion(net, weights, net_file, weights_file)
    conversion.add_all(unfiltered, preprocessing or {}, outputs)
    return conversion.finish(net.name)


BlobShapes = Mapping[int, list[tuple[int, ...]]]
"""The number of a layer in its net -> the shapes of its tops."""


def blob_shapes(
    net: NetParameter,
    weights: Mapping[str, Sequence[Array]],
    net_file: str,
    weights_file: str,
    outputs: Sequence[str] = (),
) -> BlobShapes:
    """Return the shapes of the tops of all layers that are converted; `net` is filtered. Raises what `convert` does."""
    conversion = _Conversion(net, weights, net_file, weights_file)
    conversion.add_all(net, {}, outputs)
    shapes: dict[int, list[tuple[int, ...]]] = {}
    for version, output in conversion.outputs.items():
        assert version.producer is not None
        shapes.setdefault(version.producer.node.index, []).append(shape(output))
    return shapes


class _Conversion:
    """A model that grows layer by layer, in the order of the net."""

    def __init__(
        self, net: NetParameter, weights: Mapping[str, Sequence[Array]], net_file: str, weights_file: str
    ) -> None:
        self.net = with_known_layers(net, net_file)
        self.net_file = net_file
        self.weights_file = weights_file
        self.weights = with_shared(net, weights)
        # In the order of production.
        self.outputs: dict[Version, Output] = {}
        # By layers that are converted; and the tops of those that are not.
        self.consumed: set[Version] = set()
        self.left_out: set[Version] = set()
        self.labels: set[Version] = set()  # what losses and Accuracy compare predictions with
        self.inputs: list[Node] = []
        # The outputs that were asked for; None for all that no layer consumes.
        self.wanted: list[Version] | None = None
        # OpenVINO's own name of a node -> the Caffe layer that the node completes.
        self.layer_names: dict[str, str] = {}

    def add_all(
        self, unfiltered: NetParameter, preprocessing: Mapping[str, Preprocessing], outputs: Sequence[str]
    ) -> None:
        """Check the net and convert its layers in order."""
        shapes = input_shapes(self.net, self.net_file)
        net_graph = NetGraph(self.net)
        check_net(net_graph, self.net_file, unfiltered)
        nodes = net_graph.nodes
        if outputs:
            self.wanted = find_outputs(net_graph, outputs, self.net_file)
            nodes = needed_nodes(net_graph, self.wanted)
        for node in nodes:
            if node.layer.type == "Input":
                self.add_inputs(node, shapes, preprocessing)
            elif layer_type(node.layer.type).predictions or self.left_out.intersection(node.bottoms):
                self.leave_out(node)
            else:
                self.add(node)
        for version in self.wanted or ():
            if version not in self.outputs:
                raise ConversionError(
                    f'{self.net_file}: --output: "{version.name}" judges predictions, which a device does not. '
                    "Name the layer that makes them."
                )

    def add_inputs(
        self, node: graph.Node, shapes: Mapping[str, Shape], preprocessing: Mapping[str, Preprocessing]
    ) -> None:
        """Convert an Input layer: pictures from bytes to float32, other inputs as they are; then preprocess them."""
        tops = []
        for name in node.layer.top:
            is_picture = name in pictures(shapes)
            source = op.parameter(list(shapes[name]), np.uint8 if is_picture else np.float32, name=name)
            source.output(0).set_names({name})
            self.inputs.append(source)
            top = op.convert(source, "f32").output(0) if is_picture else source.output(0)
            tops.append(preprocess(name, top, preprocessing.get(name, Preprocessing()), self.layer_names))
        self._produce(node, tops)

    def add(self, node: graph.Node) -> None:
        """Convert any other layer with its function from the table LAYERS."""
        parameter, facts = node.layer, layer_type(node.layer.type)
        if facts.not_converted:
            raise self._error(parameter, facts.not_converted)
        build = LAYERS.get(parameter.type)
        if build is None:
            advice = unknown_type(parameter.type, ["Input", *LAYERS])
            raise self._error(parameter, f"unknown layer type. {advice}")
        if problem := facts.count_problem(parameter.bottom, parameter.top):
            raise self._error(parameter, problem)
        blobs = self.weights.get(parameter.name, ())
        inputs = [self.outputs[bottom] for bottom in node.bottoms]
        alone = self._is_only_consumer(node)
        layer = TrainedLayer(parameter, blobs, self.net_file, self.weights_file, alone, node, self.wanted or ())
        try:
            tops = build(layer, inputs)
            layer.check_taken()
        except RuntimeError as error:
            # OpenVINO checks shapes itself.
            raise layer.error(f"OpenVINO refuses it: {last_line(error)}.") from error
        self.consumed.update(node.bottoms)
        self._produce(node, tops)

    def leave_out(self, node: graph.Node) -> None:
        """Drop a loss or Accuracy layer, or one after it. Its predictions become outputs; its labels do not."""
        predictions = layer_type(node.layer.type).predictions
        if predictions:
            _logger.warning(
                '%s: layer "%s" (%s) left out: a device makes predictions and does not judge them.',
                *(self.net_file, node.layer.name, node.layer.type),
            )
        self.labels.update(node.bottoms[predictions:])
        self.left_out.update(node.tops)

    def finish(self, name: str) -> Model:
        """Return the model, its nodes named after layers, its outputs after their blobs."""
        labels = {label.name for label in self.labels}
        needed = {node.get_friendly_name() for node in self.inputs} - labels
        free = [version for version in self.outputs if version not in self.consumed]
        if self.wanted is not None:
            free, needed = self.wanted, set()
        for version in free:
            if version.name in needed:
                raise ConversionError(f'{self.net_file}: no layer uses the input "{version.name}". Take it out.')
        results = []
        named: dict[str, str] = {}
        for version in free:
            if version in self.labels:
                continue
            top = self.outputs[version]
            node = top.get_node()
            if (
                place_of(top) in named
                or node.get_output_size() > 1
                or node.get_type_name() in ("Parameter", "Constant")
            ):
                # A device wants a node of its own for each output, with the output's name.
                top = reshaped(top, shape(top))
            named[place_of(top)] = version.name
            top.get_tensor().set_names({version.name})
            results.append(op.result(top))
            results[-1].set_friendly_name(f"{version.name}/result")
        if not results:
            raise ConversionError(
                f"{self.net_file}: has no output, because a layer uses every blob. Does it end with Silence?"
            )
        model = Model(results, [node for node in self.inputs if _leads_to(node, results)], name)
        name_nodes(model, named, self.layer_names)
        return model

    def _is_only_consumer(self, node: graph.Node) -> bool:
        """Whether no other layer, and no output, uses the first bottom, under this or another name.

        Layers such as Dropout pass their bottom on, so several versions may have the same output.
        """
        if not node.bottoms or len(node.bottoms[0].consumers) > 1 or node.bottoms[0] in (self.wanted or ()):
            return False
        source = self.outputs[node.bottoms[0]]
        for version, output in self.outputs.items():
            used_up = version in self.consumed and len(version.consumers) == 1
            if output == source and version is not node.bottoms[0] and not used_up:
                return False
        return not source.get_target_inputs()

    def _produce(self, node: graph.Node, tops: list[Output]) -> None:
        if len(tops) != len(node.layer.top):
            raise self._error(node.layer, f"has {len(node.layer.top)} tops; expected {len(tops)}.")
        for version, top in zip(node.tops, tops, strict=True):
            if problem := too_many_numbers(shape(top)):
                raise self._error(node.layer, f'its top "{version.name}" {problem}')
            self.outputs[version] = top
            self.layer_names.setdefault(top.get_node().get_name(), node.layer.name)

    def _error(self, parameter: LayerParameter, text: str) -> ConversionError:
        return TrainedLayer(parameter, (), self.net_file, self.weights_file).error(text)


def _leads_to(node: Node, results: Sequence[Node]) -> bool:
    """Whether any of `results` depends on `node`; an input of labels for a loss leads to none."""
    ends = {result.get_name() for result in results}
    queue, seen = [node], {node.get_name()}
    while queue:
        for output in queue.pop().outputs():
            for user in (target.get_node() for target in output.get_target_inputs()):
                if user.get_name() in ends:
                    return True
                if user.get_name() not in seen:
                    seen.add(user.get_name())
                    queue.append(user)
    return False
