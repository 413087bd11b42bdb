"""Answers as JSON lines: an object for each face, with the probabilities of all classes, and for each detection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..report import answer_fields
from .output import Lines
from .rows import (
    NOBODY,
    detection_fields,
    device_fields,
    face_fields,
    left_out_note,
    note,
    picture_fields,
    times,
)

if TYPE_CHECKING:
    from ..analyzer import Analysis
    from ..frame import Frame, Unreadable
    from .output import About


class JsonLines:
    """Writes JSON lines to a file or to standard output."""

    def __init__(self, path: Path | None, about: About, force: bool = False) -> None:
        self._device = device_fields(about)
        self._lines = Lines(path, force)

    def write(self, frame: Frame, analysis: Analysis) -> None:
        """Write an object for each face and each detection, or one that says that there is none."""
        before = picture_fields(frame, analysis)
        of_frame = [answer_fields(answer) for answer in analysis.frame if answer.read != "detections"]
        before |= {"frame_answers": of_frame} if of_frame else {}
        after = {"device": self._device, "milliseconds": times(frame, analysis), "note": note(analysis)}
        rows: list[dict[str, Any]] = [
            {**face_fields(number, face), "answers": [answer_fields(answer) for answer in face.answers]}
            for number, face in enumerate(analysis.faces, 1)
        ]
        rows += [
            {**NOBODY, **detection_fields(number, *found), "answers": []}
            for number, found in enumerate(analysis.detections, 1)
        ]
        self._write([{**before, **row, **after} for row in rows or [{**NOBODY, "answers": []}]])

    def left_out(self, unreadable: Unreadable) -> None:
        """Write an object that says what was left out, and why."""
        self._write([{"picture": unreadable.name, "face": None, "answers": [], "note": left_out_note(unreadable)}])

    def close(self) -> None:
        """Put the file into its place."""
        self._lines.close()

    def discard(self) -> None:
        """Delete the file."""
        self._lines.discard()

    def _write(self, rows: list[dict[str, Any]]) -> None:
        self._lines.write("".join(f"{json.dumps(row)}\n" for row in rows))
