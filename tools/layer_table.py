"""Write the table of docs/layers.md from the results of the oracle tests: run them, then read .oracle/layers.json.

    python -m tools.layer_table            (needs both tool chains; takes some minutes)

A test records a result with `saw(layer, what)` of tests/kits/oracle.py. A layer that no test touched has no row.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from caffe_io.layer_types import LAYER_TYPES
from common.files import atomic_file
from common.places import ROOT

SEEN = ROOT / ".oracle" / "layers.json"
PAGE = ROOT / "docs" / "layers.md"
BEGIN, END = "<!-- layers: written by tools/layer_table.py -->", "<!-- end of layers -->"
COLUMNS = {
    "forward": "forward",
    "backward": "backward",
    "openvino": "converts to OpenVINO",
    "myriad": "compiles for Myriad X",
}
Seen = dict[str, dict[str, dict[str, bool]]]
"""Layer -> what -> test -> whether the result was right."""


def main() -> None:
    """Run the tests, print what was wrong, and replace the table in docs/layers.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seen", type=Path, metavar="FILE", help="use the results of an earlier run")
    options = parser.parse_args()
    if not options.seen:
        SEEN.unlink(missing_ok=True)
        subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/oracle"], cwd=ROOT, check=False)
    seen: Seen = json.loads((options.seen or SEEN).read_text())
    for problem in problems(seen):
        print(problem, file=sys.stderr)
    text = put_between_marks(PAGE.read_text(), as_table(seen))
    with atomic_file(PAGE, force=True) as temporary:
        temporary.write_text(text)


def problems(seen: Seen) -> list[str]:
    """List wrong results, and types that caffe_io/layer_types.py calls converted without a result that shows it."""
    wrong = {test for cases in seen.values() for tests in cases.values() for test, right in tests.items() if not right}
    lines = [f"wrong: {test}" for test in sorted(wrong)]
    for name, row in LAYER_TYPES.items():
        for what in ("openvino", "myriad"):
            if row.converted and not seen.get(name, {}).get(what):
                lines.append(f"no test: {name} {COLUMNS[what]}")
    return lines


def as_table(seen: Seen) -> str:
    """Make one row for each layer: how many results of each kind were right, or that some were not."""
    lines = [f"| layer | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for layer in sorted(seen, key=str.lower):
        cells = [_cell(seen[layer].get(what, {})) for what in COLUMNS]
        lines.append(f"| {layer} | {' | '.join(cells)} |")
    return "\n".join(lines)


def put_between_marks(text: str, table: str) -> str:
    """Put the table between its two marks in `text`; the mark `<!-- layers -->` stands for both."""
    new, count = re.subn(
        rf"<!-- layers -->|{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{table}\n{END}", text, flags=re.DOTALL
    )
    if count != 1:
        raise SystemExit(f"error: {PAGE.name} has {count} places for the table; expected one: {BEGIN} {END}")
    return new


def _cell(tests: dict[str, bool]) -> str:
    if not tests:
        return "–"
    right = sum(tests.values())
    return f"yes ({right})" if right == len(tests) else f"no ({right} of {len(tests)})"


if __name__ == "__main__":
    main()
