"""What a train_test net answers: its test database, and for each task the blobs with scores and labels."""

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
class Output:
    """What a card says of one output of the deploy net: its blob, the task, and the classes or bins in order.

    `read` says how a distribution over bins becomes a number: by its expected_value or its median.
    """

    blob: str
    task: str
    classes: Sequence[str] = ()
    bins: Sequence[float] = ()
    read: str = "expected_value"


UNNAMED = (Output("prob", "class"),)
"""Without a card, classes are called by their numbers."""


@dataclass(frozen=True)
class Question:
    """One task of a net: its output, and the blobs of the train_test net that hold its scores and its labels.

    Records with the label `ignored` do not count.
    """

    output: Output
    scores: str
    label: str
    ignored: int | None = None


@dataclass(frozen=True)
class Classifier:
    """A net to be measured.

    `data` names its test database, `keys` are those of all records. `transform` is what the net does to them first. `state`
    is its phase, level and stages. `own_labels` says whether the labels of all questions are those of the records.
    """

    data: DataParameter
    keys: Sequence[str]
    transform: Transform
    questions: Sequence[Question]
    state: NetState
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


def read_outputs(card: Path) -> tuple[Output, ...]:
    """Read the outputs with classes or bins from a net card or model card. Raises CardError."""
    from common.card import BinOutput, ClassOutput, read_net_card

    outputs = []
    for output in read_net_card(card).outputs:
        if isinstance(output, ClassOutput):
            outputs.append(Output(output.blob, output.task, classes=output.classes))
        elif isinstance(output, BinOutput):
            bins = [float(value) for value in output.bins]
            outputs.append(Output(output.blob, output.task, bins=bins, read=output.read))
    if outputs:
        return tuple(outputs)
    raise EvaluationError(
        f'{card}: no output is read by "argmax", "expected_value" or "median", so there is nothing to count. '
        "Give another card."
    )


def read_classifier(
    net: NetParameter,
    path: str,
    outputs: Sequence[Output] = UNNAMED,
    unfiltered: NetParameter | None = None,
    deploy: NetParameter | None = None,
) -> Classifier:
    """Find what is to be measured in a net that was filtered for its state; `path` is its file.

    An Accuracy layer says which blobs hold the scores and the labels of a task. With several of them, `deploy` says which
    belongs to which output: the blob that a Softmax turns into the output has the same name in both nets. Without it, the
    label is called like the task, or there are as many layers as outputs, in the same order.

    Raises EvaluationError if the net has no Data layer or no Accuracy layer. The message names the option for such a layer
    in `unfiltered`, the net before it was filtered.
    """
    data = _layer(net, path, "Data", unfiltered)
    _layer(net, path, "Accuracy", unfiltered)
    layers: dict[tuple[str, str], LayerParameter] = {}
    for layer in net.layer:
        if layer.type == "Accuracy":
            scores, label = layer.bottom
            # One more for another top_k says nothing new.
            layers.setdefault((scores, label), layer)
    questions = _match(path, list(layers.values()), outputs, deploy)
    with open_database(data.data_param) as reader:
        keys = [key.decode("utf-8", "backslashreplace") for key in reader]
    for layer in net.layer:
        if layer.type == "Data" and layer.data_param.source != data.data_param.source:
            _check_count(layer, path, data.data_param.source, len(keys))
    return Classifier(
        data=data.data_param,
        keys=keys,
        transform=Transform(f'{path}: layer "{data.name}"', data.transform_param),
        questions=questions,
        state=net.state,
        own_labels=all(question.label in data.top for question in questions),
    )


def _check_count(layer: LayerParameter, path: str, source: str, records: int) -> None:
    """Raise EvaluationError for a database that starts again before or after the pictures, so that labels shift."""
    with open_database(layer.data_param) as reader:
        count = len(reader)
    if count != records:
        raise EvaluationError(
            f'{path}: layer "{layer.name}" reads {layer.data_param.source}, which has {count} records, but {source} has '
            f"{records}. Make both again from one table: ./moka create_lmdb"
        )


def _match(
    path: str, layers: Sequence[LayerParameter], outputs: Sequence[Output], deploy: NetParameter | None
) -> list[Question]:
    """Find the Accuracy layer of each output. Outputs without one are not measured."""
    questions = []
    for output in outputs:
        scores = _softmax_of(deploy, output)
        found = [layer for layer in layers if layer.bottom[0] == scores] or [
            layer for layer in layers if layer.bottom[1] == output.task
        ]
        if found:
            questions.append(_question(output, found[0]))
    if not questions and len(layers) == len(outputs):
        questions = [_question(output, layer) for output, layer in zip(outputs, layers, strict=True)]
    if not questions:
        raise EvaluationError(
            f"{path}: has {len(layers)} Accuracy layers, of {', '.join(layer.bottom[0] for layer in layers)}; the card has "
            f"outputs of {', '.join(output.task for output in outputs)}. Call each label blob as the card calls its task."
        )
    return questions


def _question(output: Output, layer: LayerParameter) -> Question:
    scores, label = layer.bottom
    param = layer.accuracy_param
    return Question(output, scores, label, param.ignore_label if param.HasField("ignore_label") else None)


def _softmax_of(deploy: NetParameter | None, output: Output) -> str | None:
    """Return the blob that a Softmax of the deploy net turns into the output."""
    if deploy is None:
        return None
    for layer in deploy.layer:
        if layer.type == "Softmax" and output.blob in layer.top:
            return str(layer.bottom[0])
    return None


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
