"""Answers as CSV: a row for each face and each detection, and columns for each output of each network."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from host.bins import READINGS as BINS

from ..report import rounded
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
    from ..answer import Answer
    from ..frame import Frame, Unreadable
    from .output import About

PICTURE = ("picture", "frame", "seconds", "width", "height", "faces")
DETECTION = ("detection", "network", "task", "class", "label")
FACE = ("face", "left", "top", "box_width", "box_height", "score", "track")
DEVICE = ("device", "runtime", "precision")
TIMES = ("read_ms", "detect_ms", "prepare_ms", "compute_ms")


class Csv:
    """Writes CSV to a file or to standard output, with the names of the columns in the first row.

    Each output has the columns TASK, TASK_network and, by how it is read, TASK_probability, TASK_deviation or one for each
    named number. Where several networks have that task, TASK is `task (network)`. Networks that detect have the columns of
    DETECTION, and their boxes and scores are in those of the faces.
    """

    def __init__(self, path: Path | None, about: About, force: bool = False) -> None:
        self._labels = labels_of(about)
        self._device = device_fields(about)
        detects = any(card.sees_frame for card in about.cards)
        columns = [*PICTURE, *(["detections"] if detects else []), *FACE, *(DETECTION if detects else ())]
        for card in about.cards:
            for output in card.outputs:
                if output.read == "detections":
                    continue
                label = self._labels[card.name, output.task]
                columns += [label, f"{label}_network"]
                columns += [f"{label}_probability"] if output.read == "argmax" else []
                columns += [f"{label}_deviation"] if output.read in BINS else []
                columns += [f"{label}_{name}" for name in output.names] if output.read == "values" else []
        columns += [*DEVICE, *TIMES, "note"]
        self._buffer = io.StringIO()
        self._writer = csv.DictWriter(
            self._buffer, list(dict.fromkeys(columns)), restval="", extrasaction="ignore", lineterminator="\n"
        )
        self._lines = Lines(path, force)
        self._writer.writeheader()
        self._flush()

    def write(self, frame: Frame, analysis: Analysis) -> None:
        """Write a row for each face and each detection, or one that says that there is none."""
        common = {
            **picture_fields(frame, analysis),
            **self._answers(tuple(answer for answer in analysis.frame if answer.read != "detections")),
            **self._device,
            **{f"{name}_ms": ms for name, ms in times(frame, analysis).items()},
            "note": note(analysis),
        }
        rows: list[dict[str, Any]] = [
            {**face_fields(number, face), **self._answers(face.answers)}
            for number, face in enumerate(analysis.faces, 1)
        ]
        rows += [{**NOBODY, **detection_fields(number, *found)} for number, found in enumerate(analysis.detections, 1)]
        for row in rows or [dict(NOBODY)]:
            box = row.pop("box")
            places = dict(zip(FACE[1:5], box, strict=True)) if box else {}
            self._writer.writerow({**common, **row, **places})
        self._flush()

    def left_out(self, unreadable: Unreadable) -> None:
        """Write a row that says what was left out, and why."""
        self._writer.writerow({"picture": unreadable.name, "note": left_out_note(unreadable)})
        self._flush()

    def close(self) -> None:
        """Put the file into its place."""
        self._lines.close()

    def discard(self) -> None:
        """Delete the file."""
        self._lines.discard()

    def _answers(self, answers: tuple[Answer, ...]) -> Mapping[str, Any]:
        cells: dict[str, Any] = {}
        for answer in answers:
            label = self._labels[answer.network, answer.task]
            # The text of an expected value is rounded to one decimal.
            cells[label] = answer.text if answer.value is None else rounded(answer.value)
            cells[f"{label}_network"] = answer.network
            if answer.probability is not None:
                cells[f"{label}_probability"] = rounded(answer.probability)
            if answer.standard_deviation is not None:
                cells[f"{label}_deviation"] = rounded(answer.standard_deviation)
            cells.update({f"{label}_{name}": rounded(value) for name, value in answer.values.items()})
        return cells

    def _flush(self) -> None:
        self._lines.write(self._buffer.getvalue())
        self._buffer.seek(0)
        self._buffer.truncate()


def labels_of(about: About) -> dict[tuple[str, str], str]:
    """Return network and task -> the name of its column: the task, with the network if several have that task."""
    pairs = [(card.name, output.task) for card in about.cards for output in card.outputs]
    tasks = [task for _, task in pairs]
    return {(name, task): task if tasks.count(task) == 1 else f"{task} ({name})" for name, task in pairs}
