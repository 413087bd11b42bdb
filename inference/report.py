"""What the user sees, as text or as JSON: the answers, the device and the milliseconds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answer import Answer
    from .runner import Result, Runner

RUNNERS_UP = 2
"""How many classes the text names after the most probable one."""


def as_text(image_path: str, size: tuple[int, int], runner: Runner, result: Result) -> str:
    """Return one line for each answer, between the picture and the device. `size` is (width, height)."""
    device = runner.device
    tasks = [answer.task for answer in result.answers]
    width = max(map(len, ["picture", *tasks])) + 2
    label = max(len(answer.text) for answer in result.answers)
    rows = [("picture", f"{image_path} ({size[0]} x {size[1]})")]
    rows += [(answer.task, _line(answer, label)) for answer in result.answers]
    rows += [
        ("device", f"{device.name}, {device.runtime}, {device.precision}: {runner.why}"),
        ("time", f"load {runner.load:.0f} ms, warm-up {runner.warm_up:.1f} ms, {_times(result)}"),
    ]
    return "\n".join(f"{name:{width}}{text}" for name, text in rows)


def as_json(image_path: str, size: tuple[int, int], runner: Runner, result: Result) -> str:
    """Return the same as one JSON object, with the probabilities of all classes."""
    content = {
        "picture": {"path": image_path, "width": size[0], "height": size[1]},
        "answers": [
            {
                "network": answer.network,
                "task": answer.task,
                "read": answer.read,
                "answer": answer.text,
                "probability": _rounded(answer.probability),
                "value": _rounded(answer.value),
                "standard_deviation": _rounded(answer.standard_deviation),
                "probabilities": {name: _rounded(p) for name, p in answer.probabilities.items()},
            }
            for answer in result.answers
        ],
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


def percent(probability: float) -> str:
    """Write a probability as people do: 93.1 %."""
    return f"{100 * probability:.1f} %"


def _line(answer: Answer, label: int) -> str:
    if answer.probability is None:
        return f"{answer.text:{label}}   (standard deviation {answer.standard_deviation:.1f})"
    others = sorted(((p, name) for name, p in answer.probabilities.items() if name != answer.text), reverse=True)
    runners_up = ", ".join(f"{name} {percent(p)}" for p, name in others[:RUNNERS_UP])
    return f"{answer.text:{label}}  {percent(answer.probability):>7}   ({runners_up})"


def _times(result: Result) -> str:
    prepare = sum(result.preprocess.values())
    each = ", ".join(f"{name} {ms:.1f}" for name, ms in result.inference.items())
    return f"preprocess {prepare:.1f} ms, inference {sum(result.inference.values()):.1f} ms ({each})"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
