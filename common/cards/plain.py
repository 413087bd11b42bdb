"""The card of a net that has none: its classes and values are called by their numbers."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..card_types import NetCard
from .outputs import ROW
from .typed_json import parse

MOST_VALUES = 512
"""An output of more numbers is handed on as it is, if no card names them."""
PLAIN_THRESHOLD = 0.5
"""The least score of a detection, if no card says it."""
CORRECT = "Correct it; docs/net_card.schema.json describes a card."


def plain_card(
    name: str,
    channels: int,
    outputs: Mapping[str, Sequence[int]],
    softmax: Collection[str] = (),
    detections: Mapping[str, int] | None = None,
) -> NetCard:
    """Make the card of a net that has none: its classes and values are called by their numbers.

    `channels` is 0 for a net that takes no pictures; `outputs` are blob -> shape, `softmax` the blobs that a Softmax makes,
    and `detections` those of rows of detections -> number of classes.
    """
    detections = detections or {}
    content = {
        "name": name,
        "channel_order": "GRAY" if channels == 1 else "BGR",
        "resize": "stretch",
        "crop_margin": 0.0,
        "outputs": [
            {"blob": blob, "task": blob, **_plain_reading(shape, blob in softmax, detections.get(blob, 0))}
            for blob, shape in outputs.items()
        ],
    }
    return parse(NetCard, content, name, CORRECT)


def _plain_reading(shape: Sequence[int], probabilities: bool, detected: int) -> dict[str, Any]:
    """Choose how an output is read if nobody has said it. `detected`: how many classes its rows of detections have."""
    count = math.prod(shape)
    if detected:
        classes = [str(number) for number in range(detected)]
        places = {"coordinates": "relative", "threshold": PLAIN_THRESHOLD, "rows": count // ROW}
        return {"read": "detections", "classes": classes, **places}
    if count == 1:
        return {"read": "value"}
    numbers = [str(number) for number in range(count)] if max(shape) == count <= MOST_VALUES else []
    if not numbers:
        # A map, or too many numbers to print.
        return {"read": "raw", "shape": list(shape)}
    return {"read": "argmax", "classes": numbers} if probabilities else {"read": "values", "names": numbers}
