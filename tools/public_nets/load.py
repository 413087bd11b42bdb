"""Builds the net of one file, with stand-ins for its data and for known classes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

import torch

import training.layers.base
from caffe_io.caffe_pb2 import TEST, TRAIN, FillerParameter, LayerParameter, NetParameter, Phase, SolverParameter
from caffe_io.errors import PrototxtError
from caffe_io.layer_types import LAYER_TYPES
from caffe_io.prototxt import parse_text, read_text
from caffe_io.text.fields import strange_fields
from caffe_io.text.upgrade import upgrade_net
from common.errors import MokaError
from training.layers import PythonCode
from training.layers.fillers import fill
from training.nets.net import Net

from . import FORKS_DATA, LOADS, NEEDS_CODE
from .classes import SHAPES, give_classes

_SOLVER = re.compile(r"^\s*(base_lr|net_param|train_net_param|test_iter)\b", re.M)
# Channels, height and width of pictures.
_SIZES = ((3, 224, 224), (3, 300, 300), (3, 321, 321), (3, 512, 512), (3, 360, 480), (1, 28, 28))
_REGIONS = 4
_OF_DATA = ("TransformationParameter", "DataParameter", "ImageDataParameter", "WindowDataParameter")
# The shapes of tops whose names say what they hold.
_BY_NAME = {"gt_boxes": (_REGIONS, 5), "im_info": (1, 3), "rois": (_REGIONS, 5)}


def load(path: Path) -> tuple[str, str]:
    """Build the net of a file; return the outcome's reason and message."""
    stand_ins: list[str] = []
    errors: list[str] = []
    give_classes()
    vars(training.layers.base)["fill"] = _unfilled
    for picture, dense in itertools.product(_SIZES, (False, True)):
        try:
            param, good = _read(path)
            phase = _phase(param)
            stand_ins = [layer.type for layer in param.layer if _feeds(layer)]
            for layer in param.layer:
                if _feeds(layer):
                    _replace(layer, picture, dense)
            modules = {layer.python_param.module for layer in param.layer if _is_shaped(layer)}
            stand_ins += ["Python"] * bool(modules)
            Net(param, phase, str(path), python_code=PythonCode(frozenset(modules))).close()
        except MokaError as error:
            errors.append(str(error))
            if not stand_ins or _names_type(str(error)):
                break
        else:
            return (NEEDS_CODE if "Python" in stand_ins else good), ""
    # A type that is not known, or else what came last in the net.
    message = max(errors, key=lambda text: (_names_type(text), _line(text)))
    return _reason(message, stand_ins), message


def _is_shaped(layer: LayerParameter) -> bool:
    return (layer.python_param.module, layer.python_param.layer) in SHAPES


def _line(message: str) -> int:
    found = re.match(r"[^\n]*?:(\d+)", message)
    return int(found[1]) if found else 0


def _unfilled(shape: tuple[int, ...], filler: FillerParameter, generator: torch.Generator, name: str) -> torch.Tensor:
    """Check a filler on a single number, and leave the weights as they are."""
    small = FillerParameter()
    small.CopyFrom(filler)
    small.ClearField("sparse")
    fill((1,) * len(shape), small, generator, name)
    return torch.empty(shape)


def _read(path: Path) -> tuple[NetParameter, str]:
    """Read a net, or the net that stands in a solver; also return what it is called if it loads."""
    text = read_text(path)
    solver = bool(_SOLVER.search(text))
    try:
        return _parse(text, solver, str(path)), LOADS
    except PrototxtError:
        # Fields of the data layers, which are to be replaced.
        root = (SolverParameter if solver else NetParameter).DESCRIPTOR
        for field in reversed(strange_fields(text, root)):
            if field.message.name in _OF_DATA:
                gap = re.sub(r"[^\n]", " ", text[field.start : field.end])
                text = text[: field.start] + gap + text[field.end :]
        return _parse(text, solver, str(path)), FORKS_DATA


def _parse(text: str, solver: bool, path: str) -> NetParameter:
    if not solver:
        return upgrade_net(parse_text(text, NetParameter(), path), path)
    param = parse_text(text, SolverParameter(), path)
    nets = [param.net_param, param.train_net_param, *param.test_net_param]
    return upgrade_net(next((net for net in nets if net.layer or net.layers), NetParameter()), path)


def _phase(param: NetParameter) -> Phase.ValueType:
    rules = [rule for layer in param.layer for rule in layer.include]
    return TRAIN if any(rule.HasField("phase") and rule.phase == TRAIN for rule in rules) else TEST


def _feeds(layer: LayerParameter) -> bool:
    """Whether the layer reads data: a data layer that is known, or code without bottoms."""
    if layer.type in ("Input", "DummyData", "Parameter") or layer.bottom or not layer.top:
        return False
    return layer.type in LAYER_TYPES or layer.type.endswith("Data")


def _replace(layer: LayerParameter, picture: tuple[int, int, int], dense: bool) -> None:
    """Make a data layer an Input layer with tops of the same sizes, as far as these are known; else of `picture`.

    With `dense` there is a label for each pixel.
    """
    settings = [value for field, value in layer.ListFields() if field.name.endswith("_param")]
    batch = _first(settings, "batch_size", 1)
    size = _first(settings, "crop_size", 0)
    height, width = (
        size or _first(settings, name, given)
        for name, given in zip(("new_height", "new_width"), picture[1:], strict=True)
    )
    channels = _first(settings, "channels", picture[0])
    for field in ("data_param", "transform_param", "image_data_param", "hdf5_data_param", "memory_data_param"):
        layer.ClearField(field)
    boxes = layer.type == "AnnotatedData"
    rows: dict[str, tuple[int, ...]] = {"labels": (_REGIONS,)} if "rois" in layer.top else {}
    if classes := re.search(r"num_classes\W+(\d+)", layer.python_param.param_str):
        rows |= {top: (_REGIONS, 4 * int(classes[1])) for top in layer.top if top.startswith("bbox_")}
    layer.type = "Input"
    for number, top in enumerate(layer.top):
        shape: tuple[int, ...] = (batch, channels, height, width)
        if number:
            shape = (batch, 1, height, width) if dense else (1, 1, 8, 8) if boxes else (batch,)
        layer.input_param.shape.add(dim=(_BY_NAME | rows).get(top, shape))


def _first(settings: Sequence[object], field: str, default: int) -> int:
    return next((int(getattr(given, field)) for given in settings if getattr(given, field, 0)), default)


_TYPES = (
    (r'unknown layer type "([^"]*)"', "layer type {} is unknown"),
    (r'layer "[^"]*" is of type (\S+):', "layer type {}"),
)
_FIELDS = (
    (r'(\w+) has no field "(\w+)"', "field {}"),
    (r'"(\w+)" is no value of (\S+)', "value {}"),
)


def _names_type(message: str) -> bool:
    return any(re.search(pattern, message) for pattern, _ in (*_TYPES, *_FIELDS))


def _reason(message: str, stand_ins: Sequence[str]) -> str:
    for pattern, text in (*_TYPES, *_FIELDS):
        if found := re.search(pattern, message):
            return text.format(".".join(found.groups()))
    first = message.split("\n", 1)[0]
    first = re.sub(r"^\S*?:(\d+:?)*\s*", "", first)
    first = re.sub(r'"[^"]*"', "X", first)
    first = re.sub(r"\d+(x\d+)*", "N", first)
    kind = f"data not known ({', '.join(sorted(set(stand_ins)))}): " if stand_ins else ""
    return kind + first[:90]
