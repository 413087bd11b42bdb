"""What a train_test net classifies: its test database, the blobs with scores and labels, and the names of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from caffe_io.caffe_pb2 import DataParameter, LayerParameter, NetParameter, TransformationParameter
from caffe_io.databases.backends import open_database

from .errors import EvaluationError


@dataclass(frozen=True)
class Classification:
    """The classification that a card describes: the blob of the deploy net, the task, and its classes in order."""

    blob: str
    task: str
    classes: Sequence[str]


UNNAMED = Classification("prob", "class", ())
"""Without a card, classes are called by their numbers."""


@dataclass(frozen=True)
class Classifier:
    """A net to be measured.

    `data` names its test database, `keys` are those of all records. `transform` is what the net does to them first. `scores`
    and `label` are blobs of the train_test net.
    """

    data: DataParameter
    keys: Sequence[str]
    transform: TransformationParameter
    scores: str
    label: str
    classification: Classification

    @property
    def source(self) -> str:
        """The test database."""
        return self.data.source

    @property
    def batch_size(self) -> int:
        """Number of records in a batch of the train_test net."""
        return self.data.batch_size

    @property
    def records(self) -> int:
        """Number of records in the test database."""
        return len(self.keys)


def read_classification(card: Path) -> Classification:
    """Read the classification from a net card or model card, the first if there are several. Raises CardError."""
    from common.card import ClassOutput, read_net_card

    for output in read_net_card(card).outputs:
        if isinstance(output, ClassOutput):
            return Classification(output.blob, output.task, output.classes)
    raise EvaluationError(
        f'{card}: no output is read by "argmax", so there are no classes to count. Give another card.'
    )


def read_classifier(net: NetParameter, path: str, classification: Classification = UNNAMED) -> Classifier:
    """Find what is to be measured in a net that was filtered for phase TEST; `path` is its file.

    Raises EvaluationError if the net has no Data layer, or no Accuracy layer that says which blob holds the scores.
    """
    data = _layer(net, path, "Data")
    accuracy = _layer(net, path, "Accuracy")
    with open_database(data.data_param) as reader:
        keys = [key.decode("utf-8", "backslashreplace") for key in reader]
    return Classifier(
        data=data.data_param,
        keys=keys,
        transform=data.transform_param,
        scores=accuracy.bottom[0],
        label=accuracy.bottom[1],
        classification=classification,
    )


def _layer(net: NetParameter, path: str, kind: str) -> LayerParameter:
    for layer in net.layer:
        if layer.type == kind:
            return layer
    raise EvaluationError(
        f"{path}: has no {kind} layer in phase TEST, so there is nothing to measure. Give the train_test prototxt."
    )
