"""Verb evaluate: how good a trained net is in each of its tasks, on all records of its test LMDB, each counted once."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from caffe_io.net_state import add_state_options, stages_of
from common.errors import UsageError
from common.files import atomic_file
from common.places import net_files
from inference.devices import DEVICES

from .engines import ENGINES, openvino_engine
from .errors import EvaluationError
from .looks import LOOKS
from .run_report import add_published_option, make_report, write_page

if TYPE_CHECKING:
    from caffe_io.blobs import Array

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
        "--card", type=Path, metavar="FILE", help="JSON card with the tasks, and the names of their classes"
    )
    parser.add_argument("--ir", type=Path, metavar="FILE", help="OpenVINO IR (.xml), for --engine openvino")
    add_state_options(parser, "TEST")
    parser.add_argument(
        "--looks",
        choices=LOOKS,
        default="centre",
        help="parts of each picture that the net is shown; their probabilities are averaged (default: %(default)s)",
    )
    parser.add_argument(
        "--table",
        type=Path,
        metavar="FILE",
        help="CSV that the database was made of; its column person says which pictures the intervals draw together",
    )
    parser.add_argument("--engine", choices=sorted(ENGINES), help="what computes the predictions (default: torch)")
    parser.add_argument(
        "--device",
        type=str.upper,
        choices=DEVICES,
        help="run the compiled network on this device, a name of ./moka devices (default of --engine openvino: CPU)",
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE",
        nargs="+",
        help="report on the predictions that an earlier run saved (*_predictions.npz) instead of computing them",
    )
    add_published_option(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for report (JSON), plot (PNG) and predictions (default: the folder of weights or predictions)",
    )


def main(options: argparse.Namespace) -> None:
    """Print the figures; write report (JSON and HTML), confusion matrices and predictions."""
    from .figures.published import read_published
    from .predictions import SUFFIX, write_predictions

    # Before the net is run, which can take long.
    published = read_published(options.published) if options.published else None
    if options.predictions:
        files: list[Path] = options.predictions
        runs = _read(files, options)
        stem = _common_stem(files)
        out: Path = options.out or files[0].parent
    else:
        runs = _compute(options)
        weights = Path(runs[0].weights)
        looks = "" if options.looks == "centre" else f"_{options.looks}"
        stem = f"{weights.stem}_test_{runs[0].engine}{looks}"
        out = options.out or weights.parent
        names = [stem] if len(runs) == 1 else [f"{stem}_{file_name(run.task)}" for run in runs]
        files = [out / f"{name}{SUFFIX}" for name in names]
    print(f"{runs[0].weights} on {runs[0].lmdb}, computed by {runs[0].engine}")
    if not options.predictions:
        for run, file in zip(runs, files, strict=True):
            write_predictions(run, file)
    report = make_report(runs, files, published)
    with atomic_file(out / f"{stem}.json", force=True) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n")
    write_page(report, runs, out / f"{stem}.html", force=True)
    pictures = _plot(runs, out, stem)
    print(f"written: {', '.join([f'{out / stem}.json', f'{out / stem}.html', *pictures])}")


def file_name(task: str) -> str:
    """Return the name of a task as part of a file's name."""
    return re.sub(r"[^\w.-]+", "_", task)


def _plot(runs: Sequence[Predictions], out: Path, stem: str) -> list[str]:
    """Write the confusion matrix of each task with classes; return the names."""
    from .figures.groups import by_decade
    from .figures.plots import plot_confusion

    matrices = [each for run in runs if (each := by_decade(run) if run.bins else run) is not None]
    paths = []
    for each in matrices:
        name = f"{stem}_confusion.png" if len(runs) == 1 else f"{stem}_{file_name(each.task)}_confusion.png"
        plot_confusion(each, out / name, Path(each.weights).stem)
        paths.append(str(out / name))
    return paths


