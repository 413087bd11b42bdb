"""Writes the tables of docs/networks.md: how large each net is, how fast, and what INT8 costs.

    python -m tools.net_table                              every net of prototxt/, some minutes
    python -m tools.net_table AgeNet BKNet                 prints their rows, and writes nothing
    python -m tools.net_table --trained utkface_out        also the accuracy of the nets that a recipe trained there

Sizes and times do not depend on what a net has learnt, so its weights are drawn. INT8 needs NNCF: pip install nncf. Blobs need
the tool chain. The text of the page around the tables is written by hand.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.commands import Parser, run
from common.errors import UsageError
from common.files import atomic_file
from common.messages import known_names
from common.places import ROOT

from .measure import Measured, measure, prepare
from .page import PAGE, accuracy_table, between, conditions, size_table


def names() -> list[str]:
    """Return the nets of prototxt/ that are trained here. The face detector's weights come from elsewhere."""
    return sorted(path.parent.name for path in (ROOT / "prototxt").glob("*/train_test.prototxt"))


def main(argv: Sequence[str]) -> None:
    """Measure the nets, print the rows, and write the page if all were measured."""
    parser = Parser("python -m tools.net_table", "python -m tools.net_table", "write the tables of docs/networks.md")
    parser.add_argument("names", nargs="*", metavar="NET", help="nets to measure (default: all, and write the page)")
    parser.add_argument(
        "--trained", type=Path, metavar="DIR", help="working folder of a recipe: measure the accuracy of its nets"
    )
    options = parser.parse_args(argv)
    for name in options.names:
        if name not in names():
            raise UsageError(f"{name}: no such net. {known_names(name, names())}")
    trained = list(_trained(options.trained.resolve())) if options.trained else []
    nets = []
    for name in options.names or names():
        with tempfile.TemporaryDirectory() as folder:
            nets.append(measure(name, Path(folder), prepare(name, Path(folder)), Path(folder) / "graph"))
        print(list(size_table(nets))[-1], flush=True)
    if not options.names:
        page = between(PAGE.read_text(), "sizes", f"{conditions()}\n\n" + "\n".join(size_table(nets)))
        if trained:
            page = between(page, "accuracy", f"{conditions()}\n\n" + "\n".join(accuracy_table(trained)))
        with atomic_file(PAGE, force=True) as temporary:
            temporary.write_text(page)


def _trained(folder: Path) -> Iterator[Measured]:
    """Measure the nets that were trained in a recipe's working folder, as its prototxt describes them."""
    for models in sorted(path for path in (folder / "models").glob("*") if any(path.glob("*_iter_*.caffemodel"))):
        # A recipe's training ends with settling, so its last weights have a low number.
        weights = max(models.glob("*_iter_*.caffemodel"), key=lambda path: path.stat().st_mtime_ns)
        with tempfile.TemporaryDirectory() as out:
            measured = measure(models.name, folder, weights, Path(out), trained=True)
        print("\n".join(accuracy_table([measured])), flush=True)
        yield measured


if __name__ == "__main__":
    run(main)
