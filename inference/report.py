"""What the user sees, as text or as JSON: the answers, the device and the milliseconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faces.face import Face

    from .answer import Answer, Detection
    from .runner import Result, Runner

RUNNERS_UP = 2
"""How many classes the text names after the most probable one."""


def as_text(image_path: str, size: tuple[int, int], runner: Runner, result: Result, face: Face | None = None) -> str:
    """Return one line for each answer, between the picture and the device. `size` is (width, height)."""
    device = runner.device
    width = max(map(len, ["picture", *task_labels(result.answers)])) + 2
    rows = [("picture", f"{image_path} ({size[0]} x {size[1]})")]
    if face:
        left, top, across, down = face.rounded_box()
        rows.append(("face", f"{across} x {down} pixels, {left} from the left, {top} from the top"))
    rows += answer_rows(result.answers)
    rows += [
        ("device", f"{device.name}, {device.runtime}, {device.precision}: {runner.why}"),
        ("time", f"load {runner.load:.0f} ms, warm-up {runner.warm_up:.1f} ms, {_times(result)}"),
    ]
    return "\n".join(f"{name:{width}}{text}" for name, text in rows)


def answer_rows(answers: Sequence[Answer]) -> list[tuple[str, str]]:
    """Return (task, answer and how sure it is) for each answer."""
    # A text with nothing after it does not move the others.
    label = max((len(answer.text) for answer in answers if _note(answer)), default=0)
    return [
        (task, f"{answer.text:{label}}{_note(answer)}".rstrip())
        for task, answer in zip(task_labels(answers), answers, strict=True)
    ]


def as_json(image_path: str, size: tuple[int, int], runner: Runner, result: Result, face: Face | None = None) -> str:
    """Return the same as one JSON object, with the probabilities of all classes and all numbers."""
    content = {
        "picture": {"path": image_path, "width": size[0], "height": size[1]},
        **({"face": {"box": face.rounded_box(), "score": rounded(face.score)}} if face else {}),
        "answers": [answer_fields(answer) for answer in result.answers],
        "device": {
            "name": runner.device.name,
            "runtime": runner.device.runtime,
            "precision": runner.device.precision,
            "why": runner.why,
        },
        "milliseconds": {
            "load": round(runner.load, 3),
            "warm_up": round(runner.warm_up, 3),
            "preprocess": {name: round(ms, 3) for name, ms in result.preprocess.items()},
            "inference": {name: round(ms, 3) for name, ms in result.inference.items()},
        },
    }
    return json.dumps(content, indent=2)


def answer_fields(answer: Answer) -> dict[str, Any]:
    """Return what JSON says about one answer."""
    return {
        "network": answer.network,
        "task": answer.task,
        "read": answer.read,
        "answer": answer.text,
        "probability": rounded(answer.probability),
        "value": rounded(answer.value),
        "standard_deviation": rounded(answer.standard_deviation),
        "probabilities": {name: rounded(p) for name, p in answer.probabilities.items()},
        "values": {name: rounded(value) for name, value in answer.values.items()},
        "array": _array(answer),
        **({"detections": [_detection(each) for each in answer.detections]} if answer.read == "detections" else {}),
    }


def percent(probability: float) -> str:
    """Write a probability as people do: 93.1 %."""
    return f"{100 * probability:.1f} %"


def task_labels(answers: Sequence[Answer]) -> list[str]:
    """Name each answer by its task, and by its network too if several have that task."""
    tasks = [answer.task for answer in answers]
    return [answer.task if tasks.count(answer.task) == 1 else f"{answer.task} ({answer.network})" for answer in answers]


def _note(answer: Answer) -> str:
    """What stands after the text: how sure it is."""
    if answer.probability is not None:
        others = sorted(((p, name) for name, p in answer.probabilities.items() if name != answer.text), reverse=True)
        runners_up = ", ".join(f"{name} {percent(p)}" for p, name in others[:RUNNERS_UP])
        return f"  {percent(answer.probability):>7}   ({runners_up})"
    if answer.standard_deviation is not None:
        return f"   (standard deviation {answer.standard_deviation:.1f})"
    return ""


def _times(result: Result) -> str:
    prepare = sum(result.preprocess.values())
    each = ", ".join(f"{name} {ms:.1f}" for name, ms in result.inference.items())
    return f"preprocess {prepare:.1f} ms, inference {sum(result.inference.values()):.1f} ms ({each})"


def _detection(detection: Detection) -> dict[str, Any]:
    """A thing that was found: its class, how sure the network is, and its box in pixels."""
    return {
        "class": detection.name,
        "label": detection.label,
        "score": rounded(detection.score),
        "box": detection.rounded_box,
    }


def _array(answer: Answer) -> dict[str, Any] | None:
    """The numbers of a raw output, row by row, and their shape."""
    if answer.array is None:
        return None
    return {"shape": list(answer.array.shape), "numbers": [rounded(float(number)) for number in answer.array.ravel()]}


def rounded(value: float | None) -> float | None:
    """Round a number to six decimals, as JSON gives it."""
    return None if value is None else round(value, 6)
