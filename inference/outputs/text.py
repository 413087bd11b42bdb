"""Answers as text for people: a line for each picture, and one below it for each face and each detection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from common.messages import printable

from ..report import percent, task_labels
from .output import Lines
from .rows import NO_FACE, NOTHING, left_out_note, times

if TYPE_CHECKING:
    from ..analyzer import Analysis, AnalyzedFace
    from ..answer import Answer, Detection
    from ..frame import Frame, Unreadable
    from .output import About


class Text:
    """Writes text to a file or to standard output."""

    def __init__(self, path: Path | None, about: About, force: bool = False) -> None:
        self._about = about
        self._lines = Lines(path, force)

    def write(self, frame: Frame, analysis: Analysis) -> None:
        """Write the lines of a picture."""
        found = "; ".join(filter(None, [_faces(analysis), *map(_of_frame, analysis.frame)])) or NOTHING
        spent = ", ".join(f"{name} {ms:.1f}" for name, ms in times(frame, analysis).items())
        about = self._about
        heading = f"{where(frame)} ({analysis.width} x {analysis.height}): {found}"
        rows = [f"{heading} ({about.networks} on {about.device}: {spent} ms)"]
        if analysis.cropped:
            rows.append(f"  taken whole: {analysis.cropped}")
        rows += [f"  {_person(number, face)}" for number, face in enumerate(analysis.faces, 1)]
        rows += [f"  {_thing(answer, detection)}" for answer, detection in analysis.detections]
        self._write(rows)

    def left_out(self, unreadable: Unreadable) -> None:
        """Write why something was left out."""
        self._write([f"{unreadable.name}: {left_out_note(unreadable)}"])

    def close(self) -> None:
        """Put the file into its place."""
        self._lines.close()

    def discard(self) -> None:
        """Delete the file."""
        self._lines.discard()

    def _write(self, rows: list[str]) -> None:
        # A name may hold a line break, which would make two rows of one.
        self._lines.write("".join(printable(row).replace("\n", "\\n") + "\n" for row in rows))


def where(frame: Frame) -> str:
    """Name a picture, and the frame if it is one of a video or a camera."""
    if frame.moving:
        return f"{frame.name}, frame {frame.index}, {frame.seconds:.2f} s"
    return frame.name


def brief(answer: Answer) -> str:
    """Write an answer, and how sure it is: female 98.7 %, or 31.4 +/- 5.2."""
    if answer.probability is not None:
        return f"{answer.text} {percent(answer.probability)}"
    if answer.standard_deviation is not None:
        return f"{answer.text} +/- {answer.standard_deviation:.1f}"
    return answer.text


def _faces(analysis: Analysis) -> str:
    """Say how many faces there are, if anybody looked for them."""
    count = len(analysis.faces)
    if not count:
        return NO_FACE if analysis.sought else ""
    return "1 face" if count == 1 else f"{count} faces"


def _of_frame(answer: Answer) -> str:
    """Write what a network says about the whole picture: objects 2 x dog, 1 x car."""
    return f"{answer.task} {brief(answer)}"


def _thing(answer: Answer, detection: Detection) -> str:
    """Write the line of a detection: its class, how sure it is, its place."""
    left, top, width, height = detection.rounded_box
    return f"{answer.task}: {detection.name} {percent(detection.score)}; {width} x {height} pixels at {left}, {top}"


def _person(number: int, face: AnalyzedFace) -> str:
    """Write the line of a face: its number, its answers, its place."""
    labels = task_labels(face.answers)
    parts = [f"{label} {brief(answer)}" for label, answer in zip(labels, face.answers, strict=True)]
    if face.face and face.box:
        left, top, width, height = face.box
        parts.append(f"{width} x {height} pixels at {left}, {top} (score {face.face.score:.2f})")
    if face.track is not None:
        parts.append(f"person {face.track}")
    return f"{number}: {'; '.join(parts)}"
