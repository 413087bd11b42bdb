"""Fits the constants of myriad/cost/constants.py, and writes the tables of docs/blob_cost.md.

    python -m tools.blob_cost                     fit, print the constants, write the table of published nets
    python -m tools.blob_cost --zoo               also compile the nets of tools/zoo in the sizes of their papers, some minutes
    python -m tools.blob_cost --asks FILE.blob    print what a blob asks of the chip, for a new row of published.json

The text of the page around the tables is written by hand.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from common.commands import Parser, run
from common.files import atomic_file

from . import page, published
from .fit import Fitted, fit, spread


def main(argv: Sequence[str]) -> None:
    """Fit and write the tables."""
    parser = Parser("python -m tools.blob_cost", "python -m tools.blob_cost", "fit the constants of the cost model")
    parser.add_argument("--zoo", action="store_true", help="compile the nets of tools/zoo, and write their table too")
    parser.add_argument("--asks", type=Path, metavar="FILE.blob", help="print a row of published.json, and end")
    options = parser.parse_args(argv)
    if options.asks:
        from myriad.blob import read_blob

        print(json.dumps(published.asks(read_blob(options.asks))))
        return
    nets = published.read()
    found = fit([net for net in nets if not net.left_out])
    _print(found)
    tables = {"published": page.published_table(nets, found)}
    if options.zoo:
        from .zoo import costs

        tables["zoo"] = page.zoo_table(costs())
    text = page.PAGE.read_text()
    for mark, lines in tables.items():
        text = page.between(text, mark, "\n".join(lines))
    with atomic_file(page.PAGE, force=True) as temporary:
        temporary.write_text(text)


def _print(found: Fitted) -> None:
    """Print what constants.py should say."""
    values = (f"{field.name}={getattr(found.constants, field.name):.4g}" for field in fields(found.constants))
    print(f"FITTED = Constants({', '.join(values)})")
    for name, factors in (("RATES", found.rates), ("LATENCIES", found.latencies)):
        error = spread(list(factors.values()))
        print(
            f"{name} = Fit(nets={error.nets}, median={error.median:.2f}, most={error.most:.2f}, worst={error.worst:.2f})"
        )


if __name__ == "__main__":
    run(main)
