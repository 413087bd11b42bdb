"""`python -m training evaluate`: how good a trained classifier is on every record of its test LMDB, each counted once."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from caffe_io.caffe_pb2 import TEST
from caffe_io.net_state import filter_net
from caffe_io.prototxt import read_net
from caffe_io.weights import newest_snapshot
from common.errors import UsageError
from common.files import atomic_file
from common.places import net_files

from .classifier import read_classifier
from .engines import ENGINES
from .metrics import Scores, plot_confusion

EXAMPLE = "./moka evaluate --net AgeNet"


def add_options(parser: argparse.ArgumentParser) -> None:
    """--net NAME stands for the four files of that name; each can be given by itself."""
    parser.add_argument(
        "--net",
        metavar="NAME",
        help="take prototxt/NAME/train_test.prototxt, its card.json, graph/NAME.xml and the newest snapshot in models/NAME",
    )
    parser.add_argument("--model", metavar="FILE", help="train_test prototxt, whose TEST phase names the LMDB")
    parser.add_argument("--weights", metavar="FILE", help=".caffemodel")
    parser.add_argument("--card", metavar="FILE", help="JSON card with the class names")
    parser.add_argument("--ir", metavar="FILE", help="OpenVINO IR (.xml), for --engine openvino")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="torch", help="what computes (default torch)")
    parser.add_argument("--out", metavar="DIR", help="folder for the JSON and the PNG (default: that of the weights)")


def main(options: argparse.Namespace) -> None:
    """Print the figures; write them as JSON and the confusion matrix as PNG."""
    name = options.net
    if not name and not (options.model and options.weights):
        raise UsageError("say which net: --net NAME, or --model and --weights.")
    if options.engine == "openvino" and not (name or options.ir):
        raise UsageError("say which IR: --ir FILE.xml, or --net NAME.")
    files = net_files(name or "")
    model = Path(options.model or files.train_test)
    weights = Path(options.weights) if options.weights else newest_snapshot(f"models/{name}")
    card = Path(options.card or files.card)
    ir = Path(options.ir or f"graph/{name}.xml")
    classifier = read_classifier(
        filter_net(read_net(model), TEST), str(model), card if options.card or card.exists() else None
    )
    probabilities, labels = ENGINES[options.engine](classifier, model, weights, ir)
    scores = Scores(classifier.task, classifier.classes, labels, probabilities)
    print(f"{weights} on {classifier.source}, computed by {options.engine}")
    print(scores.text())
    out = Path(options.out or weights.parent)
    stem = f"{weights.stem}_test_{options.engine}"
    with atomic_file(out / f"{stem}.json", force=True) as temporary:
        report = {"weights": str(weights), "lmdb": classifier.source, "engine": options.engine, **scores.as_dict()}
        temporary.write_text(json.dumps(report, indent=2) + "\n")
    plot_confusion(scores, out / f"{stem}_confusion.png", weights.stem)
    print(f"written: {out / stem}.json, {out / stem}_confusion.png")
