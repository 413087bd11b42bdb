"""Stages that choose boxes: DetectionOutput of SSD, Proposal of Faster R-CNN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from host.boxes import detection_output as boxes_of
from host.boxes import suppress

from ...cursor import Cursor
from ...data import Place
from ...errors import BlobError
from ...stage import Stage
from ..memory import Floats, Memory, check_room

CODES = {1: "CORNER", 2: "CENTER_SIZE", 3: "CORNER_SIZE"}
_ROW = 7


def detection_output(stage: Stage, memory: Memory) -> None:
    """Choose boxes from predictions at priors. The row after the last box begins with -1."""
    named = stage.parameters
    output = stage.find("out")
    # Nets of Caffe have none of these, and no blob was seen that has one.
    unusual = [name for name in ("has_arm", "decrease_label", "clip_before", "clip_after") if named[name]]
    if unusual or not named["normalized"] or named["code_type"] not in CODES:
        what = ", ".join(unusual) or f"normalized {named['normalized']} or code_type {named['code_type']}"
        raise BlobError(f"has {what}, which is not computed here.")
    # Here, because it imports pydantic.
    from common.cards.host import DetectionOutputStep

    locations, scores, priors = (memory.read(stage.find(role)) for role in ("loc", "conf", "priors"))
    if named["variance_encoded"] and priors.size == 4 * int(named["num_priors"]):
        priors = np.stack([priors.ravel()] * 2)
    try:
        step = DetectionOutputStep(
            kind="detection_output",
            inputs=["loc", "conf", "priors"],
            output="out",
            classes=int(named["num_classes"]),
            background=int(named["background"]),
            share_location=bool(named["share_location"]),
            code=CODES[int(named["code_type"])],  # type: ignore[arg-type]
            variance_encoded_in_target=bool(named["variance_encoded"]),
            confidence_threshold=float(named["confidence"]),
            nms_threshold=float(named["nms"]),
            eta=1.0,
            top_k=int(named["top_k"]),
            keep_top_k=int(named["keep_top_k"]),
            rows=output.shape.size // _ROW,
        )
        found = boxes_of(step, (locations, scores, priors.reshape(1, 2, -1)))
    except ValueError as error:
        raise BlobError(f"its data and parameters do not fit together: {error}.") from error
    _write_rows(memory, stage, found.reshape(-1, _ROW))


def _write_rows(memory: Memory, stage: Stage, rows: Floats) -> None:
    """Write rows, of which those after the first that begins with -1 are zeros."""
    last = np.flatnonzero(rows[:, 0] < 0)
    if last.size:
        rows[last[0] + 1 :] = 0
    output = stage.find("out")
    memory.write(output, rows.reshape(memory.tensor(output).shape))


@dataclass(frozen=True)
class _Proposal:
    """The parameters of Proposal. Sides are in pixels; `before` and `after` count boxes."""

    stride: int
    base: int
    least: int
    before: int
    after: int
    overlap: float
    size_scale: float
    place_scale: float
    offset: float
    clip: bool
    ratios: tuple[float, ...]
    scales: tuple[float, ...]


def _read(stage: Stage) -> _Proposal:
    cursor = Cursor(stage.raw, 0, len(stage.raw), str(stage))
    stride, base, least, before, after = (cursor.u32() for _ in range(5))
    # The one that is passed over is a threshold of scores, which no other program knows.
    overlap, _, size_scale, place_scale, offset = (cursor.f32() for _ in range(5))
    clip_first, clip, clip_after, normalize, shift, rounded, swap = (cursor.u32() for _ in range(7))
    if clip_first or clip_after or normalize or shift or not rounded or swap:
        raise BlobError("follows TensorFlow's rules, which are not computed here.")
    scales, ratios = (tuple(map(float, cursor.numbers("f" * min(cursor.u32(), cursor.left)))) for _ in range(2))
    return _Proposal(
        stride=stride,
        base=base,
        least=least,
        before=before,
        after=after,
        overlap=overlap,
        size_scale=size_scale,
        place_scale=place_scale,
        offset=offset,
        clip=bool(clip),
        ratios=ratios,
        scales=scales,
    )


def proposal(stage: Stage, memory: Memory) -> None:
    """Choose boxes of the picture from scores and moves of anchors. Rows are 0, xmin, ymin, xmax, ymax in pixels."""
    p = _read(stage)
    scores, moves = memory.read(stage.find("scores"))[0], memory.read(stage.find("deltas"))[0]
    height, width, *zoom = memory.read(stage.find("info")).ravel()
    anchors = _anchors(p)
    count, (rows, columns) = len(anchors), scores.shape[1:]
    if len(scores) != 2 * count or moves.shape != (4 * count, rows, columns) or not zoom:
        raise BlobError(f"has {count} anchors, but scores and moves of {scores.shape} and {moves.shape}.")
    check_room(count, 4, rows, columns)
    y, x = np.mgrid[:rows, :columns].astype(np.float32) * p.stride
    starts = anchors[:, None, None] + np.stack([x, y, x, y], -1)
    boxes = _moved(p, starts, moves.reshape(count, 4, rows, columns).transpose(0, 2, 3, 1))
    if p.clip:
        limits = np.array([width, height, width, height], np.float32) - p.offset
        boxes = np.clip(boxes, 0, limits)
    least = np.array([p.least * zoom[-1], p.least * zoom[0]], np.float32)
    large = (boxes[..., 2:] - boxes[..., :2] + p.offset >= least).all(axis=-1)
    # Cell by cell, and in a cell anchor by anchor.
    shares = (scores[count:] * large).transpose(1, 2, 0).ravel()
    flat = boxes.transpose(1, 2, 0, 3).reshape(-1, 4)
    order = np.argsort(-shares, kind="stable")[: p.before]
    sides = flat[order] + np.array([0, 0, p.offset, p.offset], np.float32)
    best = order[suppress(sides, p.overlap)[: p.after]]
    _write_regions(stage, memory, flat[best], shares[best])


def _write_regions(stage: Stage, memory: Memory, boxes: Floats, scores: Floats) -> None:
    """Write the rows; the one after the last begins with -1."""
    regions, shares = stage.outputs
    place = memory.tensor(regions)
    found = np.zeros((place.size // 5, 5), np.float32)
    count = min(len(boxes), len(found))
    found[:count, 1:] = boxes[:count]
    found[count : count + 1, 0] = -1
    memory.write(regions, found.reshape(place.shape))
    if shares.place is not Place.NONE:
        room = memory.tensor(shares)
        all_shares = np.zeros(room.size, np.float32)
        all_shares[:count] = scores[:count]
        memory.write(shares, all_shares.reshape(room.shape))


def _anchors(p: _Proposal) -> Floats:
    """Return the anchors of the first cell: xmin, ymin, xmax, ymax. Sides are rounded for each ratio, then scaled."""
    ratios, scales = np.array(p.ratios, np.float32)[:, None], np.array(p.scales, np.float32)
    wide = np.floor(np.sqrt(p.base**2 / ratios) + 0.5)
    high = np.floor(wide * ratios + 0.5)
    half = (np.stack([wide * scales, high * scales], -1).reshape(-1, 2) - p.offset) / 2
    centre = (p.base - p.offset) / 2
    return np.hstack([centre - half, centre + half]).astype(np.float32)


def _moved(p: _Proposal, starts: Floats, moves: Floats) -> Floats:
    size = starts[..., 2:] - starts[..., :2] + p.offset
    middle = starts[..., :2] + size / 2
    middle = moves[..., :2] / p.place_scale * size + middle
    half = np.exp(moves[..., 2:] / p.size_scale) * size / 2
    return np.asarray(np.concatenate([middle - half, middle + half], -1), np.float32)
