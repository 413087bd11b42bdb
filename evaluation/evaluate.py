"""Verb evaluate: how good a trained classifier is on all records of its test LMDB, each counted once."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UsageError
from common.files import atomic_file
from common.places import net_files
from ncs.compile_options import add_state_options, stages_of

from .engines import ENGINES
from .errors import EvaluationError

if TYPE_CHECKING:
    from .predictions import Predictions

EXAMPLE = "./moka evaluate --net AgeNet"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options. --net NAME stands for the four files of that name; each can also be given by itself."""
    parser.add_argument(
        "--net",
        metavar="NAME",
        help="use prototxt/NAME/train_test.prototxt, its card.json, graph/NAME.xml and the newest snapshot in models/NAME",
    )
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="train_test prototxt, whose TEST phase names the LMDB"
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help=".caffemodel")
    parser.add_argument(
        "--card", type=Path, metavar="FILE", help="JSON card with the task and the names of its classes"
    )
    parser.add_argument("--ir", type=Path, metavar="FILE", help="OpenVINO IR (.xml), for --engine openvino")
    add_state_options(parser)
    parser.add_argument("--engine", choices=sorted(ENGINES), help="what computes the predictions (default: torch)")
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE",
        help="report on the predictions that an earlier run saved (*_predictions.npz) instead of computing them",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for report (JSON), plot (PNG) and predictions (default: the folder of weights or predictions)",
    )


def main(options: argparse.Namespace) -> None:
    """Print the figures; write report, confusion matrix and predictions."""
    from .metrics import as_text, figures
    from .plots import plot_confusion
    from .predictions import SUFFIX, write_predictions

    if options.predictions:
        file = options.predictions
        predictions = _read(file, options)
        stem = file.name.removesuffix(SUFFIX).removesuffix(".npz")
        out = options.out or file.parent
    else:
        predictions = _compute(options)
        weights = Path(predictions.weights)
        stem = f"{weights.stem}_test_{predictions.engine}"
        file = (options.out or weights.parent) / f"{stem}{SUFFIX}"
        out = file.parent
    print(f"{predictions.weights} on {predictions.lmdb}, computed by {predictions.engine}")
    print(as_text(predictions))
    if not options.predictions:
        write_predictions(predictions, file)
    report = {
        "weights": predictions.weights,
        "lmdb": predictions.lmdb,
        "engine": predictions.engine,
        **figures(predictions),
        "predictions": file.name,
    }
    with atomic_file(out / f"{stem}.json", force=True) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n")
    plot_confusion(predictions, out / f"{stem}_confusion.png", Path(predictions.weights).stem)
    print(f"written: {out / stem}.json, {out / stem}_confusion.png")


def _compute(options: argparse.Namespace) -> Predictions:
    """Have an engine compute the predictions for the test LMDB of a net."""
    import numpy as np

    from caffe_io.caffe_pb2 import Phase
    from caffe_io.net_state import filter_net
    from caffe_io.prototxt import read_net
    from caffe_io.weights import newest_snapshot

    from .classifier import UNNAMED, read_classification, read_classifier
    from .predictions import Predictions

    name = options.net
    engine = options.engine or "torch"
    if not name and not (options.model and options.weights):
        raise UsageError("No net was given. Give --net NAME, or --model and --weights, or --predictions.")
    if engine == "openvino" and not (name or options.ir):
        raise UsageError("--engine openvino: no IR was given. Give --ir FILE.xml, or --net NAME.")
    files = net_files(name or "")
    model: Path = options.model or files.train_test
    weights: Path = options.weights or newest_snapshot(f"models/{name}")
    card: Path = options.card or files.card
    ir: Path = options.ir or Path(f"graph/{name}.xml")
    unfiltered = read_net(model)
    net = filter_net(unfiltered, Phase.Value(options.phase), options.level, stages_of(options))
    classification = read_classification(card) if options.card or card.exists() else UNNAMED
    classifier = read_classifier(net, str(model), classification, unfiltered)
    probabilities, labels = ENGINES[engine](classifier, model, weights, ir)
    counts = np.ones(len(labels), bool) if classifier.ignored is None else labels != classifier.ignored
    if not counts.any():
        raise EvaluationError(
            f"{classifier.source}: holds no record that counts: all have the ignore_label {classifier.ignored}."
        )
    return Predictions(
        keys=[key for key, count in zip(classifier.keys, counts, strict=True) if count],
        labels=labels[counts].astype(np.int64),
        probabilities=probabilities[counts],
        classes=classification.classes,
        task=classification.task,
        weights=str(weights),
        lmdb=classifier.source,
        engine=engine,
    )


def _read(file: Path, options: argparse.Namespace) -> Predictions:
    """Read saved predictions. A card replaces their task and class names."""
    from .classifier import read_classification
    from .predictions import read_predictions

    for option in ("net", "model", "weights", "ir", "engine"):
        if getattr(options, option):
            raise UsageError(
                f"--predictions and --{option} exclude each other: saved predictions are not computed again."
            )
    predictions = read_predictions(file)
    if options.card:
        classification = read_classification(options.card)
        predictions = dataclasses.replace(predictions, task=classification.task, classes=classification.classes)
    return predictions
