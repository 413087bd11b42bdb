"""A Caffe net and its weights as an OpenVINO model, the mean inside."""

from __future__ import annotations

import difflib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import openvino.opset1 as op
from openvino import Model, Node, Output

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST, LayerParameter, NetParameter
from caffe_io.layer_types import layer_type
from caffe_io.net_check import check_net
from caffe_io.net_state import filter_net
from common.commands import LOGGER

from .errors import ConversionError
from .layers import LAYERS, Layer
from .layers.layer import constant, reshaped, shape

_logger = logging.getLogger(LOGGER)


def convert(
    net: NetParameter,
    weights: Mapping[str, Sequence[Array]],
    mean: Array | None = None,
    net_file: str = "deploy prototxt",
    weights_file: str = "caffemodel",
) -> Model:
    """The TEST phase of `net` as a float32 model of opset1 operations.

    Its inputs are the tops of the Input layers with a batch of 1: bytes for those of 4 axes (N x C x H x W, BGR if the
    net was trained on BGR), float32 for others. `mean` (C x H x W of the first input, or C x 1 x 1) is subtracted from
    every input that it fits. Every blob that no layer consumes is an output and keeps its name. Losses and Accuracy
    are left out, with what only they use. The file names are for messages only.
    Raises NetError for blobs that do not fit together, such as a bottom that no layer makes; ConversionError for layer
    types that are unknown or refused, and weights that do not fit.
    """
    whole, net = net, filter_net(net, TEST)
    shapes = input_shapes(net, net_file)
    check_net(net, net_file, whole)
    walk = _Walk(net, weights, net_file, weights_file)
    for index, parameter in enumerate(net.layer):
        if parameter.type == "Input":
            walk.open(parameter, shapes, mean)
        elif layer_type(parameter.type).predictions or walk.left_out.intersection(parameter.bottom):
            walk.leave_out(parameter)
        else:
            walk.add(index, parameter)
    return walk.close(net.name)


