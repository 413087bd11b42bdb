"""What a row about one face, or one detection, holds, for JSON lines and CSV.

A picture without either has one row, and so has what was left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..report import rounded

if TYPE_CHECKING:
    from ..analyzer import Analysis, AnalyzedFace
    from ..answer import Answer, Detection
    from ..frame import Frame, Unreadable
    from .output import About

NO_FACE = "no face found"
NOTHING = "nothing found"


def picture_fields(frame: Frame, analysis: Analysis) -> dict[str, Any]:
    """Return what all rows of a picture have in common."""
    return {
        "picture": frame.name,
        "frame": frame.index,
        "seconds": round(frame.seconds, 3),
        "width": analysis.width,
        "height": analysis.height,
        "faces": len(analysis.faces),
        **({"detections": len(analysis.detections)} if analysis.frame else {}),
    }


def face_fields(number: int, face: AnalyzedFace) -> dict[str, Any]:
    """Return where face `number` (from 1) of a picture is."""
    return {
        "face": number,
        "box": face.box,
        "score": rounded(float(face.face.score)) if face.face else None,
        "track": face.track,
    }


def detection_fields(number: int, answer: Answer, detection: Detection) -> dict[str, Any]:
    """Return what was found in the whole picture, and where: detection `number` (from 1)."""
    return {
        "detection": number,
        "network": answer.network,
        "task": answer.task,
        "class": detection.name,
        "label": detection.label,
        "box": detection.rounded_box,
        "score": rounded(detection.score),
    }


NOBODY: dict[str, Any] = {"face": None, "box": None, "score": None, "track": None}
"""The same of a picture without a face."""


def device_fields(about: About) -> dict[str, Any]:
    """Return what computed."""
    return {"device": about.device, "runtime": about.runtime, "precision": about.precision}


def times(frame: Frame, analysis: Analysis) -> dict[str, float]:
    """Return the milliseconds of a picture: "read", "detect", "prepare", "compute"."""
    return {name: round(ms, 3) for name, ms in {"read": frame.milliseconds, **analysis.milliseconds}.items()}


def note(analysis: Analysis) -> str:
    """Return what has to be said about a picture: that nothing was found, or why the whole of it was taken as a face."""
    if analysis.faces or analysis.detections:
        return analysis.cropped
    return NO_FACE if analysis.sought else NOTHING


def left_out_note(unreadable: Unreadable) -> str:
    """Return why a picture was left out."""
    return f"left out: {unreadable.reason}"
