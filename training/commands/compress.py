"""`python -m training compress`: make a trained net smaller and faster, for fine-tuning and compiling."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_io.weights import newest_snapshot
from common.errors import UsageError
from common.files import refuse_existing_folder
from common.places import NetFiles, net_files

if TYPE_CHECKING:
    from caffe_io.caffe_pb2 import SolverParameter

    from ..compress.low_rank import Factors
    from ..compress.model import Model
    from ..compress.pruning import Pruned
    from ..compress.share import Share

EXAMPLE = "./moka compress --net AgeNet --size 6"

# Fine-tuning takes a tenth of the rate and a tenth of the iterations.
_SHARE = 0.1


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Low rank puts two thin layers, X_a and X_b, in the place of layer X. Channels are left out before ranks are chosen. The "
        "new folder holds plain Caffe prototxts, a solver for fine-tuning, a card and the caffemodel."
    )
    parser.add_argument(
        "--net", required=True, metavar="NAME", help="take prototxt/NAME/ and the newest snapshot in models/NAME"
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="the caffemodel, if it is another")
    parser.add_argument(
        "--rank",
        type=_numbers,
        default={},
        metavar="LAYER=R[,LAYER=R...]",
        help="the rank that a fully connected layer, or a convolution, gets",
    )
    parser.add_argument(
        "--channels",
        type=_shares,
        default={},
        metavar="LAYER=N[,LAYER=N...]",
        help="how many channels of a layer stay, as a number or a percentage: conv3=256,conv1=75%%; * stands for any letters, "
        "and layers meant by it are left alone where the net does not allow it",
    )
    parser.add_argument(
        "--norm",
        choices=("L1", "L2"),
        default="L2",
        help="of a channel's filter; those with the smallest go (default L2)",
    )
    goal = parser.add_mutually_exclusive_group()
    goal.add_argument(
        "--energy",
        type=float,
        metavar="SHARE",
        help="give every other fully connected layer the rank that keeps this share of its squared singular values, such as 0.9",
    )
    goal.add_argument(
        "--size",
        type=float,
        metavar="MB",
        help="choose these ranks so that all weights take at most so many MB (of 1,000,000 bytes) in FP16, as in a blob",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the new net's folder (default: prototxt/NAME-small); its name is the net's",
    )
    parser.add_argument("--force", action="store_true", help="replace a folder that this command wrote")


def _numbers(text: str) -> dict[str, int]:
    """Read LAYER=NUMBER,LAYER=NUMBER."""
    numbers: dict[str, int] = {}
    for word in text.split(","):
        name, equals, number = word.rpartition("=")
        if not (name and equals and number.isascii() and number.isdecimal() and 0 < int(number) < 2**31):
            raise argparse.ArgumentTypeError(
                f"{word!r}: expected LAYER=NUMBER with a number of at least 1, such as fc6=64."
            )
        if name in numbers:
            raise argparse.ArgumentTypeError(f"{name} is named twice; give it one number.")
        numbers[name] = int(number)
    return numbers


def _shares(text: str) -> dict[str, Share]:
    """Read LAYER=NUMBER or LAYER=PERCENTAGE%, separated by commas."""
    from ..compress.share import Share

    shares: dict[str, Share] = {}
    for word in text.split(","):
        name, equals, number = word.rpartition("=")
        digits = number.removesuffix("%")
        good = digits.isascii() and digits.isdecimal() and 0 < int(digits) < 2**31
        if not (name and equals and good) or (number.endswith("%") and int(digits) > 100):
            raise argparse.ArgumentTypeError(
                f"{word!r}: expected LAYER=NUMBER or LAYER=PERCENT%, such as conv3=256 or conv3=75%."
            )
        if name in shares:
            raise argparse.ArgumentTypeError(f"{name} is named twice; give it one number.")
        shares[name] = Share(int(digits), number.endswith("%"))
    return shares


def main(options: argparse.Namespace) -> None:
    """Write the new net and print the table."""
    _check(options)
    files = net_files(options.net)
    out: Path = options.out or Path("prototxt", f"{options.net}-small")
    from copy import deepcopy

    from ..compress.folder import recogniser, write_folder
    from ..compress.low_rank import split
    from ..compress.model import read_model
    from ..compress.report import report

    refuse_existing_folder(out, options.force, recogniser(out))
    weights: Path = options.weights or newest_snapshot(Path("models", options.net))
    model = read_model(files, weights)
    before = deepcopy(model.deploy)
    notes: dict[str, str] = {}
    halves: dict[str, str] = {}
    pruned = _prune(model, options)
    for name, (stay, were) in pruned.stayed.items():
        notes[name] = f"{stay} of {were} channels"
    for factors, rank in _choose_ranks(model, options):
        split(model, factors, rank)
        name = factors.name
        halves |= {f"{name}_a": name, f"{name}_b": name}
        note = f"rank {rank} of {factors.full_rank}, energy {factors.energy(rank):.1%}"
        notes[name] = ", ".join(filter(None, [notes.get(name, ""), note]))
    if not notes:
        raise UsageError(
            f"{weights}: nothing to do; no layer would become smaller. Ask for a smaller --size or --energy."
        )
    solver = _solver(files, out)
    cards = _cards(files, out)
    written = write_folder(out, model, solver, cards, f"{files.deploy} and {weights}", options.force)
    print(report(before, model.deploy, halves, notes))
    for name, reason in pruned.left_alone.items():
        print(f"{name} keeps all channels: {reason}")
    print(f"written: {out}, with {written.name}")
    if solver:
        print(f"to fine-tune: ./moka train --solver {out / 'solver.prototxt'} --weights {written}")


def _check(options: argparse.Namespace) -> None:
    if not (options.rank or options.channels or options.energy is not None or options.size is not None):
        raise UsageError("Say how small the net should be: --rank, --channels, --energy or --size.")
    if options.energy is not None and not 0 < options.energy <= 1:
        raise UsageError(f"--energy {options.energy:g}: expected a share above 0, at most 1, such as 0.9.")
    if options.size is not None and not (math.isfinite(options.size) and options.size > 0):
        raise UsageError(f"--size {options.size:g}: expected a number of MB above 0, such as 6.")


def _prune(model: Model, options: argparse.Namespace) -> Pruned:
    from caffe_io.caffe_pb2 import TEST

    from ..compress.flow import follow
    from ..compress.pruning import Pruned, prune
    from ..nets.net import Net

    if not options.channels:
        return Pruned({}, {})
    shapes = Net(model.deploy, TEST).shapes
    tops = {name: shape[1] for name, shape in shapes.items() if len(shape) > 1}
    return prune(model, follow(model, tops), options.channels, options.norm)


def _choose_ranks(model: Model, options: argparse.Namespace) -> list[tuple[Factors, int]]:
    from ..compress.goal import by_energy, by_size, named_ranks

    chosen = named_ranks(model, options.rank)
    if options.energy is not None:
        chosen += by_energy(model, options.energy, options.rank)
    if options.size is not None:
        chosen += by_size(model, options.size, options.rank)
    return chosen


def _solver(files: NetFiles, out: Path) -> SolverParameter | None:
    """Return the solver for fine-tuning; None if the net has none, or none that names its net."""
    from caffe_io.prototxt import read_solver

    from .train import rescale

    if not (files.solver.exists() and files.train_test.exists()):
        return None
    solver = read_solver(files.solver)
    if not solver.net:
        return None
    name = out.resolve().name
    solver.net = str(out / "train_test.prototxt")
    solver.snapshot_prefix = f"models/{name}/{name}"
    # As somebody would write it, not as a float32 is rounded.
    solver.base_lr = float(f"{solver.base_lr * _SHARE:.6g}")
    if solver.max_iter > 0:
        rescale(solver, math.ceil(solver.max_iter * _SHARE))
    return solver


def _cards(files: NetFiles, out: Path) -> dict[str, dict[str, Any]]:
    """Return the JSON files of the new folder: the card under the new name, and training.json."""
    import json

    from common.card import read_net_card

    from ..solvers.training_file import read_training_file
    from .train import training_file_of

    cards: dict[str, dict[str, Any]] = {}
    if files.card.exists():
        read_net_card(files.card)
        cards["card.json"] = {**json.loads(files.card.read_text(encoding="utf-8")), "name": out.resolve().name}
    training = training_file_of(files.solver)
    if training is not None:
        read_training_file(training)
        content = json.loads(training.read_text(encoding="utf-8"))
        # Fine-tuning is for all layers, and the names of some have changed.
        content.pop("freeze", None)
        if "average" in content:
            # The average goes over a tenth of the iterations, too.
            content["average"]["decay"] = max(0.5, round(1 - (1 - content["average"]["decay"]) / _SHARE, 6))
        cards["training.json"] = content
    return cards