def input_shapes(net: NetParameter, net_file: str = "deploy prototxt") -> dict[str, tuple[int, ...]]:
    """Input blob -> its shape, in the order of the net, whatever its batch: the first of several axes is 1 here.

    Raises ConversionError for none, for those without a shape, and for layers that read data themselves.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in filter_net(net, TEST).layer:
        if layer.type != "Input":
            continue
        given = [tuple(shape.dim) for shape in layer.input_param.shape]
        given = given * len(layer.top) if len(given) == 1 else given
        if len(given) != len(layer.top) or any(not dims or min(dims) < 1 for dims in given):
            raise ConversionError(
                f'{net_file}: Input layer "{layer.name}" has {len(layer.top)} tops and shapes '
                f"{[list(dims) for dims in given]}; wanted one shape for each top, or one for all, of sizes from 1 on."
            )
        for top, dims in zip(layer.top, given, strict=True):
            shapes[top] = dims if len(dims) == 1 else (1, *dims[1:])
    if not shapes:
        raise ConversionError(
            f"{net_file}: has no Input layer; wanted one, with a top of the shape N x C x H x W. "
            "Give --model the deploy net: a net to train has Data layers."
        )
    return shapes


class _Walk:
    """The blobs by name while the layers are taken in their order; an in-place top takes its bottom's place."""

    def __init__(
        self, net: NetParameter, weights: Mapping[str, Sequence[Array]], net_file: str, weights_file: str
    ) -> None:
        self.net_file, self.weights_file = net_file, weights_file
        self.weights = _share(net, weights)
        self.lonely = _lonely(net)
        self.blobs: dict[str, Output] = {}
        self.unused: list[str] = []
        self.done: set[str] = set()  # blobs that no further layer takes
        self.left_out: set[str] = set()  # tops that nobody makes
        self.truths: set[str] = set()  # blobs that losses compare with
        self.inputs: list[Node] = []
        self.labels: dict[str, str] = {}  # OpenVINO's own name of a node -> the Caffe layer that it ends

    def open(self, parameter: LayerParameter, shapes: Mapping[str, Sequence[int]], mean: Array | None) -> None:
        """An Input layer: pictures as bytes, made float32, less the mean; other inputs as they are."""
        tops = []
        for name in parameter.top:
            dims = list(shapes[name])
            source = op.parameter(dims, np.uint8 if len(dims) == 4 else np.float32, name=name)
            source.output(0).set_names({name})
            self.inputs.append(source)
            top = source.output(0)
            if len(dims) == 4:
                top = op.convert(source, "f32").output(0)
                if mean is not None and mean.shape in ((*dims[1:],), (dims[1], 1, 1)):
                    top = op.subtract(top, constant(mean[None])).output(0)
                    self.labels[top.get_node().get_name()] = f"{name}/mean"
            tops.append(top)
        self._produce(parameter, tops)

    def add(self, index: int, parameter: LayerParameter) -> None:
        """Any other layer: look its bottoms up, let its function build it."""
        row = layer_type(parameter.type)
        if row.not_converted:
            raise self._error(parameter, row.not_converted)
        build = LAYERS.get(parameter.type)
        if build is None:
            raise self._error(parameter, f"unknown layer type.{_choice(parameter.type, ['Input', *LAYERS])}")
        if problem := row.count_problem(parameter.bottom, parameter.top):
            raise self._error(parameter, problem)
        blobs = self.weights.get(parameter.name, ())
        inputs = [self.blobs[bottom] for bottom in parameter.bottom]
        names = sum(top == inputs[0] for name, top in self.blobs.items() if name not in self.done) if inputs else 0
        alone = names == 1 and index in self.lonely
        only_consumer = alone and not inputs[0].get_target_inputs()
        layer = Layer(parameter, blobs, self.net_file, self.weights_file, only_consumer)
        try:
            tops = build(layer, inputs)
        except RuntimeError as error:  # OpenVINO's own check of shapes
            reason = str(error).strip().splitlines()[-1]
            raise layer.error(f"OpenVINO refuses it: {reason}") from error
        self.unused = [name for name in self.unused if name not in parameter.bottom]
        if index in self.lonely:
            self.done.add(parameter.bottom[0])
        self._produce(parameter, tops)

    def leave_out(self, parameter: LayerParameter) -> None:
        """A loss, or Accuracy, or what follows one: the answers that it judges stay, the truth is no output."""
        predictions = layer_type(parameter.type).predictions
        if predictions:
            _logger.warning(
                '%s: layer "%s" (%s) left out: a device gives answers and judges none.',
                *(self.net_file, parameter.name, parameter.type),
            )
        self.truths.update(parameter.bottom[predictions:])
        self.left_out.update(parameter.top)

    def close(self, name: str) -> Model:
        """The model, its nodes named after layers, its outputs after their blobs."""
        needed = {node.get_friendly_name() for node in self.inputs} - self.truths
        for blob in self.unused:
            if blob in needed:
                raise ConversionError(f'{self.net_file}: no layer uses the input "{blob}". Take it out.')
        results = []
        named: dict[str, str] = {}
        for blob in self.unused:
            if blob in self.truths:
                continue
            top = self.blobs[blob]
            node = top.get_node()
            if _place(top) in named or node.get_output_size() > 1 or node.get_type_name() in ("Parameter", "Constant"):
                top = reshaped(top, shape(top))  # a device wants one node for each output, which bears its name
            named[_place(top)] = blob
            top.get_tensor().set_names({blob})
            results.append(op.result(top))
            results[-1].set_friendly_name(f"{blob}/result")
        if not results:
            raise ConversionError(
                f"{self.net_file}: has no output: every blob is used by a layer. Is Silence the last?"
            )
        model = Model(results, [node for node in self.inputs if _leads_to(node, results)], name)
        self._name_nodes(model, named)
        return model

    def _produce(self, parameter: LayerParameter, tops: list[Output]) -> None:
        if len(tops) != len(parameter.top):
            raise self._error(parameter, f"has {len(parameter.top)} tops, wanted {len(tops)}.")
        for name, top in zip(parameter.top, tops, strict=True):
            self.blobs[name] = top
            self.done.discard(name)
            self.unused.append(name)
            self.labels.setdefault(top.get_node().get_name(), parameter.name)

    def _name_nodes(self, model: Model, heads: Mapping[str, str]) -> None:
        """Names that are unique and the same in every run: OpenVINO's own hold counters of the process."""
        taken = {*heads.values(), *(node.get_friendly_name() for node in self.inputs)}
        for node in reversed(model.get_ordered_ops()):  # each node after those that use it
            if node.get_type_name() in ("Parameter", "Result"):
                continue
            if _place(node.output(0)) in heads:
                node.set_friendly_name(heads[_place(node.output(0))])
                continue
            users = [user.get_node() for output in node.outputs() for user in output.get_target_inputs()]
            users = [user for user in users if user.get_type_name() != "Result"] or users
            user_name = min(user.get_friendly_name() for user in users)
            wish = self.labels.get(node.get_name()) or f"{user_name}/{node.get_type_name()}"
            label, count = wish, 1
            while label in taken:
                count += 1
                label = f"{wish}.{count}"
            taken.add(label)
            node.set_friendly_name(label)

    def _error(self, parameter: LayerParameter, text: str) -> ConversionError:
        return Layer(parameter, (), self.net_file, self.weights_file).error(text)


def _share(net: NetParameter, weights: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
    """The weights with those that `param { name }` shares put in for each sharer; of several copies the last counts."""
    named: dict[str, Array] = {}
    whole = {name: list(blobs) for name, blobs in weights.items()}
    for layer in net.layer:
        named.update({spec.name: blob for spec, blob in zip(layer.param, whole.get(layer.name, ()), strict=False)})
    for layer in net.layer:
        blobs = whole.setdefault(layer.name, [])
        for index, spec in enumerate(layer.param):
            if spec.name and spec.name in named and index <= len(blobs):
                blobs[index : index + 1] = [named[spec.name]]
    return whole


def _lonely(net: NetParameter) -> set[int]:
    """The layers that are the only ones to take their first bottom."""
    made: dict[str, int] = {}
    users: Counter[tuple[str, int]] = Counter()
    firsts: dict[int, tuple[str, int]] = {}
    for index, layer in enumerate(net.layer):
        for number, bottom in enumerate(layer.bottom):
            version = (bottom, made.get(bottom, -1))
            users[version] += 1
            if number == 0:
                firsts[index] = version
        made.update(dict.fromkeys(layer.top, index))
    return {index for index, version in firsts.items() if users[version] == 1}


def _leads_to(node: Node, results: Sequence[Node]) -> bool:
    """Whether any of `results` depends on `node`; a label that only a loss takes leads to none."""
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


def _place(output: Output) -> str:
    return f"{output.get_node().get_name()}:{output.get_index()}"


def _choice(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return (f' Did you mean "{close[0]}"?' if close else "") + f" Known: {', '.join(names) or 'none'}."
