"""Draw a face with its answers below it, and write it as a PNG."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from common.files import atomic_file

from .report import percent, task_labels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faces.face import Face

    from .answer import Answer

MIN_WIDTH, MAX_SIDE = 480, 1200
"""Pixels. A small face is enlarged so that the text fits below it, and a large one is reduced."""
ROW, MARGIN = 74, 20
LABEL = 12
"""Height of a detection's label."""
TASK, NOTE, ANSWER, SMALLEST, NUMBERS = 0.55, 0.65, 0.95, 0.6, 0.42
"""Heights of the three texts in a row, and the least of a long answer and of several numbers, in units of OpenCV's font."""

# BGR
PAPER, INK, SOFT, TRACK = (250, 248, 246), (40, 32, 28), (140, 128, 120), (228, 222, 218)
ACCENT = (148, 110, 24)


def annotate(picture: NDArray[np.uint8], answers: Sequence[Answer], found: Face | None = None) -> NDArray[np.uint8]:
    """Return the face with a row below it for each answer: task, class, probability and a bar.

    Both pictures are BGR uint8, height x width x 3. With `found`, a frame shows which face of the picture it is. Detections
    have frames with their class and score.
    """
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
    if found:
        left, top, across, down = (round(value * scale) for value in found.box)
        face = cv2.rectangle(face.copy(), (left, top), (left + across, top + down), ACCENT, 2, cv2.LINE_AA)
    things = [each for answer in answers for each in answer.detections]
    face = np.array(face, np.uint8) if things else face
    for thing in things:
        left, top, across, down = (round(value * scale) for value in thing.box)
        cv2.rectangle(face, (left, top), (left + across, top + down), ACCENT, 2, cv2.LINE_AA)
        text = f"{thing.name} {percent(thing.score)}"
        base = (max(0, left), max(LABEL, min(size[1], top) - 4))
        for colour, weight in ((PAPER, 3), (INK, 1)):
            put_text(face, text, base, NUMBERS, colour, weight)  # type: ignore[arg-type]
    sheet_width = max(MIN_WIDTH, size[0])
    sheet = np.empty((size[1] + ROW * len(answers) + MARGIN, sheet_width, 3), np.uint8)
    sheet[:] = PAPER
    left = (sheet_width - size[0]) // 2
    sheet[: size[1], left : left + size[0]] = face
    tasks = task_labels(answers)
    # A long task leaves the answer at least half of the row.
    column = min(2 * MARGIN + max((text_width(task, TASK) for task in tasks), default=0), sheet_width // 2)
    for number, (task, answer) in enumerate(zip(tasks, answers, strict=True)):
        _row(sheet, task, answer, size[1] + ROW * number, column)
    return sheet


def write_png(path: Path, sheet: NDArray[np.uint8], force: bool = False) -> None:
    """Write `sheet` as an atomic PNG. Raises OutputExists if the file exists and `force` is false, or MokaError."""
    import cv2

    data = cv2.imencode(".png", sheet)[1].tobytes()
    with atomic_file(path, force) as temporary:
        temporary.write_bytes(data)


def _row(sheet: NDArray[np.uint8], task: str, answer: Answer, top: int, column: int) -> None:
    """Draw one row: the task at the left, the answer at `column`, the probability at the right, a bar below."""
    import cv2

    right = sheet.shape[1] - MARGIN
    note = ""
    if answer.probability is not None:
        note = percent(answer.probability)
    elif answer.standard_deviation is not None:
        note = f"+/- {answer.standard_deviation:.1f}"
    note_left = right - text_width(note, NOTE)
    room = (note_left if note else right + MARGIN) - MARGIN - column
    # Several numbers are read one by one, so they may be small.
    smallest, weight = (NUMBERS, 1) if answer.values else (SMALLEST, 2)
    scale = max(smallest, min(ANSWER, ANSWER * room / text_width(answer.text, ANSWER, weight)))
    put_text(sheet, cut_text(task, TASK, column - 2 * MARGIN), (MARGIN, top + 44), TASK, SOFT)
    put_text(sheet, cut_text(answer.text, scale, room, weight), (column, top + 44), scale, INK, weight)
    put_text(sheet, note, (note_left, top + 44), NOTE, INK)
    if answer.probability is not None:
        end = MARGIN + round((right - MARGIN) * min(1.0, answer.probability))
        cv2.rectangle(sheet, (MARGIN, top + 58), (right, top + 64), TRACK, cv2.FILLED)
        cv2.rectangle(sheet, (MARGIN, top + 58), (end, top + 64), ACCENT, cv2.FILLED)


def cut_text(text: str, scale: float, room: int, weight: int = 1) -> str:
    """Shorten a text to `room` pixels."""
    while len(text) > 3 and text_width(text, scale, weight) > room:
        text = text[:-3].rstrip(".") + ".."
    return text


def _plain(text: str) -> str:
    """Replace what OpenCV's own fonts, which have ASCII only, cannot show."""
    return text.encode("ascii", "replace").decode("ascii")


@lru_cache(maxsize=4096)
def text_width(text: str, scale: float, weight: int = 1) -> int:
    """Return the width of a text in pixels."""
    import cv2

    return max(1, int(cv2.getTextSize(_plain(text), cv2.FONT_HERSHEY_SIMPLEX, scale, weight)[0][0]))


def put_text(
    sheet: NDArray[np.uint8],
    text: str,
    at: tuple[int, int],
    scale: float,
    colour: tuple[int, int, int],
    weight: int = 1,
) -> None:
    """Draw a text whose baseline begins at `at` (x, y)."""
    import cv2

    cv2.putText(sheet, _plain(text), at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, weight, cv2.LINE_AA)
