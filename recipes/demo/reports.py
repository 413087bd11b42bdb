"""What the demo's table shows of the reports that `./moka evaluate` wrote."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from common.cards.outputs import Number
from common.cards.typed_json import JsonObject


class Excerpt(JsonObject):
    """An object of a report, which has other keys too."""

    # Keys that are not kept cannot be taken for misspelt ones.
    model_config = ConfigDict(extra="ignore")


class Figures(Excerpt):
    """The figures of a task with classes."""

    classes: list[Any] = Field(description="a list with an object for each class")
    pictures: int = Field(description="a number of pictures")
    accuracy: Number = Field(description="a number from 0 to 1")
    majority_baseline: Number = Field(description="a number from 0 to 1")
    one_off_accuracy: Number | None = Field(default=None, description="a number from 0 to 1")

    def text(self) -> str:
        """Say how good a net is, and how good it would be to answer the commonest class every time."""
        text = f"{len(self.classes)} classes; {self.accuracy:.1%} of {self.pictures} right"
        if self.one_off_accuracy is not None:
            text += f", {self.one_off_accuracy:.1%} within one class"
        return f"{text}; always the commonest: {self.majority_baseline:.1%}"


class OneTask(Excerpt):
    """The report of AgeNet or GenderNet."""

    weights: str = Field(description="a file name")
    tasks: dict[str, Figures] = Field(min_length=1, max_length=1, description="an object with the figures of one task")


class AgeAndGender(Excerpt):
    """The tasks of FaceRes that have classes."""

    age: Figures = Field(alias="age by decade", description="an object with figures")
    gender: Figures = Field(description="an object with figures")


class TwoTasks(Excerpt):
    """The report of FaceRes."""

    weights: str = Field(description="a file name")
    tasks: AgeAndGender = Field(description="an object with the figures of each task")
