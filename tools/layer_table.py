"""Writes docs/layers.md from the results of the oracle tests.

    python -m tools.layer_table            (needs both tool chains; takes some minutes)

It runs the tests, then reads .oracle/layers.json. A test records a result with `saw(layer, what)` of tests/kits/oracle.py. A
layer that no test touched has no row.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from caffe_io.layer_types import LAYER_TYPES
from common.commands import Parser, run
from common.files import atomic_file
from common.places import ROOT

SEEN = ROOT / ".oracle" / "layers.json"
PAGE = ROOT / "docs" / "layers.md"
HEAD = """# Layers

Written by `python -m tools.layer_table` from a run of `tests/oracle`. Each cell says whether every case agreed with the
original, and how many cases there were: forward and backward pass with Caffe 1.0, the converted net with Caffe 1.0, the
Myriad X blob with the compiler of openvino 2021.4.2.

A dash means that there is nothing to compare. Losses do not run on a device, data layers have no gradient, and some types
cannot be converted: `./moka types` lists those with the reason. What Caffe 1.0 lacks is compared with the same operation
written with Caffe's layers, with numpy, or with the programs that [Nets of forks](forks.md) names; there a case is a net of
thirty or more random settings. A single setting may still be refused; the message then says why.
"""
COLUMNS = {
    "forward": "forward",
    "backward": "backward",
    "openvino": "converts to OpenVINO",
    "myriad": "compiles for Myriad X",
}
Seen = dict[str, dict[str, dict[str, bool]]]
"""Layer -> what -> test -> whether the result was right."""


def main(argv: Sequence[str]) -> None:
    """Run the tests, print what was wrong, and write docs/layers.md."""
    parser = Parser("python -m tools.layer_table", "python -m tools.layer_table", "write docs/layers.md")
    parser.add_argument("--seen", type=Path, metavar="FILE", help="use the results of an earlier run")
    options = parser.parse_args(argv)
    if not options.seen:
        SEEN.unlink(missing_ok=True)
        subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/oracle"], cwd=ROOT, check=False)
    seen: Seen = json.loads((options.seen or SEEN).read_text())
    for problem in problems(seen):
        print(problem, file=sys.stderr)
    with atomic_file(PAGE, force=True) as temporary:
        temporary.write_text(f"{HEAD}\n{as_table(seen)}\n")


def problems(seen: Seen) -> list[str]:
    """List wrong results, and types that caffe_io/layer_types.py calls converted without a result that shows it."""
    wrong: set[str] = set()
    for cases in seen.values():
        for tests in cases.values():
            wrong.update(test for test, right in tests.items() if not right)
    lines = [f"wrong: {test}" for test in sorted(wrong)]
    for name, row in LAYER_TYPES.items():
        for what in ("openvino", "myriad"):
            if row.converted and not seen.get(name, {}).get(what):
                lines.append(f"no test: {name} {COLUMNS[what]}")
    return lines


def as_table(seen: Seen) -> str:
    """Return a table with a row for each layer: how many results of each kind were right, or that some were not."""
    lines = [f"| layer | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for layer in sorted(seen, key=str.lower):
        cells = [_cell(seen[layer].get(what, {})) for what in COLUMNS]
        lines.append(f"| {layer} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(tests: dict[str, bool]) -> str:
    if not tests:
        return "–"
    right = sum(tests.values())
    return f"yes ({right})" if right == len(tests) else f"no ({right} of {len(tests)})"


if __name__ == "__main__":
    run(main)
