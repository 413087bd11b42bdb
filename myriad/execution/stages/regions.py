"""Stages of detectors that work on maps: those of YOLO, and poolings of regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import BlobError
from ...stage import Stage
from ..memory import Floats, Memory, check_room
from .activation import sigmoid
from .normalisation import shares as softmax
from .windows import blocks

_REGION = 5
_LEAST_SIDE = 0.1


def region_yolo(stage: Stage, memory: Memory) -> None:
    """Bring places, objectness and classes of YOLO's boxes to 0 to 1; the sizes stay as they are."""
    named = {name: int(value) for name, value in stage.parameters.items()}
    values = memory.read(stage.find("in"))
    boxes = named["num"] if named["do_softmax"] else named["masks"]
    per_box = named["coords"] + 1 + named["classes"]
    if values.shape[1] != boxes * per_box or named["coords"] < 2:
        raise BlobError(f"has {boxes} boxes of {per_box} numbers, but {values.shape[1]} channels.")
    parts = values.reshape(len(values), boxes, per_box, -1)
    first = named["coords"]
    shares = slice(first, first + 1) if named["do_softmax"] else slice(first, None)
    for place in (slice(0, 2), shares):
        parts[:, :, place] = sigmoid(parts[:, :, place])
    if named["do_softmax"]:
        parts[:, :, first + 1 :] = softmax(parts[:, :, first + 1 :], 2)
    output = stage.find("out")
    memory.write(output, parts.reshape(memory.tensor(output).shape))


def reorg_yolo(stage: Stage, memory: Memory) -> None:
    """Move pixels into channels in Darknet's order, which is that of a picture with fewer channels and larger sides."""
    source, output = memory.read(stage.find("in")), memory.tensor(stage.find("out"))
    stride = int(stage.parameters["stride"])
    batch, channels, height, width = source.shape
    few = channels // stride**2
    if not few or channels != few * stride**2 or output.size != source.size:
        raise BlobError(f"moves pixels of {source.shape} into {output.shape} with stride {stride}.")
    # Numbers of the large picture (few x tall x wide), in whose order Darknet reads the small one.
    tall = source.reshape(batch, few, height, stride, width, stride)
    output[...] = tall.transpose(0, 3, 5, 1, 2, 4).reshape(output.shape)


def roi_pooling(stage: Stage, memory: Memory) -> None:
    """Take the maximum of each of height x width parts of each region (Girshick 2015). A region of no picture gives zeros."""
    if stage.parameters["method"]:
        raise BlobError("interpolates between pixels, which is not computed here.")
    source, regions, output = _regions(stage, memory)
    scale = np.float32(stage.parameters["spatial_scale"])
    corners = np.floor(regions[:, 1:] * scale + np.float32(0.5))
    channels, height, width = source.shape
    first, size = corners[:, :2], np.maximum(corners[:, 2:] - corners[:, :2] + 1, 1)
    across = _parts(first[:, 0], size[:, 0], output.shape[3], width)
    down = _parts(first[:, 1], size[:, 1], output.shape[2], height)
    for some in blocks(len(regions), channels * output.shape[2] * width):
        lines = np.full((len(regions[some]), channels, output.shape[2], width), -np.inf, np.float32)
        for row in range(height):
            inside = down[some, None, :, row, None]
            np.maximum(lines, source[None, :, None, row], out=lines, where=inside)
        values = np.full((*lines.shape[:3], output.shape[3]), -np.inf, np.float32)
        for column in range(width):
            np.maximum(values, lines[..., column, None], out=values, where=across[some, None, None, :, column])
        output[some] = np.where(np.isneginf(values) | (regions[some, 0] < 0)[:, None, None, None], 0, values)


def psroi_pooling(stage: Stage, memory: Memory) -> None:
    """Average each part of each region in the channels of its place (Dai et al. 2016)."""
    source, regions, output = _regions(stage, memory)
    group, channels = int(stage.parameters["group_size"]), int(stage.parameters["output_dim"])
    scale = np.float32(stage.parameters["spatial_scale"])
    if source.shape[0] != channels * group * group or output.shape[1:] != (channels, group, group):
        raise BlobError(f"makes {output.shape[1:]} of {source.shape[0]} channels in groups of {group} x {group}.")
    # The ends of a region are whole pixels of the picture, both included.
    corners = (np.floor(regions[:, 1:] + np.float32(0.5)) + np.array([0, 0, 1, 1], np.float32)) * scale
    first, size = corners[:, :2], np.maximum(corners[:, 2:] - corners[:, :2], np.float32(_LEAST_SIDE))
    across, down = (_parts(first[:, i], size[:, i], group, source.shape[2 - i]) for i in (0, 1))
    maps = source.reshape(channels, group, group, *source.shape[1:])
    for some in blocks(len(regions), source.size):
        rows, columns = (part[some].astype(np.float32) for part in (down, across))
        lines = np.einsum("rph,dpqhw->rdpqw", rows, maps, optimize=True)
        sums = np.einsum("rdpqw,rqw->rdpq", lines, columns, optimize=True)
        count = rows.sum(axis=2)[:, :, None] * columns.sum(axis=2)[:, None, :]
        values = sums / np.maximum(count, 1)[:, None]
        output[some] = np.where((regions[some, 0] < 0)[:, None, None, None], 0, values)


def _regions(stage: Stage, memory: Memory) -> tuple[Floats, Floats, NDArray[np.generic]]:
    """Return the map of the only picture, the regions (R x 5) and where to write."""
    source, regions = memory.read(stage.find("in")), memory.read(stage.find("rois"))
    output = memory.tensor(stage.find("out"))
    if len(source) != 1 or regions.size != len(output) * _REGION:
        raise BlobError(f"pools {regions.shape} regions of {len(source)} pictures into {output.shape}.")
    return source[0], regions.reshape(-1, _REGION), output


def _parts(first: Floats, size: Floats, count: int, length: int) -> NDArray[np.bool_]:
    """Say which of `length` pixels lie in each of `count` parts of each region: regions x parts x pixels."""
    step = (size / np.float32(count))[:, None]
    number = np.arange(count, dtype=np.float32)
    begin = np.floor(number * step + first[:, None])
    end = np.ceil((number + 1) * step + first[:, None])
    check_room(len(first), count, length)
    pixels = np.arange(length)
    return np.asarray((pixels >= begin[..., None]) & (pixels < end[..., None]))
