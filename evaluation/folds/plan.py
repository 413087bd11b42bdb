"""The plan of a cross-validation: a JSON file with the folds and the steps of each.

    {
      "folds": 5,
      "steps": {
        "data": ["{here}/moka", "build_dataset", "--help"],
        "train": ["{here}/recipe.sh", "--fold", "{fold}"]
      },
      "reports": ["models/*/*_test_torch.json"]
    }

Each step is a command, as a list of words, and runs in the folder of its fold.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator
from typing_extensions import Self

from common.cards.typed_json import KnownKeys, read_model, rule

PLACEHOLDERS = ("fold", "out", "here")
"""Name of the fold, its folder, and the folder in which cross_validate was called."""
_NEXT_STEP = "Correct the plan; docs/evaluation.md has an example."
_BRACES = re.compile(r"\{([a-z]+)\}")
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
Name = Annotated[str, Field(pattern=_NAME, max_length=100)]


class Plan(KnownKeys):
    """The folds, the steps of each in their order, and where in a fold's folder the reports of evaluate lie."""

    folds: Annotated[int, Field(ge=2, le=1000)] | Annotated[list[Name], Field(min_length=2)] = Field(
        description="the number of folds (2 to 1000), or a list of their names (letters, digits, . _ -)"
    )
    steps: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(
        min_length=1, description="an object of step: [program, word, ...]"
    )
    reports: list[str] = Field(
        min_length=1, description='a list of patterns in the folder of a fold, such as "models/*/*_test_torch.json"'
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.names)) < len(self.names):
            raise rule('"folds" names a fold twice.')
        for step, words in self.steps.items():
            if not re.match(_NAME, step):
                raise rule(f'"steps" has the name "{step}"; expected letters, digits, dots, _ and -.')
            unknown = [name for word in words for name in _BRACES.findall(word) if name not in PLACEHOLDERS]
            if unknown:
                raise rule(
                    f'"steps.{step}" has the placeholder "{unknown[0]}"; expected one of {", ".join(PLACEHOLDERS)}.'
                )
        for pattern in self.reports:
            if not pattern or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
                raise rule(f'"reports" has "{pattern}"; expected a pattern inside the folder of a fold.')
        return self

    @property
    def names(self) -> list[str]:
        """The names of the folds; by default their numbers from 0."""
        return [str(number) for number in range(self.folds)] if isinstance(self.folds, int) else self.folds

    def marks(self) -> dict[str, str]:
        """Return step -> a hash of its command and of all before it: after a change, the steps after it are run again.

        It is that of the words before {out} and {here} are filled in, so a folder may be moved.
        """
        marks = {}
        mark = ""
        for step, words in self.steps.items():
            mark = hashlib.sha256(json.dumps([mark, step, words]).encode()).hexdigest()
            marks[step] = mark
        return marks


def fill_in(words: list[str], fold: str, out: Path, here: Path) -> list[str]:
    """Return the words of a command with the placeholders replaced."""
    values = {"fold": fold, "out": str(out), "here": str(here)}
    return [_BRACES.sub(lambda found: values[found[1]], word) for word in words]


def read_plan(path: Path) -> Plan:
    """Read a plan. Raises CardError."""
    return read_model(Plan, path, _NEXT_STEP)
