"""What is drawn on and below a picture: frames, numbers, labels and lists, in texts of any height."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..annotate import INK, PAPER, cut_text, put_text, text_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .labels import Size

    Picture = NDArray[np.uint8]

LEAST = 11
"""Pixels. No capital letter is lower."""
CAPITAL = 21
"""Pixels. The height of a capital letter of OpenCV's font at scale 1."""
WIDEST = 0.7
"""A label takes at most this share of the picture's width."""


# BGR. The colours of the faces can be told apart by people who see fewer colours (Okabe and Ito).
PLATE, TASK, WORD, NOTE = (34, 28, 24), (190, 182, 176), (255, 255, 255), (205, 199, 194)
COLOURS = ((0, 159, 230), (233, 180, 86), (115, 158, 0), (66, 228, 240), (167, 121, 204), (0, 94, 213))
OPACITY = 0.8
"""Of the plate behind a text."""

Row = tuple[str, str, str]
"""Task, answer, and how sure it is."""


@dataclass(frozen=True)
class Style:
    """How large texts are: `capital` is the height of a capital letter."""

    capital: int

    @cached_property
    def scale(self) -> float:
        return self.capital / CAPITAL

    @cached_property
    def weight(self) -> int:
        return max(1, round(self.capital / 11))

    @cached_property
    def pad(self) -> int:
        return max(4, round(self.capital * 0.55))

    @cached_property
    def line(self) -> int:
        return round(self.capital * 1.75)

    def width(self, text: str) -> int:
        return text_width(text, self.scale, self.weight) if text else 0

    def cut(self, text: str, room: int) -> str:
        """Shorten a text to `room` pixels."""
        return cut_text(text, self.scale, max(1, room), self.weight) if text else ""

    def write(self, sheet: Picture, text: str, left: int, top: int, colour: tuple[int, int, int]) -> None:
        """Write a text into the line that begins at `top`."""
        if text:
            base = top + (self.line + self.capital) // 2
            put_text(sheet, text, (left, base), self.scale, colour, self.weight)


def colour_of(number: int) -> tuple[int, int, int]:
    return COLOURS[(number - 1) % len(COLOURS)]


def draw_frame(sheet: Picture, box: NDArray[np.int64], colour: tuple[int, int, int], style: Style) -> None:
    """Draw a frame that stands out from light and from dark."""
    import cv2

    left, top, right, bottom = map(int, box)
    thick = max(2, min(style.capital // 5, (bottom - top) // 30))
    cv2.rectangle(sheet, (left, top), (right, bottom), PLATE, thick + 2)
    cv2.rectangle(sheet, (left, top), (right, bottom), colour, thick)


def draw_number(sheet: Picture, box: NDArray[np.int64], number: int, style: Style) -> tuple[int, int, int, int]:
    """Write a face's number into the top left corner of its frame, small where the face is small. Return where."""
    import cv2

    left, top, _, bottom = map(int, box)
    small = Style(min(style.capital, max(LEAST - 2, (bottom - top) // 8)))
    width, height = small.width(str(number)) + small.pad, small.line
    left, top = max(0, min(left, sheet.shape[1] - width)), max(0, min(top, sheet.shape[0] - height))
    cv2.rectangle(sheet, (left, top), (left + width - 1, top + height - 1), colour_of(number), cv2.FILLED)
    small.write(sheet, str(number), left + small.pad // 2, top, PLATE)
    return left, top, left + width, top + height


def _columns(rows: Sequence[Row], style: Style, room: int) -> list[int]:
    """Return the widths of the columns, with the space after each, in a label on a sheet that is `room` wide.

    Long texts are cut: the task to half of what the last column leaves, the answer to the rest.
    """
    task, word, sureness = (max((style.width(row[column]) for row in rows), default=0) for column in range(3))
    word += style.pad if word and sureness else 0
    task += style.pad if task and (word or sureness) else 0
    left = max(2, round(WIDEST * room) - sureness)
    if task + word > left:
        task = min(task, max(left // 2, left - word))
        word = left - task
    return [task, word, sureness]


def plate_size(rows: Sequence[Row], style: Style, room: int, number: str) -> Size:
    """Return width and height of a label on a sheet that is `room` wide, for the face with that number."""
    width = _edge(number, style) + sum(_columns(rows, style, room)) + 2 * style.pad
    return width, style.line * len(rows) + style.pad


def _edge(number: str, style: Style) -> int:
    """Return the width of a label's coloured edge, which bears the number."""
    return style.width(number) + style.pad if number else max(3, style.pad // 3)


def draw_plate(
    sheet: Picture,
    at: tuple[int, int],
    rows: Sequence[Row],
    style: Style,
    colour: tuple[int, int, int],
    number: str = "",
) -> None:
    """Draw a label: rows of text on a dark plate, whose coloured edge bears the number of the face."""
    import cv2

    width, height = plate_size(rows, style, sheet.shape[1], number)
    left, top = at
    below = sheet[top : top + height, left : left + width]
    darker = (*(OPACITY * part for part in PLATE), 0.0)
    # OpenCV adds a number to each channel; its type hints do not know.
    below[:] = cv2.add(cv2.convertScaleAbs(below, alpha=1 - OPACITY), darker)  # type: ignore[call-overload]
    edge = _edge(number, style)
    cv2.rectangle(sheet, at, (left + edge - 1, top + height - 1), colour, cv2.FILLED)
    columns = _columns(rows, style, sheet.shape[1])
    y = top + style.pad // 2
    style.write(sheet, number, left + style.pad // 2, y, PLATE)
    for row in rows:
        x = left + edge + style.pad
        for column, (text, room, ink) in enumerate(zip(row, columns, (TASK, WORD, NOTE), strict=True)):
            space = style.pad if any(columns[column + 1 :]) else 0
            style.write(sheet, style.cut(text, room - space), x, y, ink)
            x += room
        y += style.line


def list_panel(width: int, rows: Sequence[tuple[int, str]], style: Style) -> Picture:
    """Return a panel that lists the answers about numbered faces, in as many columns as it is wide enough for."""
    import cv2

    number_width = max(style.width(str(number)) for number, _ in rows) + 2 * style.pad
    widest = min(width, number_width + max(style.width(text) for _, text in rows) + 2 * style.pad)
    columns = min(len(rows), max(1, width // widest))
    down = -(-len(rows) // columns)
    nothing = np.empty((0, width, 3), np.uint8)
    edges = (0, down * style.line + 2 * style.pad, 0, 0)
    panel = np.asarray(cv2.copyMakeBorder(nothing, *edges, cv2.BORDER_CONSTANT, value=PAPER), np.uint8)
    for index, (number, text) in enumerate(rows):
        column, row = divmod(index, down)
        left, top = style.pad + column * (width // columns), style.pad + row * style.line
        corner = (left + number_width - style.pad - 1, top + style.line - 2)
        cv2.rectangle(panel, (left, top + 1), corner, colour_of(number), cv2.FILLED)
        style.write(panel, str(number), left + style.pad // 2, top, PLATE)
        room = width // columns - number_width - style.pad
        style.write(panel, style.cut(text, room), left + number_width, top, INK)
    return panel
