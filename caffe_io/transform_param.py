"""What transform_param does to pictures, and a warning where Caffe ignores it."""

from __future__ import annotations

import logging

from google.protobuf import text_format

from common.commands import LOGGER

from .caffe_pb2 import NetParameter, TransformationParameter
from .layer_types import LAYER_TYPES

_logger = logging.getLogger(LOGGER)


def warn_of_ignored(net: NetParameter, path: str) -> None:
    """Warn of each layer whose transform_param Caffe ignores without a word, such as that of an Input layer."""
    for layer in net.layer:
        facts = LAYER_TYPES.get(layer.type)
        # A fork's layer, or code of the user's, may read it. HDF5Data refuses it itself.
        if facts is None or facts.fork or facts.transforms or layer.type in ("HDF5Data", "Python"):
            continue
        if layer.transform_param.ListFields():
            settings = text_format.MessageToString(layer.transform_param, as_one_line=True)
            _logger.warning(
                '%s: layer "%s" (%s): Caffe ignores its transform_param (%s), so it is ignored here as well. %s',
                *(path, layer.name, layer.type, settings, _advice(layer.transform_param)),
            )


def _advice(param: TransformationParameter) -> str:
    """Say where the settings would count."""
    options = []
    if param.mean_file:
        options.append(f"--mean {param.mean_file}")
    if param.mean_value:
        options.append(f"--mean_value {' '.join(f'{value:g}' for value in param.mean_value)}")
    if param.scale not in (0, 1):
        # Model Optimizer's --scale divides.
        options.append(f"--scale {1 / param.scale:.6g}")
    give = f" If the net was trained so, give ./moka compile {' '.join(options)}." if options else ""
    return f"Only data layers, such as Data and ImageData, transform pictures.{give}"
