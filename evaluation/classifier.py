"""What a train_test net classifies: where its test records are, which blob holds the scores, how the classes are called."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caffe_io.caffe_pb2 import LayerParameter, NetParameter
from caffe_io.lmdb_store import LmdbReader
from training.errors import TrainingError


@dataclass(frozen=True)
class Classifier:
    """`source`: the test LMDB; `records`: how many it holds; `scores`, `label`: names of blobs; `output`: the
    deploy net's output that the card describes."""

    source: str
    records: int
    batch_size: int
    scores: str
    label: str
    task: str
    output: str
    classes: list[str]


def read_classifier(net: NetParameter, path: str, card: Path | None) -> Classifier:
    """From the layers of the TEST phase and the net's card. Without a card, classes are called by their numbers.

    Raises TrainingError if the net has no Data layer, or no Accuracy layer that says which blob holds the scores.
    """
    data = _layer(net, path, "Data")
    accuracy = _layer(net, path, "Accuracy")
    with LmdbReader(data.data_param.source) as reader:
        records = len(reader)
    output: dict[str, Any] = {"blob": "prob", "task": "class", "classes": []}
    if card:
        try:
            given = json.loads(card.read_text("utf-8"))["outputs"][0]
            output = {key: given[key] for key in output}
        except OSError as error:
            raise TrainingError(
                f"{card}: cannot be read ({error.strerror}); wanted the net's card of outputs."
            ) from error
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise TrainingError(
                f"{card}: is no card of a classifier's output ({type(error).__name__}: {error}). "
                "See prototxt/AgeNet/card.json for the form."
            ) from error
    return Classifier(
        source=data.data_param.source,
        records=records,
        batch_size=data.data_param.batch_size,
        scores=accuracy.bottom[0],
        label=accuracy.bottom[1],
        task=output["task"],
        output=output["blob"],
        classes=output["classes"],
    )


def _layer(net: NetParameter, path: str, kind: str) -> LayerParameter:
    for layer in net.layer:
        if layer.type == kind:
            return layer
    raise TrainingError(
        f"{path}: has no {kind} layer in phase TEST, so there is nothing to measure. Give the train_test prototxt."
    )
