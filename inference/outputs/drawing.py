"""Draw all faces of a picture with their answers, and what else was found in it: a frame round each, and a label beside it.

Where faces stand so close that labels would hide one another, labels get smaller, then shorter. If that does not help, the
faces have only their numbers, and a list below the picture gives the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from faces.face import Face

from ..analyzer import AnalyzedFace
from ..annotate import PAPER, annotate
from ..answer import Answer
from ..report import task_labels
from .labels import find_places
from .plates import LEAST, NOTE, Row, Style, colour_of, draw_frame, draw_number, draw_plate, list_panel, plate_size
from .rows import note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..analyzer import Analysis
    from ..answer import Detection
    from .labels import Rectangles

    Picture = NDArray[np.uint8]

SHORTEST, LONGEST = 640, 4096
"""Pixels. A picture with a shorter longest side is enlarged, one with a longer is reduced."""
NARROWEST = 320
"""Pixels. A narrower picture gets margins at both sides, so that a label has room."""
LARGE, SMALL = 1 / 80, 1 / 125
"""Height of a capital letter, as a share of the picture's longest side, or of twice its width if that is less: where there is
room, and where there is little."""
OF_FACE = 1 / 6
"""It is at most this share of a face's height, unless that is little room."""


def draw_faces(picture: Picture, analysis: Analysis, listed: bool = True) -> Picture:
    """Return the picture with its faces framed and labelled; BGR uint8, height x width x 3, like the picture itself.

    If the whole picture is the face, the answers stand below it. With `listed`, a list below the picture holds the
    answers for which it has no room; a video does without, because its frames have one size.
    """
    if len(analysis.faces) == 1 and analysis.faces[0].face is None:
        return annotate(picture, (*analysis.faces[0].answers, *analysis.frame))
    sheet, scale, margin = _sheet(picture)
    size = min(max(sheet.shape[:2]), 2 * sheet.shape[1])
    styles = [Style(max(LEAST, round(size * share))) for share in (LARGE, SMALL)]
    marked = [*analysis.faces, *(_as_face(*found) for found in analysis.detections)]
    if not marked:
        draw_plate(sheet, (styles[0].pad, styles[0].pad), [("", note(analysis), "")], styles[0], NOTE)
        return sheet
    boxes = _boxes(marked, scale, margin, sheet)
    # Where faces are small, large labels would be all that one sees.
    of_faces = round(float(np.median(boxes[:, 3] - boxes[:, 1])) * OF_FACE)
    styles[0] = Style(max(styles[1].capital, min(styles[0].capital, of_faces)))
    numbers = [face.track if face.track is not None else number for number, face in enumerate(marked, 1)]
    faces = len(analysis.faces)
    # The things of one class have one colour, and no numbers: their labels say what they are.
    colours = [*numbers[:faces], *(each.label for _, each in analysis.detections)]
    for colour, box in zip(colours, boxes, strict=True):
        draw_frame(sheet, box, colour_of(colour), styles[0])
    numbered = faces > 1 or (faces == 1 and marked[0].track is not None)
    tags = np.empty((0, 4), np.int64)
    if numbered:
        places_of = zip(numbers[:faces], boxes[:faces], strict=True)
        tags = np.array([draw_number(sheet, box, number, styles[0]) for number, box in places_of], np.int64)
    names = [str(number) if numbered and place < faces else "" for place, number in enumerate(numbers)]
    rows, places, style = _labels(sheet, marked, names, boxes, tags, styles, not listed or not faces)
    if None in places[:faces] and listed:
        lines = [(number, _one_line(face)) for number, face in zip(numbers, analysis.faces, strict=False)]
        return np.vstack([sheet, list_panel(sheet.shape[1], lines, styles[1])])
    for colour, name, place, each in zip(colours, names, places, rows, strict=True):
        if place:
            draw_plate(sheet, place, each, style, colour_of(colour), name)
    return sheet


