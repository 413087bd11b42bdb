"""Builds the net of one file, with stand-ins for its data and for known classes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

import torch

import training.layers.base
from caffe_io.caffe_pb2 import TEST, TRAIN, FillerParameter, LayerParameter, NetParameter, Phase
from caffe_io.layer_types import LAYER_TYPES
from caffe_io.net_state import filter_net
from caffe_io.parameters.python_layers import with_known_layers
from caffe_io.prototxt import read_net, read_solver
from caffe_io.text.upgrade import upgrade_net
from common.errors import MokaError
from training.layers import PythonCode
from training.layers.fillers import fill
from training.nets.net import Net

from . import LOADS, NEEDS_CODE
from .classes import SHAPES, give_classes

_SOLVER = re.compile(r"^\s*(base_lr|net_param|train_net_param|test_iter)\b", re.M)
_SIZES = (224, 321, 512)
# The shapes of tops whose names say what they hold.
_BY_NAME = {"gt_boxes": (4, 5), "im_info": (1, 3), "rois": (4, 5)}


def load(path: Path) -> tuple[str, str]:
    """Build the net of a file; return the outcome's reason and message."""
    stand_ins: list[str] = []
    first: MokaError | None = None
    give_classes()
    vars(training.layers.base)["fill"] = _unfilled
    for size, dense in itertools.product(_SIZES, (False, True)):
        try:
            param = _read(path)
            phase = _phase(param)
            stand_ins = [layer.type for layer in param.layer if _feeds(layer)]
            for layer in param.layer:
                if _feeds(layer):
                    _replace(layer, size, dense)
            code = PythonCode.REFUSED
            if any((layer.python_param.module, layer.python_param.layer) in SHAPES for layer in param.layer):
                code = PythonCode.REPORTED
                stand_ins.append("Python")
                param = with_known_layers(filter_net(param, phase), str(path))
            Net(param, phase, str(path), python_code=code).close()
        except MokaError as error:
            first = first or error
            if not stand_ins or _names_type(str(error)):
                break
        else:
            return (NEEDS_CODE if "Python" in stand_ins else LOADS), ""
    return _reason(str(first), stand_ins), str(first)


def _unfilled(shape: tuple[int, ...], filler: FillerParameter, generator: torch.Generator, name: str) -> torch.Tensor:
    """Check a filler on a single number, and leave the weights as they are."""
    fill((1,) * len(shape), filler, generator, name)
    return torch.empty(shape)


def _read(path: Path) -> NetParameter:
    """Read a net, or the net that stands in a solver."""
    if not _SOLVER.search(path.read_text(errors="replace")):
        return read_net(path)
    solver = read_solver(path)
    return upgrade_net(next(net for net in (solver.net_param, solver.train_net_param) if net.layer), str(path))


def _phase(param: NetParameter) -> Phase.ValueType:
    rules = [rule for layer in param.layer for rule in layer.include]
    return TRAIN if any(rule.HasField("phase") and rule.phase == TRAIN for rule in rules) else TEST


def _feeds(layer: LayerParameter) -> bool:
    """Whether the layer reads data: a data layer that is known, or code without bottoms."""
    if layer.type in ("Input", "DummyData", "Parameter") or layer.bottom or not layer.top:
        return False
    return layer.type in LAYER_TYPES or layer.type.endswith("Data")


def _replace(layer: LayerParameter, any_size: int, dense: bool) -> None:
    """Make a data layer an Input layer with tops of the same sizes, as far as these are known; else of `any_size`.

    With `dense` there is a label for each pixel.
    """
    settings = [value for field, value in layer.ListFields() if field.name.endswith("_param")]
    batch = _first(settings, "batch_size", 1)
    size = _first(settings, "crop_size", 0)
    height, width = (size or _first(settings, name, any_size) for name in ("new_height", "new_width"))
    channels = _first(settings, "channels", 3)
    for field in ("data_param", "transform_param", "image_data_param", "hdf5_data_param", "memory_data_param"):
        layer.ClearField(field)
    boxes = layer.type == "AnnotatedData"
    layer.type = "Input"
    for number, top in enumerate(layer.top):
        shape: tuple[int, ...] = (batch, channels, height, width)
        if number:
            shape = (batch, 1, height, width) if dense else (1, 1, 8, 8) if boxes else (batch,)
        layer.input_param.shape.add(dim=_BY_NAME.get(top, shape))


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
