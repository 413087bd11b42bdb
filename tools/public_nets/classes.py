"""Stands in for the Python layers with which py-faster-rcnn and its kin train: their tops' shapes, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import ModuleType

from training.layers.blob import Blob
from training.layers.python_layer import ScriptLayer

Shapes = Callable[[Sequence[Blob], str], list[tuple[int, ...]]]
"""From the bottoms and the param_str to the shapes of the tops."""

_REGIONS = 128


def _anchor_targets(bottom: Sequence[Blob], settings: str) -> list[tuple[int, ...]]:
    channels, height, width = bottom[0].shape[1:]
    count = channels // 2
    boxes = (1, 4 * count, height, width)
    return [(1, 1, count * height, width), boxes, boxes, boxes]


def _proposal_targets(bottom: Sequence[Blob], settings: str) -> list[tuple[int, ...]]:
    classes = int("".join(filter(str.isdigit, settings.split("num_classes")[-1].split(",")[0])) or 21)
    boxes = (_REGIONS, 4 * classes, 1, 1)
    return [(_REGIONS, 5, 1, 1), (_REGIONS, 1, 1, 1), boxes, boxes, boxes]


def _nothing(bottom: Sequence[Blob], settings: str) -> list[tuple[int, ...]]:
    return []


SHAPES: dict[tuple[str, str], Shapes] = {
    ("rpn.anchor_target_layer", "AnchorTargetLayer"): _anchor_targets,
    ("rpn.proposal_target_layer", "ProposalTargetLayer"): _proposal_targets,
    ("rpn.debug_layer", "RPNDebugLayer"): _nothing,
}


def give_classes() -> None:
    """Make the modules that a net names importable, with classes that only shape their tops."""
    for (module, name), shapes in SHAPES.items():
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            sys.modules.setdefault(".".join(parts[:end]), ModuleType(parts[end - 1]))
        setattr(sys.modules[module], name, _class_of(shapes))


def _class_of(shapes: Shapes) -> type[ScriptLayer]:
    class Shaped(ScriptLayer):
        def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
            for blob, shape in zip(top, shapes(bottom, self.param_str), strict=False):
                blob.reshape(*shape)

    return Shaped
