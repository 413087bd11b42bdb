"""Writes the networks of the recipes: prototxt/NAME/{train_test,deploy,solver}.prototxt, card.json and training.json.

python -m recipes.nets                            writes all into prototxt/
python -m recipes.nets --out prototxt FaceRes     writes one
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.commands import Parser, run
from common.errors import UsageError
from common.files import write_if_changed
from common.messages import known_names
from common.places import ROOT

from .face_net import CUTS, database_options, files, with_our_schedule
from .table import NETS


def main(argv: Sequence[str]) -> None:
    """Write the files of the nets."""
    parser = Parser("python -m recipes.nets", "python -m recipes.nets", "write the nets of the recipes")
    parser.add_argument("names", metavar="NAME", nargs="*", help="a net to write (default: all)")
    parser.add_argument("--out", type=Path, default=ROOT / "prototxt", help="folder of the nets (default: %(default)s)")
    parser.add_argument(
        "--database_options", action="store_true", help="write nothing, but print create_lmdb's options for the nets"
    )
    parser.add_argument(
        "--short", action="store_true", help="for short trainings, which learn more without augmentation"
    )
    parser.add_argument(
        "--our_schedule",
        action="store_true",
        help="a schedule for some thousand iterations, where the published one needs far more",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="divide the batches of training among N processes (default 1)",
    )
    parser.add_argument("--cut", choices=CUTS, help="the cards say that the faces are cut as in this data set")
    options = parser.parse_args(argv)
    for name in options.names:
        if name not in NETS:
            raise UsageError(f"no network is called {name}. {known_names(name, NETS)}")
    for name in options.names or NETS:
        if options.database_options:
            print(*database_options(NETS[name]))
            continue
        net = replace(NETS[name], cut=CUTS[options.cut]) if options.cut else NETS[name]
        if options.our_schedule:
            net = with_our_schedule(net)
        if options.short and net.training:
            kept = {key: value for key, value in net.training.items() if key != "augment"}
            net = replace(net, training=kept)
        if options.workers < 1 or net.batch % options.workers:
            raise UsageError(
                f"--workers {options.workers}: expected a divisor of the {net.batch} pictures of {name}'s batch."
            )
        net = replace(net, batch=net.batch // options.workers)
        for file, text in files(net).items():
            write_if_changed(options.out / name / file, text)


if __name__ == "__main__":
    run(main)
