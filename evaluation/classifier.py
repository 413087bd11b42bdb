"""What a train_test net classifies: its test database, the blobs with scores and labels, and the names of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from caffe_io.caffe_pb2 import DataParameter, LayerParameter, NetParameter, NetState, Phase
from caffe_io.databases.backends import open_database
from caffe_io.net_state import option_for
from ncs.inputs.training import Transform

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
    and `label` are blobs of the train_test net. `state` is its phase, level and stages. Records with the label `ignored`
    do not count. `own_labels` says whether the labels are those of the records.
    """

    data: DataParameter
    keys: Sequence[str]
    transform: Transform
    scores: str
    label: str
    classification: Classification
    state: NetState
    ignored: int | None = None
    own_labels: bool = True

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


def read_classifier(
    net: NetParameter, path: str, classification: Classification = UNNAMED, unfiltered: NetParameter | None = None
) -> Classifier:
    """Find what is to be measured in a net that was filtered for its state; `path` is its file.

    Raises EvaluationError if the net has no Data layer, or no Accuracy layer that says which blob holds the scores. The
    message names the option for such a layer in `unfiltered`, the net before it was filtered.
    """
    data = _layer(net, path, "Data", unfiltered)
    accuracy = _layer(net, path, "Accuracy", unfiltered)
    with open_database(data.data_param) as reader:
        keys = [key.decode("utf-8", "backslashreplace") for key in reader]
    scores, label = accuracy.bottom
    ignored = accuracy.accuracy_param.ignore_label if accuracy.accuracy_param.HasField("ignore_label") else None
    return Classifier(
        data=data.data_param,
        keys=keys,
        transform=Transform(f'{path}: layer "{data.name}"', data.transform_param),
        scores=scores,
        label=label,
        classification=classification,
        state=net.state,
        ignored=ignored,
        own_labels=label in data.top,
    )


def _layer(net: NetParameter, path: str, kind: str, unfiltered: NetParameter | None) -> LayerParameter:
    for layer in net.layer:
        if layer.type == kind:
            if kind == "Accuracy" and len(layer.bottom) != 2:
                raise EvaluationError(
                    f'{path}: layer "{layer.name}" (Accuracy) has {len(layer.bottom)} bottoms; expected scores and labels.'
                )
            return layer
    stages = f" in stage {','.join(net.state.stage)}" if net.state.stage else ""
    raise EvaluationError(
        f"{path}: has no {kind} layer in phase {Phase.Name(net.state.phase)}{stages}"
        f"{option_for(unfiltered or net, kind)}, so there is nothing to measure. Give the train_test prototxt."
    )
