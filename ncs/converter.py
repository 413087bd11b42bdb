"""A Caffe net and its weights as an OpenVINO model, the mean inside."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import openvino.opset1 as op
from openvino import Model, Node, Output

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST, LayerParameter, NetParameter
from caffe_io.net_state import filter_net

from .errors import ConversionError
from .layers import LAYERS, Layer
from .layers.layer import constant, reshaped, shape


def convert(
    net: NetParameter,
    weights: Mapping[str, Sequence[Array]],
    mean: Array | None = None,
    net_file: str = "deploy prototxt",
    weights_file: str = "caffemodel",
) -> Model:
    """The TEST phase of `net` as a float32 model of opset1 operations.

    Its one input has the Input layer's top and shape, with a batch of 1, and takes uint8 pictures (N x C x H x W, BGR
    if the net was trained on BGR). `mean` (C x H x W of the input, or C x 1 x 1) is subtracted first. Every blob that
    no layer consumes is an output and keeps its name. The file names are for messages only.
    Raises ConversionError for unknown layer types, bottoms that no layer makes, and weights that do not fit.
    """
    walk = _Walk(net_file, weights_file)
    dims = input_shape(net, net_file)
    for parameter in filter_net(net, TEST).layer:
        if parameter.type == "Input":
            walk.open(parameter, dims, mean)
        else:
            walk.add(parameter, weights.get(parameter.name, ()))
    return walk.close(net.name)


def input_shape(net: NetParameter, net_file: str = "deploy prototxt") -> tuple[int, int, int, int]:
    """1 x C x H x W of the one input of `net`, whatever its batch. Raises ConversionError if there is not one."""
    layers = [layer for layer in filter_net(net, TEST).layer if layer.type == "Input"]
    shapes = [shape.dim for layer in layers for shape in layer.input_param.shape]
    if len(layers) != 1 or len(layers[0].top) != 1 or len(shapes) != 1 or len(shapes[0]) != 4 or min(shapes[0]) < 1:
        raise ConversionError(
            f"{net_file}: has {len(layers)} Input layers with shapes {[list(dims) for dims in shapes]}; wanted one, "
            "with one top of the shape N x C x H x W. Give --model the deploy net: a net to train has Data layers."
        )
    _, channels, height, width = shapes[0]
    return 1, channels, height, width


class _Walk:
    """The blobs by name while the layers are taken in their order; an in-place top takes its bottom's place."""

    def __init__(self, net_file: str, weights_file: str) -> None:
        self.net_file, self.weights_file = net_file, weights_file
        self.blobs: dict[str, Output] = {}
        self.unused: list[str] = []
        self.inputs: list[Node] = []
        self.labels: dict[str, str] = {}  # OpenVINO's own name of a node -> the Caffe layer that it ends

    def open(self, parameter: LayerParameter, dims: Sequence[int], mean: Array | None) -> None:
        """The Input layer: pictures as bytes, made float32, less the mean."""
        name = parameter.top[0]
        pictures = op.parameter(list(dims), np.uint8, name=name)
        pictures.output(0).set_names({name})
        self.inputs.append(pictures)
        pixels = op.convert(pictures, "f32").output(0)
        if mean is not None:
            pixels = op.subtract(pixels, constant(mean[None])).output(0)
            self.labels[pixels.get_node().get_name()] = f"{name}/mean"
        self._produce(parameter, [pixels])

    def add(self, parameter: LayerParameter, blobs: Sequence[Array]) -> None:
        """Any other layer: look its bottoms up, let its function build it."""
        build = LAYERS.get(parameter.type)
        if build is None:
            raise self._error(parameter, f"unknown layer type.{_choice(parameter.type, ['Input', *LAYERS])}")
        for bottom in parameter.bottom:
            if bottom not in self.blobs:
                raise self._error(parameter, f'no layer before it makes "{bottom}".{_choice(bottom, self.blobs)}')
        if not parameter.bottom or len(parameter.top) < 1:
            raise self._error(parameter, "wanted at least one bottom and one top.")
        layer = Layer(parameter, blobs, self.net_file, self.weights_file)
        try:
            tops = build(layer, [self.blobs[bottom] for bottom in parameter.bottom])
        except RuntimeError as error:  # OpenVINO's own check of shapes
            reason = str(error).strip().splitlines()[-1]
            raise layer.error(f"OpenVINO refuses it: {reason}") from error
        self.unused = [name for name in self.unused if name not in parameter.bottom]
        self._produce(parameter, tops)

    def close(self, name: str) -> Model:
        """The model, its nodes named after layers, its outputs after their blobs."""
        for node in self.inputs:
            if node.get_friendly_name() in self.unused:
                raise ConversionError(f'{self.net_file}: no layer uses the input "{node.get_friendly_name()}".')
        results = []
        named: dict[str, str] = {}
        for blob in self.unused:
            top = self.blobs[blob]
            if top.get_node().get_name() in named:  # two names for one blob: a device wants two outputs
                top = reshaped(top, shape(top))
            named[top.get_node().get_name()] = blob
            top.get_tensor().set_names({blob})
            results.append(op.result(top))
            results[-1].set_friendly_name(f"{blob}/result")
        model = Model(results, self.inputs, name)
        self._name_nodes(model, named)
        return model

    def _produce(self, parameter: LayerParameter, tops: list[Output]) -> None:
        if len(tops) != len(parameter.top):
            raise self._error(parameter, f"has {len(parameter.top)} tops, wanted {len(tops)}.")
        for name, top in zip(parameter.top, tops, strict=True):
            if name in self.blobs and name not in parameter.bottom:
                raise self._error(parameter, f'its top "{name}" is made by an earlier layer already.')
            self.blobs[name] = top
            self.unused.append(name)
            self.labels.setdefault(top.get_node().get_name(), parameter.name)

    def _name_nodes(self, model: Model, heads: Mapping[str, str]) -> None:
        """Names that are unique and the same in every run: OpenVINO's own hold counters of the process."""
        taken = {*heads.values(), *(node.get_friendly_name() for node in self.inputs)}
        for node in reversed(model.get_ordered_ops()):  # each node after those that use it
            if node.get_type_name() in ("Parameter", "Result"):
                continue
            if node.get_name() in heads:
                node.set_friendly_name(heads[node.get_name()])
                continue
            user = next(iter(node.output(0).get_target_inputs()))
            wish = self.labels.get(node.get_name()) or f"{user.get_node().get_friendly_name()}/{node.get_type_name()}"
            label, count = wish, 1
            while label in taken:
                count += 1
                label = f"{wish}.{count}"
            taken.add(label)
            node.set_friendly_name(label)

    def _error(self, parameter: LayerParameter, text: str) -> ConversionError:
        return Layer(parameter, (), self.net_file, self.weights_file).error(text)


def _choice(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return (f' Did you mean "{close[0]}"?' if close else "") + f" Known: {', '.join(names) or 'none'}."
