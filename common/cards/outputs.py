"""How the outputs of a network are read: one type of JSON object for each value of `read`.

A new way to read is a type here, its line in OutputEntry, and a function in the table READERS of inference/answer.py.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .typed_json import JsonObject

# Control characters would reach a terminal, which obeys some of them.
Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$")]
Size = Annotated[int, Field(ge=1)]
# The unions keep 0 and 0.0 apart, so that a number is written as it was read. A float holds every integer up to LARGEST,
# and the square of a number in these bounds is no infinity.
LARGEST = 2**53
Number = (
    Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
    | Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
)

ROW = 7
"""Numbers of a row of detections."""


def _all_different(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("repeated")
    return names


_UNIQUE = {"uniqueItems": True}
Classes = Annotated[list[Name], Field(min_length=2, json_schema_extra=_UNIQUE), AfterValidator(_all_different)]
Names = Annotated[list[Name], Field(min_length=1, json_schema_extra=_UNIQUE), AfterValidator(_all_different)]


class ClassOutput(JsonObject):
    """An output that is read as its most probable class. Its values are probabilities."""

    blob: Name = Field(description="a name: the output blob")
    task: Name = Field(description="a name: the task, such as age")
    read: Literal["argmax"] = Field(description="argmax")
    classes: Classes = Field(description="a list of different class names, at least two")

    @property
    def size(self) -> int:
        """How many values the blob has."""
        return len(self.classes)

    @property
    def what(self) -> str:
        """What the card says about the values, for messages."""
        return f"{self.size} classes"


class BinOutput(JsonObject):
    """An output that is read as a number: the mean of its bins, weighted by their probabilities, or the median."""

    blob: Name = Field(description="a name: the output blob")
    task: Name = Field(description="a name: the task, such as age")
    read: Literal["expected_value", "median"] = Field(description="expected_value, median")
    bins: Annotated[list[Number], Field(min_length=2)] = Field(description="a list of numbers, at least two")

    @property
    def size(self) -> int:
        """How many values the blob has."""
        return len(self.bins)

    @property
    def what(self) -> str:
        """What the card says about the values, for messages."""
        return f"{self.size} bins"


class ValueOutput(JsonObject):
    """An output of one number, which is the answer: a regression."""

    blob: Name = Field(description="a name: the output blob")
    task: Name = Field(description="a name: the task, such as age")
    read: Literal["value"] = Field(description="value")

    @property
    def size(self) -> int:
        """How many values the blob has."""
        return 1

    @property
    def what(self) -> str:
        """What the card says about the values, for messages."""
        return "one value"


class ValuesOutput(JsonObject):
    """An output of a few numbers, each with a name: landmarks, or a box."""

    blob: Name = Field(description="a name: the output blob")
    task: Name = Field(description="a name: the task, such as landmarks")
    read: Literal["values"] = Field(description="values")
    names: Names = Field(description="a list of different names, one for each number")

    @property
    def size(self) -> int:
        """How many values the blob has."""
        return len(self.names)

    @property
    def what(self) -> str:
        """What the card says about the values, for messages."""
        return f"{self.size} names"


class RawOutput(JsonObject):
    """An output that is handed on as it is: a map, or more numbers than anybody names."""

    blob: Name = Field(description="a name: the output blob")
    task: Name = Field(description="a name: the task, such as segmentation")
    read: Literal["raw"] = Field(description="raw")
    shape: Annotated[list[Size], Field(min_length=1)] = Field(description="a list of sizes of at least 1")

    @property
    def size(self) -> int:
        """How many values the blob has."""
        return math.prod(self.shape)

    @property
    def what(self) -> str:
        """What the card says about the values, for messages."""
        return f"a shape of {self.size} values"


class DetectionsOutput(JsonObject):
    """An output of rows, each about a thing in the picture: image id, label, score, xmin, ymin, xmax, ymax.

    A row whose image id is negative ends them, as in OpenVINO's DetectionOutput. The network sees the whole frame.
    """

    blob: Name = Field(description="a name: the output blob")
    task: Name = Field(description="a name: the task, such as face")
    read: Literal["detections"] = Field(description="detections")
    classes: Names = Field(description="a list of different names: of label 0, of label 1 and so on")
    coordinates: Literal["relative", "pixels"] = Field(
        description="relative or pixels: whether the corners are shares of the net's input, from 0 to 1, or its pixels"
    )
    threshold: Annotated[float, Field(ge=0, le=1)] = Field(
        description="a share from 0 to 1: rows with a lower score are left out"
    )
    rows: Size = Field(description="a size of at least 1: the most rows that the output has")

    @property
    def size(self) -> int:
        """How many values the blob has, at most."""
        return self.rows * ROW

    @property
    def what(self) -> str:
        """What the card says about the values, for messages."""
        return f"at most {self.rows} rows of {ROW} numbers"


OutputEntry = Annotated[
    ClassOutput | BinOutput | ValueOutput | ValuesOutput | RawOutput | DetectionsOutput, Field(discriminator="read")
]
