"""The face with its answers below it, as a PNG."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .answer import Answer

MIN_WIDTH, MAX_SIDE = 480, 1200
"""Pixels: a small face is scaled up so that the text fits below it, a large one down."""
ROW, MARGIN = 74, 20

# BGR
PAPER, INK, SOFT, TRACK = (250, 248, 246), (40, 32, 28), (140, 128, 120), (228, 222, 218)
ACCENT = (148, 110, 24)


def annotate(picture: NDArray[np.uint8], answers: Sequence[Answer]) -> NDArray[np.uint8]:
    """BGR uint8 height x width x 3 → the face, and below it a row for each answer: task, class, probability, bar."""
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    scale = min(max(1.0, MIN_WIDTH / width), MAX_SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    face = (
        cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
        if scale != 1
        else picture
    )
    sheet_width = max(MIN_WIDTH, size[0])
    sheet = np.empty((size[1] + ROW * len(answers) + MARGIN, sheet_width, 3), np.uint8)
    sheet[:] = PAPER
    left = (sheet_width - size[0]) // 2
    sheet[: size[1], left : left + size[0]] = face
    for number, answer in enumerate(answers):
        _row(sheet, answer, size[1] + ROW * number)
    return sheet


def write_png(path: Path, sheet: NDArray[np.uint8], force: bool = False) -> None:
    """Write `sheet` whole or not at all. OutputError if the file is there (unless `force`) or cannot be written."""
    import cv2

    if path.exists() and not force:
        raise OutputError(f"{path}: is there already; name another file or add --force")
    data = cv2.imencode(".png", sheet)[1].tobytes()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _row(sheet: NDArray[np.uint8], answer: Answer, top: int) -> None:
    """Task and answer at the left, the probability at the right, a bar below."""
    import cv2

    right = sheet.shape[1] - MARGIN
    small, large = 0.5, 0.95
    _text(sheet, answer.task, (MARGIN, top + 42), small, SOFT)
    _text(sheet, answer.text, (MARGIN + 90, top + 44), large, INK, 2)
    if answer.probability is None:
        note, share = f"+- {answer.spread:.1f}", None
    else:
        note, share = f"{100 * answer.probability:.1f} %", answer.probability
    (note_width, _), _ = cv2.getTextSize(note, cv2.FONT_HERSHEY_DUPLEX, 0.65, 1)
    _text(sheet, note, (right - note_width, top + 43), 0.65, INK)
    if share is not None:
        bar = (MARGIN, top + 58), (right, top + 64)
        cv2.rectangle(sheet, *bar, TRACK, cv2.FILLED)
        cv2.rectangle(
            sheet, bar[0], (MARGIN + round((right - MARGIN) * min(1.0, share)), bar[1][1]), ACCENT, cv2.FILLED
        )


def _text(
    sheet: NDArray[np.uint8],
    text: str,
    at: tuple[int, int],
    scale: float,
    colour: tuple[int, int, int],
    weight: int = 1,
) -> None:
    import cv2

    plain = text.encode("ascii", "replace").decode("ascii")  # OpenCV's own fonts have no other letters
    cv2.putText(sheet, plain, at, cv2.FONT_HERSHEY_DUPLEX, scale, colour, weight, cv2.LINE_AA)