def _as_face(answer: Answer, detection: Detection) -> AnalyzedFace:
    """Return a detection in the form in which faces are drawn: its class is the only answer."""
    said = Answer(answer.network, "", "argmax", detection.name, probability=detection.score)
    return AnalyzedFace((said,), Face(detection.box, detection.score))


def short_rows(answers: Sequence[Answer]) -> list[Row]:
    """Return all answers in one short row: 31, female, no smile."""
    words = []
    for answer in answers:
        if answer.value is not None:
            words.append(f"{answer.task} {answer.value:.0f}")
        elif answer.probability is not None:
            words.append({"yes": answer.task, "no": f"no {answer.task}"}.get(answer.text, answer.text))
    # Where all answers are long rows of numbers, nothing is short.
    return [("", ", ".join(words), "")] if words else full_rows(answers)


def full_rows(answers: Sequence[Answer]) -> list[Row]:
    """Return a row for each answer."""
    return [(task, answer.text, _sureness(answer)) for task, answer in zip(task_labels(answers), answers, strict=True)]


def _sureness(answer: Answer) -> str:
    if answer.probability is not None:
        return f"{100 * answer.probability:.0f} %"
    if answer.standard_deviation is not None:
        return f"+/- {answer.standard_deviation:.1f}"
    return ""


def _one_line(face: AnalyzedFace) -> str:
    return ",  ".join(" ".join(filter(None, row)) for row in full_rows(face.answers))


def _labels(
    sheet: Picture,
    faces: Sequence[AnalyzedFace],
    names: Sequence[str],
    boxes: Rectangles,
    tags: Rectangles,
    styles: Sequence[Style],
    some: bool,
) -> tuple[list[list[Row]], list[tuple[int, int] | None], Style]:
    """Return the rows of each face's label, its place, and the size of the text. The place is None where there is no room.

    With `some`, as many faces as possible get labels if not all can.
    """
    size = (sheet.shape[1], sheet.shape[0])
    for rows_of in (full_rows, short_rows):
        rows = [rows_of(face.answers) for face in faces]
        for style in styles:
            sizes = [plate_size(each, style, size[0], name) for each, name in zip(rows, names, strict=True)]
            last = rows_of is short_rows and style is styles[-1]
            places = find_places(sizes, boxes, tags, size, style.pad // 2, some and last)
            if None not in places:
                return rows, places, style
    return rows, places, style


def _sheet(picture: Picture) -> tuple[Picture, float, int]:
    """Return a copy of the picture in the size that it is drawn in, the factor between both, and the margin at its left."""
    import cv2

    height, width = picture.shape[:2]
    scale = min(max(1.0, SHORTEST / max(height, width)), LONGEST / max(height, width))
    if scale == 1:
        sheet = picture.copy()
    else:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA
        sheet = np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)
    missing = max(0, NARROWEST - sheet.shape[1])
    if missing:
        left = missing // 2
        edges = (0, 0, left, missing - left)
        sheet = np.asarray(cv2.copyMakeBorder(sheet, *edges, cv2.BORDER_CONSTANT, value=PAPER), np.uint8)
    return sheet, scale, missing // 2


def _boxes(faces: Sequence[AnalyzedFace], scale: float, margin: int, sheet: Picture) -> Rectangles:
    """Return the faces' boxes on the sheet, as far as it reaches. A face without a box is the whole sheet."""
    height, width = sheet.shape[:2]
    boxes = []
    for face in faces:
        left, top, across, down = face.face.box if face.face else (0.0, 0.0, width / scale, height / scale)
        boxes.append([left, top, left + across, top + down])
    on_sheet = np.round(np.array(boxes) * scale) + (margin, 0) * 2
    inside = np.clip(on_sheet, 0, (width - 1, height - 1) * 2).astype(np.int64)
    # A box that lies outside altogether still has a place at the edge.
    inside[:, 2:] = np.maximum(inside[:, 2:], inside[:, :2] + 1)
    return inside
