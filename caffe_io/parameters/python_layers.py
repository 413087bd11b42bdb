"""Layers of type Python whose code is known, so that they become layers of other types and no code is run.

A row of KNOWN: module and class -> what makes the known layer. Training does this unless --python-layers or --python-layer
lets the net run the code itself; the converter always does.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from common.commands import LOGGER

from ..caffe_pb2 import TRAIN, LayerParameter, NetParameter, Phase, ProposalParameter

_logger = logging.getLogger(LOGGER)

# The settings of py-faster-rcnn's lib/fast_rcnn/config.py, which a prototxt does not hold.
_TEST_BOXES = (6000, 300)
_TRAIN_BOXES = (12000, 2000)
_RATIOS = (0.5, 1, 2)
_SCALES = (8, 16, 32)

_ENTRY = re.compile(r"""["']?(\w+)["']?\s*:\s*(\[[^\]]*\]|\([^)]*\)|[-+.\deE]+)""")

_TEST_DROPOUT = re.compile(
    r"""\{\s*["']phase["']\s*:\s*["']TEST["']\s*,\s*["']p["']\s*:\s*["']?(?P<p>0?\.\d+)["']?\s*\}"""
)

Known = Callable[[LayerParameter, "Phase.ValueType"], bool]
"""Turns a layer into the known one, for a phase; returns False if it has settings that the known one lacks."""


def with_known_layers(net: NetParameter, path: str, runs: Callable[[str], bool] = lambda module: False) -> NetParameter:
    """Return `net`, which was filtered for its phase, with the known layers in place of those of type Python.

    Layers whose module `runs` stay as they are.
    """
    if all(layer.type != "Python" for layer in net.layer):
        return net
    changed = NetParameter()
    changed.CopyFrom(net)
    for layer in changed.layer:
        if layer.type != "Python" or runs(layer.python_param.module):
            continue
        python = layer.python_param
        make = KNOWN.get((python.module, python.layer))
        if make and make(layer, layer.phase if layer.HasField("phase") else changed.state.phase):
            _logger.warning(
                '%s: layer "%s": %s.%s is computed as %s; its code is not run.',
                *(path, layer.name, python.module, python.layer, layer.type),
            )
    return changed


def _proposal(layer: LayerParameter, phase: Phase.ValueType) -> bool:
    settings = _settings(layer.python_param.param_str)
    param = ProposalParameter(ratio=_RATIOS, scale=_SCALES)
    param.pre_nms_topn, param.post_nms_topn = _TRAIN_BOXES if phase == TRAIN else _TEST_BOXES
    for name, values in settings.items():
        if name in ("ratios", "scales") and values:
            getattr(param, name[:-1])[:] = values
        elif name in ("feat_stride", "base_size") and len(values) == 1 and values[0] >= 1:
            setattr(param, name, int(values[0]))
        else:
            return False
    layer.type = "Proposal"
    layer.proposal_param.CopyFrom(param)
    return True


def _euclidean_loss(layer: LayerParameter, phase: Phase.ValueType) -> bool:
    layer.type = "EuclideanLoss"
    return True


def _spatial_dropout(layer: LayerParameter, phase: Phase.ValueType) -> bool:
    """ENet's multiplies by 1 / (1 - p) where its own param_str says TEST, whatever the phase of the net."""
    found = _TEST_DROPOUT.fullmatch(layer.python_param.param_str.strip())
    if not found:
        return False
    layer.type = "Power"
    layer.power_param.scale = 1 / (1 - float(found["p"]))
    return True


KNOWN: dict[tuple[str, str], Known] = {
    ("rpn.proposal_layer", "ProposalLayer"): _proposal,
    ("spatial_dropout", "SpatialDropoutLayer"): _spatial_dropout,
    # Of Caffe's own examples/pycaffe/layers.
    ("pyloss", "EuclideanLossLayer"): _euclidean_loss,
}


def _settings(text: str) -> dict[str, list[float]]:
    """Read a param_str of numbers and lists of numbers, such as "'feat_stride': 16, 'scales': [4, 8]"."""
    found: dict[str, list[float]] = {}
    text = text.replace("!!python/tuple", "")
    for name, value in _ENTRY.findall(text):
        numbers = re.findall(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?", value)
        try:
            found[name] = [float(number) for number in numbers]
        except ValueError:
            found[name] = []
    # What is left over is no number, so nobody knows what it means.
    if _ENTRY.sub("", text).strip(" \t\n{},;"):
        found["?"] = []
    return found