def _compute(options: argparse.Namespace) -> list[Predictions]:
    """Have an engine compute the predictions for the test LMDB of a net."""
    import numpy as np

    from caffe_io.caffe_pb2 import Phase
    from caffe_io.net_state import filter_net
    from caffe_io.prototxt import read_net
    from caffe_io.weights import newest_snapshot

    from .classifier import UNNAMED, read_classifier, read_outputs
    from .figures.groups import people_of
    from .predictions import Predictions

    name = options.net
    engine = options.engine or ("openvino" if options.device else "torch")
    if options.device and engine != "openvino":
        raise UsageError(f"--device {options.device}: is for --engine openvino, which runs the compiled network.")
    device = options.device or "CPU"
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
    outputs = read_outputs(card) if options.card or card.exists() else UNNAMED
    deploy = read_net(files.deploy) if name and files.deploy.exists() else None
    classifier = read_classifier(net, str(model), outputs, unfiltered, deploy)
    people = people_of(options.table, classifier.keys) if options.table else []
    measured = [question.output.task for question in classifier.questions]
    if unjudged := [output.task for output in outputs if output.task not in measured]:
        print(f"not measured, because no Accuracy layer judges it: {', '.join(unjudged)}")
    runs = []
    lacking: list[str] = []
    compute = partial(openvino_engine, device_name=device) if engine == "openvino" else ENGINES[engine]
    found = compute(classifier, model, weights, ir, options.looks)
    for question, (probabilities, labels) in zip(classifier.questions, found, strict=True):
        counts = np.ones(len(labels), bool) if question.ignored is None else labels != question.ignored
        if not counts.any():
            lacking.append(question.output.task)
            continue
        if not question.output.bins:
            _check_whole(labels[counts], f'{model}: blob "{question.label}"', question.output.task)
        runs.append(
            Predictions(
                keys=[key for key, count in zip(classifier.keys, counts, strict=True) if count],
                labels=labels[counts].astype(np.float64 if question.output.bins else np.int64),
                probabilities=probabilities[counts].astype(np.float32),
                classes=question.output.classes,
                bins=question.output.bins,
                read=question.output.read,
                task=question.output.task,
                people=[person for person, count in zip(people, counts, strict=True) if count] if people else (),
                weights=str(weights),
                lmdb=classifier.source,
                engine=engine if device == "CPU" else device.lower(),
            )
        )
    if not runs:
        raise EvaluationError(
            f"{classifier.source}: holds no record that counts: all labels of {', '.join(lacking)} are the ignore_label."
        )
    if lacking:
        print(f"not measured, because no record has such a label: {', '.join(lacking)}")
    return runs


def _check_whole(labels: Array, where: str, task: str) -> None:
    """Raise EvaluationError for labels that are not class numbers. Caffe would cut off their fractions."""
    fractions = labels[labels != labels.round()]
    if len(fractions):
        raise EvaluationError(
            f"{where} has {len(fractions)} labels of {task} that are not whole numbers, such as {fractions[0]:g}, so they name "
            'no class. If the task is a number, the card should read it as "median" or "expected_value", with bins.'
        )


def _read(files: Sequence[Path], options: argparse.Namespace) -> list[Predictions]:
    """Read saved predictions of one run. A card replaces their tasks and class names, a table their people."""
    from .classifier import read_outputs
    from .figures.groups import people_of
    from .predictions import read_run

    for option in ("net", "model", "weights", "ir", "engine", "device"):
        if getattr(options, option):
            raise UsageError(
                f"--predictions and --{option} exclude each other: saved predictions are not computed again."
            )
    runs = read_run(files)
    if options.table:
        runs = [dataclasses.replace(run, people=people_of(options.table, run.keys)) for run in runs]
    if options.card:
        outputs = read_outputs(options.card)
        by_task = {output.task: output for output in outputs}
        if len(runs) == len(outputs) == 1:
            # The card may give the task another name.
            by_task = {runs[0].task: outputs[0]}
        for file, run in zip(files, runs, strict=True):
            if run.task not in by_task:
                raise UsageError(f"{file}: is of the task {run.task}. {options.card} has {', '.join(by_task)}.")
        runs = [
            dataclasses.replace(run, task=output.task, classes=output.classes, bins=output.bins, read=output.read)
            for run in runs
            for output in [by_task[run.task]]
        ]
    return runs


def _common_stem(files: Sequence[Path]) -> str:
    """Return what the names of a run's files begin with."""
    from .predictions import SUFFIX

    first, *others = [file.name.removesuffix(SUFFIX).removesuffix(".npz") for file in files]
    length = len(first)
    while not all(other.startswith(first[:length]) for other in others):
        length -= 1
    return first[:length].rstrip("_") or first
