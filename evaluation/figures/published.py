"""Published figures beside ours: the file that holds them, and how ours compare."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from common.cards.typed_json import KnownKeys, parse
from common.errors import CardError
from common.inputs import read_input
from common.messages import known_names

from ..errors import EvaluationError
from .metrics import METRICS, scalars
from .text import SHARES

_LOWER_IS_BETTER = {"mae", "mae_of_argmax", "median_error", "calibration_error"}
_HIGHER_IS_BETTER = (SHARES | {"auc"}) - {"standard_error", "majority_baseline", "calibration_error"}
_MOST_BYTES = 1 << 20
_EXPECTED = 'Expected a list of {"task": ..., "figure": ..., "value": ..., "source": ...}.'


class Published(KnownKeys):
    """A figure that somebody else has published."""

    task: str = Field(description="the name of a task")
    figure: str = Field(description='the name of a figure, such as "accuracy"')
    value: float = Field(description="a number; shares from 0 to 1")
    source: str = Field(description="a text that says where it was published")


@dataclass(frozen=True)
class PublishedFile:
    """The figures in a file, and its path for messages."""

    path: Path
    figures: Sequence[Published]


def read_published(path: Path) -> PublishedFile:
    """Read a JSON list of published figures. Raises CardError."""
    try:
        content = json.loads(read_input(path, _MOST_BYTES))
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror}). {_EXPECTED}") from error
    except (ValueError, RecursionError) as error:
        raise CardError(f"{path}: is not JSON ({error}). {_EXPECTED}") from error
    if not isinstance(content, list):
        raise CardError(f"{path}: holds no list. {_EXPECTED}")
    entries = [(f"{path}: entry {number}", entry) for number, entry in enumerate(content, 1)]
    return PublishedFile(path, [_read_entry(entry, where) for where, entry in entries])


def _read_entry(content: object, where: str) -> Published:
    entry = parse(Published, content, where, _EXPECTED)
    if entry.figure not in METRICS:
        raise CardError(f'{where}: there is no figure "{entry.figure}". {known_names(entry.figure, METRICS)}')
    if not math.isfinite(entry.value):
        raise CardError(f'{where}: "value" is {entry.value}; expected a finite number.')
    if entry.figure in SHARES and not 0 <= entry.value <= 1:
        raise CardError(
            f'{where}: "value" is {entry.value:g}, but {entry.figure} is a share from 0 to 1. Write 50.7 % as 0.507.'
        )
    return entry


def beside_ours(published: PublishedFile, tasks: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of the file, each with our figure and what it says of it. `tasks` are those of a report.

    Raises EvaluationError for a task or figure that the report does not have.
    """
    rows = []
    for number, each in enumerate(published.figures, 1):
        where = f"{published.path}: entry {number}"
        if each.task not in tasks:
            raise EvaluationError(
                f'{where}: this run does not measure the task "{each.task}". {known_names(each.task, tasks)} Correct the '
                "name, or leave the entry out."
            )
        ours = scalars(tasks[each.task])
        if each.figure not in ours:
            raise EvaluationError(
                f'{where}: the task "{each.task}" has no figure "{each.figure}". {known_names(each.figure, ours)} Correct '
                "the name, or leave the entry out."
            )
        value = ours[each.figure]
        bounds = tasks[each.task]["intervals"].get(each.figure)
        rows.append(
            {
                "task": each.task,
                "figure": each.figure,
                "value": each.value,
                "source": each.source,
                "ours": value,
                "verdict": _verdict(each, value, bounds),
            }
        )
    return rows


def _verdict(published: Published, ours: float, bounds: Sequence[float] | None) -> str:
    if bounds and bounds[0] <= published.value <= bounds[1]:
        return "within our interval"
    if ours == published.value:
        return "the same"
    higher = ours > published.value
    if published.figure in _HIGHER_IS_BETTER:
        return "ours is better" if higher else "ours is worse"
    if published.figure in _LOWER_IS_BETTER:
        return "ours is worse" if higher else "ours is better"
    return "ours is higher" if higher else "ours is lower"
