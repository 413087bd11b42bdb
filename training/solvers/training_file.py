"""training.json beside a solver prototxt: what a training does beyond Caffe. Without the file it does what Caffe does.

    prototxt/NAME/solver.prototxt    prototxt/NAME/training.json
    Tiny_solver.prototxt             Tiny_training.json

Every key may be left out. Places in time are shares of max_iter, so they keep their meaning with --max_iter. docs/training.md
explains the keys.

    python -m training.solvers.training_file      writes the JSON schema, docs/training.schema.json
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from common.card import schema
from common.cards.outputs import Name
from common.cards.typed_json import KnownKeys, read_model, rule
from common.places import ROOT

from ..layers.data.augment import Augmentation, Share

_CORRECT = "Correct it; docs/training.schema.json describes the file."
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Below1 = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class Mixup(KnownKeys):
    """Mix each batch with itself in another order (Zhang et al. 2018). The loss is the mix of the losses for both labels."""

    alpha: Positive = Field(
        description="a number above 0: the share of the first picture is drawn from Beta(alpha, alpha)"
    )


class Schedule(KnownKeys):
    """The learning rate, where Caffe's lr_policy does not say it."""

    warm_up: Share = Field(
        default=0.0, description="a number from 0 to 1: the share of max_iter in which the rate rises from 0"
    )
    policy: Literal["caffe", "cosine", "plateau"] = Field(
        default="caffe", description="caffe, cosine or plateau: caffe is the solver's own lr_policy"
    )
    factor: Below1 = Field(default=0.1, description="a number between 0 and 1: plateau multiplies the rate by it")
    patience: int = Field(
        default=5, ge=1, description="a number of tests, at least 1: plateau waits so long for a better figure"
    )
    lowest: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.0, description="a rate of 0 or more: cosine ends there, plateau goes no lower"
    )


class Validation(KnownKeys):
    """The output of the first test net that says how good the net is. The best weights are kept in PREFIX_best.caffemodel."""

    figure: Name = Field(description="a name: an output of the test net, such as accuracy")
    better: Literal["higher", "lower"] = Field(description="higher or lower: which value of the figure is better")
    stop_after: int | None = Field(
        default=None,
        ge=1,
        description="a number of tests, at least 1: the training ends after so many without a better figure",
    )


class Freeze(KnownKeys):
    """Layers whose weights do not change at first."""

    layers: list[Name] = Field(
        min_length=1, description="a list of names of layers: * stands for any letters, as in conv*"
    )
    until: Share = Field(description="a number from 0 to 1: the share of max_iter in which they are frozen")


class Average(KnownKeys):
    """An exponential average of the weights is tested and written as caffemodel, in place of the weights themselves."""

    decay: Below1 = Field(description="a number between 0 and 1: the share of the average that stays in each iteration")


class TrainingFile(KnownKeys):
    """The whole of training.json."""

    augment: Augmentation | None = Field(default=None, description="an object: random changes to training pictures")
    mixup: Mixup | None = Field(default=None, description="an object: pictures of a batch are mixed")
    schedule: Schedule = Field(default=Schedule(), description="an object: the learning rate")
    validation: Validation | None = Field(default=None, description="an object: the figure that decides")
    freeze: list[Freeze] = Field(default=[], description="a list of objects: layers that are frozen at first")
    average: Average | None = Field(default=None, description="an object: the average of the weights")
    loss_weights: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default={}, description="an object: name of a loss layer -> its loss_weight"
    )

    @model_validator(mode="after")
    def _plateau_needs_a_figure(self) -> Self:
        if self.schedule.policy == "plateau" and not self.validation:
            raise rule(
                '"schedule.policy" is "plateau", but there is no "validation"; expected the figure that it watches.'
            )
        return self


def read_training_file(path: Path) -> TrainingFile:
    """Read a training.json. Raises CardError with the file, the key, what was found and what was expected."""
    return read_model(TrainingFile, path, _CORRECT)


if __name__ == "__main__":
    (ROOT / "docs/training.schema.json").write_text(schema(TrainingFile), encoding="utf-8")
