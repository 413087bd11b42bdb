"""Compiles random nets and compares each blob with its IR.

    python -m tools.hunt [--count 2000] [--seed 0] [--failures hunt_failures]

A net is named by its seed, and has a line in the output. One that parts is written into the folder of failures, with its weights.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from common.commands import Parser, run


def main(argv: Sequence[str]) -> int:
    """Hunt. Returns 1 if a blob computes something else than its IR."""
    parser = Parser(
        "python -m tools.hunt", "python -m tools.hunt --count 100 --seed 5000", "compile random nets and compare"
    )
    parser.add_argument("--count", type=int, default=2000, help="number of nets (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first net (default: %(default)s)")
    parser.add_argument("--failures", type=Path, default=Path("hunt_failures"), help="folder for nets that part")
    options = parser.parse_args(argv)
    from .hunter import Hunter, hunt

    with tempfile.TemporaryDirectory(prefix="moka-hunt-") as folder:
        hunter = Hunter(Path(folder))
        try:
            found = hunt(hunter, range(options.seed, options.seed + options.count), options.failures)
        finally:
            hunter.close()
    return 1 if found else 0


if __name__ == "__main__":
    run(main)
