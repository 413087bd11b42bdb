"""Writes the demo's copies of AgeNet and GenderNet below ./prototxt. They learn within a few hundred iterations.

    python -m recipes.demo.nets --iterations 300

The stock nets need some thousand iterations to leave their first plateau. The copies have smaller batches, a higher
learning rate that drops for the last fifth, larger initial weights in fc7, less dropout, and no tenfold rate in fc8. A test
shows no face twice. Nothing else differs, and the stock files are not changed.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from caffe_io.caffe_pb2 import NetParameter, SolverParameter
from caffe_io.prototxt import parse_text, read_net, read_text, to_text
from common.commands import Parser, run
from common.errors import UsageError
from common.places import ROOT, net_files

BASE_LR = 0.004
BATCH_SIZE = 25
DROPOUT_RATIO = 0.2
FC7_STD = 0.04
TEST_ITER = 11
"""Batches of 25 in a test, at most: nearly all of the 280 test faces."""
TEST_FACES = Path("data/DEF/age_test.txt")
ITERATIONS: dict[str, Callable[[int], int]] = {"AgeNet": lambda n: n, "GenderNet": lambda n: (2 * n + 2) // 3}
"""Net -> its iterations, from the number on the command line. GenderNet needs two thirds of them."""


def test_batches() -> int:
    """Return the batches that the listed test faces fill, so that a quick demo does not show them several times a test."""
    if not TEST_FACES.exists():
        return TEST_ITER
    return min(max(len(TEST_FACES.read_bytes().splitlines()) // BATCH_SIZE, 1), TEST_ITER)


def set_solver(solver: SolverParameter, iterations: int) -> None:
    """Train for `iterations`: the rate drops after four fifths; halfway and at the end there are a test and a snapshot."""
    solver.base_lr = BASE_LR
    solver.max_iter = iterations
    solver.stepsize = iterations * 4 // 5 + 1
    solver.test_interval = solver.snapshot = (iterations + 1) // 2
    solver.test_iter[:] = [test_batches()]


def set_net(net: NetParameter) -> None:
    """Set the batch size, the dropout, the rates of fc8 and the initial weights of fc7."""
    for layer in net.layer:
        if layer.type == "Data":
            layer.data_param.batch_size = BATCH_SIZE
        if layer.type == "Dropout":
            layer.dropout_param.dropout_ratio = DROPOUT_RATIO
        if layer.name == "fc7":
            layer.inner_product_param.weight_filler.std = FC7_STD
        if layer.name == "fc8":
            for param, lr_mult in zip(layer.param, (1, 2), strict=True):
                param.lr_mult = lr_mult


def write_nets(iterations: int, folder: Path = Path("prototxt")) -> None:
    """Write the prototxt files and the cards of both nets below `folder`, and replace those that are there."""
    for name, scale in ITERATIONS.items():
        stock, copy = net_files(name, ROOT / "prototxt"), folder / name
        copy.mkdir(parents=True, exist_ok=True)
        net = read_net(stock.train_test)
        set_net(net)
        (copy / "train_test.prototxt").write_text(to_text(net))
        solver = parse_text(read_text(stock.solver), SolverParameter(), str(stock.solver))
        set_solver(solver, scale(iterations))
        (copy / "solver.prototxt").write_text(to_text(solver))
        for file in (stock.deploy, stock.card):
            (copy / file.name).write_bytes(file.read_bytes())


def main(argv: Sequence[str]) -> None:
    """Parse the command line and write the nets."""
    parser = Parser(
        "python -m recipes.demo.nets", "python -m recipes.demo.nets --iterations 300", "write the demo's nets"
    )
    parser.add_argument(
        "--iterations", type=int, required=True, metavar="N", help="of AgeNet; GenderNet gets two thirds of them"
    )
    options: argparse.Namespace = parser.parse_args(argv)
    if not 1 <= options.iterations < 2**31:
        raise UsageError(f"--iterations {options.iterations}: expected 1 to {2**31 - 1}, which a solver can hold.")
    write_nets(options.iterations)


if __name__ == "__main__":
    run(main)
