"""Writes AgeNet and GenderNet below ./prototxt as recipes/agenet.sh trains them.

    python -m recipes.agenet --out prototxt
    python -m recipes.agenet --out prototxt --start_of models/AgeNet/AgeNet_iter_3000.caffemodel

The nets are the stock ones, and so are their batches; training pictures are mirrored at random. What differs is how they learn:
a rate four times as high, which rises and then falls on a cosine, changed pictures, and averaged weights. GenderNet starts with
what AgeNet has learned of faces: all its layers but the last, in GenderNet/start.caffemodel. docs/recipes.md has the figures. The
stock files stay as they are.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caffe_io.caffe_pb2 import TRAIN, NetParameter, SolverParameter
from caffe_io.prototxt import parse_text, read_net, read_text, to_text
from caffe_io.weights import read_weights, write_weights
from common.commands import Parser, run
from common.files import write_if_changed
from common.places import ROOT, net_files

ITERATIONS = {"AgeNet": 3000, "GenderNet": 2000}
LAST = "fc8"
"""The layer of the classes, which each net learns from the beginning."""
BASE_LR = 0.004
TEST_FACES = Path("data/DEF/age_test.txt")
"""Written by build_dataset in the current folder."""
TESTS = 10
"""Tests and snapshots of a training."""
TRAINING: dict[str, Any] = {
    "augment": {
        "warp": {"rotate": 10, "scale": [0.9, 1.12], "shift": 0.05},
        "light": {"brightness": 0.1, "contrast": 0.2, "colour": 0.1},
    },
    "schedule": {"warm_up": 0.15, "policy": "cosine"},
    "average": {"decay": 0.998},
}


def set_net(net: NetParameter) -> None:
    """Mirror every second training picture."""
    for layer in net.layer:
        if layer.type == "Data" and TRAIN in (rule.phase for rule in layer.include):
            layer.transform_param.mirror = True


def test_batches(size: int = 50) -> int:
    """Return how many batches hold all faces of the test part. Without its list: as the stock solver."""
    if not TEST_FACES.exists():
        return 14
    return max(1, -(-len(TEST_FACES.read_bytes().splitlines()) // size))


def set_solver(solver: SolverParameter, iterations: int) -> None:
    """Set the rate, the iterations and the tests; TRAINING has the course of the rate."""
    solver.base_lr = BASE_LR
    solver.max_iter = iterations
    # Of Caffe, which does not read training.json.
    solver.lr_policy, solver.power = "poly", 1
    solver.ClearField("gamma")
    solver.ClearField("stepsize")
    solver.test_interval = solver.snapshot = iterations // TESTS
    solver.test_iter[:] = [test_batches()]
    solver.display = 50
    solver.random_seed = 1


def files(name: str, short: bool = False) -> dict[str, str]:
    """Return name -> contents of the files of a net. A short training learns more without changed pictures."""
    stock = net_files(name, ROOT / "prototxt")
    net = read_net(stock.train_test)
    set_net(net)
    solver = parse_text(read_text(stock.solver), SolverParameter(), str(stock.solver))
    set_solver(solver, ITERATIONS[name])
    training = {key: value for key, value in TRAINING.items() if key != "augment" or not short}
    return {
        "train_test.prototxt": to_text(net),
        "solver.prototxt": to_text(solver),
        "training.json": json.dumps(training, indent=2) + "\n",
        **{path.name: path.read_text(encoding="utf-8") for path in (stock.deploy, stock.card)},
    }


def write_start(trained: Path, folder: Path) -> None:
    """Write all layers of a trained AgeNet but the last into start.caffemodel in a folder of GenderNet."""
    kept = {name: blobs for name, blobs in read_weights(trained).items() if name != LAST}
    write_weights(folder / "start.caffemodel", read_net(folder / "train_test.prototxt"), kept, force=True)


def main(argv: Sequence[str]) -> None:
    """Write both nets."""
    parser = Parser("python -m recipes.agenet", "python -m recipes.agenet --out prototxt", "write AgeNet and GenderNet")
    parser.add_argument("--out", type=Path, required=True, help="folder of the nets")
    parser.add_argument("--short", action="store_true", help="for short trainings: pictures are mirrored only")
    parser.add_argument(
        "--start_of", type=Path, metavar="FILE", help="AgeNet's caffemodel, for GenderNet to start from"
    )
    options = parser.parse_args(argv)
    for name in ITERATIONS:
        for file, text in files(name, options.short).items():
            write_if_changed(options.out / name / file, text)
    if options.start_of:
        write_start(options.start_of, options.out / "GenderNet")


if __name__ == "__main__":
    run(main)
