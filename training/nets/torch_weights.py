"""Weights of a torchvision net, as weights of the same net in Caffe's layers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import NetParameter, TransformationParameter
from caffe_io.errors import WeightsError
from caffe_io.layer_types import LAYER_TYPES
from common.errors import MeanError
from common.inputs import check_input
from common.messages import is_lack_of_memory, last_line, shape_text

from ..layers import Layer
from .loading import names_text
from .torch_names import COUNTER, DEVIATION, MEAN, NAMES, PICTURE, is_known, sources

_EXPECTED = 'expected a state_dict, as torch.save(model.state_dict(), "FILE.pth") writes it'
# How far the mean of a prototxt may be from ImageNet's, of 255.
_MEAN_TOLERANCE = 0.05


class Imported(NamedTuple):
    """The weights by layer; the layers of the net that the file has nothing for, and the file's values without a layer."""

    weights: dict[str, list[Array]]
    not_in_file: list[str]
    not_in_net: list[str]


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Return name -> tensor. A checkpoint that keeps them under "state_dict" is read, and "module." before all names is left out.

    Nothing in the file is run. Raises WeightsError for a file that is damaged or holds something else.
    """
    if os.fspath(path).endswith(".safetensors"):
        raise WeightsError(
            f"{path}: is a safetensors file; {_EXPECTED}. To convert it: pip install safetensors; python -c 'import torch, "
            'safetensors.torch as s; torch.save(s.load_file("FILE.safetensors"), "FILE.pth")\''
        )
    try:
        loaded = torch.load(check_input(path), map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or last_line(error)}); {_EXPECTED}.") from error
    except Exception as error:
        # A damaged pickle can make the reader stumble over anything.
        if is_lack_of_memory(error):
            raise
        raise WeightsError(
            f"{path}: is damaged, holds code, or is no file of PyTorch's ({type(error).__name__}); {_EXPECTED}."
        ) from error
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping) or not loaded:
        raise WeightsError(f"{path}: holds {type(loaded).__name__}, not weights by their names; {_EXPECTED}.")
    for name, values in loaded.items():
        if not isinstance(name, str) or not isinstance(values, Tensor):
            raise WeightsError(f"{path}: holds {type(values).__name__} under {name!r:.80}; {_EXPECTED}.")
    # DataParallel writes such names.
    wrapped = all(name.startswith("module.") for name in loaded)
    return {name.removeprefix("module.") if wrapped else name: values for name, values in loaded.items()}


def picture_transform(net: NetParameter, path: str) -> TransformationParameter:
    """Return what the data layers of a train_test net do to their pictures. Raises MeanError unless all do the same."""
    params = [layer.transform_param for layer in net.layer if "data" in layer.top[:1] and _transforms(layer.type)]
    if not params:
        raise MeanError(
            f'{path}: has no data layer with the top "data". Its mean and scale are needed: name the net that is trained.'
        )
    for param in params:
        wrong = [255 * mean for mean in reversed(MEAN)]
        found = list(param.mean_value)
        if len(found) != len(wrong) or max(map(abs, np.subtract(found, wrong))) > _MEAN_TOLERANCE:
            values = " ".join(f"{value:g}" for value in found) or "none"
            raise MeanError(
                f"{path}: mean_value is {values}; expected {' '.join(f'{value:g}' for value in wrong)}, the mean colour (blue, "
                "green, red) with which torchvision's weights were trained. Write it into each data layer."
            )
        if param.scale != params[0].scale or not param.scale > 0:
            raise MeanError(
                f"{path}: scale is {param.scale:g} in one data layer and {params[0].scale:g} in another; expected one number "
                "above 0."
            )
    return params[0]


def import_weights(
    state: Mapping[str, Tensor], layers: Sequence[Layer], scale: float, path: str, net_path: str
) -> Imported:
    """Return the weights for `layers`. The net takes BGR pictures, minus ImageNet's mean and times `scale`.

    Raises WeightsError for a shape that differs, and if net and file do not have the same layers of those in the table.
    """
    learning = [layer for layer in layers if layer.blobs]
    wanted = {layer.name: names for layer in learning if (names := sources(layer.name))}
    if not wanted:
        raise WeightsError(
            f"{net_path}: its layers are called {names_text(layer.name for layer in learning)}; expected names such as "
            f"{NAMES[0].layer} and {NAMES[2].layer.format(1, 0, 1)}. The names of torchvision's ResNets are known, in the form "
            "that prototxt/ResNet18 gives them (training/nets/torch_names.py)."
        )
    used = [name for names in wanted.values() for name in names]
    missing = [name for name in used if name not in state]
    others = [name for name in state if name not in used and not name.endswith(f".{COUNTER}")]
    foreign = [name for name in others if is_known(name)]
    if missing or foreign:
        what = f"lacks {names_text(missing)}" if missing else f"has {names_text(foreign)}, which {net_path} lacks"
        raise WeightsError(
            f"{path}: {what}. Its {len(state)} values are called {names_text(state)}; expected those of the torchvision net "
            "that the prototxt describes."
        )
    weights: dict[str, list[Array]] = {}
    for layer in learning:
        if layer.name in wanted:
            blobs = [
                _values(state[name], name, tuple(blob.shape), path, f'layer "{layer.name}" of {net_path}')
                for name, blob in zip(wanted[layer.name], layer.blobs, strict=False)
            ]
            if layer.name == PICTURE:
                blobs[0] = _for_bgr(blobs[0], scale)
            if layer.param.type == "BatchNorm":
                _check_variances(blobs[1], wanted[layer.name][1], path)
                # What the sums are divided by.
                blobs.append(np.ones(1, np.float32))
            weights[layer.name] = blobs
    return Imported(weights, [layer.name for layer in learning if layer.name not in wanted], others)


def _transforms(kind: str) -> bool:
    return kind in LAYER_TYPES and LAYER_TYPES[kind].transforms


def _values(values: Tensor, name: str, shape: tuple[int, ...], path: str, place: str) -> Array:
    if tuple(values.shape) != shape:
        raise WeightsError(
            f"{path}: {name} is {shape_text(values.shape)} there, but {shape_text(shape)} in {place}. Is it another net's file?"
        )
    if not values.is_floating_point() or values.layout != torch.strided or values.device.type != "cpu":
        kind = f"{values.dtype}, {values.layout}, on {values.device}"
        raise WeightsError(f"{path}: {name} holds {kind}; expected plain floating-point numbers.")
    array: Array = values.detach().float().contiguous().numpy()
    if not np.isfinite(array).all():
        raise WeightsError(f"{path}: {name} holds numbers that are NaN or infinite. The file is damaged; take another.")
    return array


def _check_variances(array: Array, name: str, path: str) -> None:
    if array.min() < 0:
        raise WeightsError(
            f"{path}: {name} holds {array.min():g}; expected variances of 0 or more. The file is damaged."
        )


def _for_bgr(weights: Array, scale: float) -> Array:
    """Let a convolution of (picture / 255 - MEAN) / DEVIATION in RGB take (picture - 255 * MEAN) * scale in BGR instead."""
    factors = 1 / (255 * np.array(DEVIATION, np.float64) * scale)
    return np.ascontiguousarray((weights * factors[:, None, None])[:, ::-1], np.float32)
