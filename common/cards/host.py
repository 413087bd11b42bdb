"""The rest of a network that was cut: what this machine computes of the device's numbers, one type of JSON object for each kind.

A new kind is a type here, its line in HostStep, a function in the table KINDS of host/kinds.py, and a line in the table
HOST_LAYERS of ncs/rest/layers.py, which makes it of a Caffe layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from .outputs import Name, Number, Size
from .typed_json import JsonObject, rule

if TYPE_CHECKING:
    from typing_extensions import Self

MOST_PRIORS = 1 << 20
"""Far more than any detector has, so that a wrong card cannot fill the memory."""
MOST_ROWS = 1 << 20
Rows = Annotated[int, Field(ge=1, le=MOST_ROWS)]
_INPUTS = "a list of names: the blobs that it reads"
_OUTPUT = "a name: the blob that it makes"
Pixels = Annotated[list[Size], Field(min_length=2, max_length=2)]
Axis = Annotated[int, Field(ge=0, le=32)]
Inputs = list[Name]
OneInput = Annotated[list[Name], Field(min_length=1, max_length=1)]


class ReshapeStep(JsonObject):
    """Gives a blob another shape of the same size: Reshape and Flatten."""

    kind: Literal["reshape"] = Field(description="reshape")
    inputs: OneInput = Field(description=_INPUTS)
    output: Name = Field(description=_OUTPUT)
    shape: Annotated[list[Size], Field(min_length=1)] = Field(description="a list of sizes of at least 1")


class PermuteStep(JsonObject):
    """Puts the axes of a blob into another order: Permute."""

    kind: Literal["permute"] = Field(description="permute")
    inputs: OneInput = Field(description=_INPUTS)
    output: Name = Field(description=_OUTPUT)
    order: list[Axis] = Field(description="a list of axes: which of the input's each of the output's is")


class ConcatStep(JsonObject):
    """Joins blobs along an axis: Concat."""

    kind: Literal["concat"] = Field(description="concat")
    inputs: Annotated[Inputs, Field(min_length=1)] = Field(description=_INPUTS)
    output: Name = Field(description=_OUTPUT)
    axis: Axis = Field(description="an axis from 0 on")


class SoftmaxStep(JsonObject):
    """Makes probabilities along an axis: Softmax."""

    kind: Literal["softmax"] = Field(description="softmax")
    inputs: OneInput = Field(description=_INPUTS)
    output: Name = Field(description=_OUTPUT)
    axis: Axis = Field(description="an axis from 0 on")


class SigmoidStep(JsonObject):
    """Brings each number to between 0 and 1: Sigmoid."""

    kind: Literal["sigmoid"] = Field(description="sigmoid")
    inputs: OneInput = Field(description=_INPUTS)
    output: Name = Field(description=_OUTPUT)


class PriorBoxStep(JsonObject):
    """Makes the boxes around the cells of a map: PriorBox. They depend on no blob, so they are computed once."""

    kind: Literal["prior_box"] = Field(description="prior_box")
    inputs: Annotated[Inputs, Field(max_length=0)] = Field(description="an empty list: it reads no blob")
    output: Name = Field(description=_OUTPUT)
    cells: Pixels = Field(description="a list [height, width] of sizes: of the map")
    picture: Pixels = Field(description="a list [height, width] of sizes: of the picture in pixels")
    steps: Annotated[list[Number], Field(min_length=2, max_length=2)] = Field(
        description="a list of two numbers: pixels from a cell to the next, down and to the right"
    )
    offset: Number = Field(description="a number: where in a cell the middle of its boxes is, from 0 to 1")
    sizes: list[Annotated[list[Number], Field(min_length=2, max_length=2)]] = Field(
        description="a list of pairs: width and height of each box of a cell in pixels"
    )
    variances: Annotated[list[Number], Field(min_length=4, max_length=4)] = Field(
        description="a list of four numbers: the units of the predictions at the boxes"
    )
    clip: bool = Field(description="true or false: whether the boxes end where the picture does")

    @model_validator(mode="after")
    def _check_count(self) -> Self:
        count = self.cells[0] * self.cells[1] * len(self.sizes)
        if count > MOST_PRIORS:
            raise rule(f'"host.cells" and "host.sizes" make {count} boxes; expected at most {MOST_PRIORS}.')
        return self


class DetectionOutputStep(JsonObject):
    """Chooses boxes from predictions at priors: DetectionOutput. It reads locations, scores and priors."""

    kind: Literal["detection_output"] = Field(description="detection_output")
    inputs: Annotated[Inputs, Field(min_length=3, max_length=3)] = Field(description=_INPUTS)
    output: Name = Field(description=_OUTPUT)
    classes: Size = Field(description="a size of at least 1: the number of classes, that of the background included")
    background: Annotated[int, Field(ge=-1)] = Field(description="the label of the background; -1: there is none")
    share_location: bool = Field(description="true or false: whether all classes have the same boxes")
    code: Literal["CORNER", "CENTER_SIZE", "CORNER_SIZE"] = Field(
        description="CORNER, CENTER_SIZE or CORNER_SIZE: how a box is written as a difference from a prior"
    )
    variance_encoded_in_target: bool = Field(description="true or false: whether variances are part of the differences")
    confidence_threshold: Number | None = Field(description="a number, or null: scores up to it do not count")
    nms_threshold: Number = Field(description="a number: boxes that overlap a better one by more are dropped")
    eta: Number = Field(
        description="a number up to 1: by which each box that is kept lowers the threshold, down to 0.5"
    )
    top_k: Annotated[int, Field(ge=-1)] = Field(description="how many boxes of a class are looked at; -1: all")
    keep_top_k: Annotated[int, Field(ge=-1)] = Field(description="how many boxes of a picture are kept; -1: all")
    rows: Rows = Field(
        description=f"a size from 1 to {MOST_ROWS}: how many rows the output has, for all pictures of a batch"
    )


class YoloOutputStep(JsonObject):
    """Chooses boxes from the last maps of a YOLO net: YoloDetectionOutput and Yolov3DetectionOutput."""

    kind: Literal["yolo_output"] = Field(description="yolo_output")
    inputs: Annotated[Inputs, Field(min_length=1)] = Field(description=_INPUTS)
    output: Name = Field(description=_OUTPUT)
    classes: Size = Field(description="a size of at least 1: the number of classes; their labels begin with 1")
    scores: Literal["softmax", "sigmoid"] = Field(
        description="softmax or sigmoid: whether a box has one class (YOLO v2), or any number of them (YOLO v3)"
    )
    anchors: list[Annotated[list[Annotated[list[Number], Field(min_length=2, max_length=2)]], Field(min_length=1)]] = (
        Field(description="a list of pairs for each input: width and height of its boxes as shares of the picture")
    )
    confidence_threshold: Number = Field(description="a number: scores up to it do not count")
    nms_threshold: Number = Field(description="a number: boxes that overlap a better one by more are dropped")
    rows: Size = Field(description="a size of at least 1: how many rows the output has")

    @model_validator(mode="after")
    def _check_anchors(self) -> Self:
        if len(self.anchors) != len(self.inputs):
            raise rule(
                f'"host.anchors" has {len(self.anchors)} lists; expected one for each of {len(self.inputs)} inputs.'
            )
        return self


HostStep = Annotated[
    ReshapeStep
    | PermuteStep
    | ConcatStep
    | SoftmaxStep
    | SigmoidStep
    | PriorBoxStep
    | DetectionOutputStep
    | YoloOutputStep,
    Field(discriminator="kind"),
]
