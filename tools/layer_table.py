"""Writes README's table of layers, and training/drawing/conversions.json (for `python -m training draw`), from what the
oracle tests saw of each: runs them anew, then reads .oracle/layers.json.

    python -m tools.layer_table            (needs both tool chains; takes some minutes)

A test tells what it saw by `saw(layer, what)` of tests/kits/oracle.py; a layer that no test touched has no row.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from common.files import atomic_file
from common.places import ROOT

SEEN = ROOT / ".oracle" / "layers.json"
CONVERSIONS = ROOT / "training" / "drawing" / "conversions.json"
BEGIN, END = "<!-- layers: written by tools/layer_table.py -->", "<!-- end of layers -->"
COLUMNS = {
    "forward": "forward",
    "backward": "backward",
    "openvino": "converts to OpenVINO",
    "myriad": "compiles for Myriad X",
}
Seen = dict[str, dict[str, dict[str, bool]]]  # layer -> what -> test -> found right


def main() -> None:
    """Run the tests, replace the table in README.md, and write conversions.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seen", type=Path, metavar="FILE", help="take what an earlier run saw in place of a new run")
    options = parser.parse_args()
    if not options.seen:
        SEEN.unlink(missing_ok=True)
        subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/oracle"], cwd=ROOT, check=False)
    seen: Seen = json.loads((options.seen or SEEN).read_text())
    for test in sorted(
        {test for cases in seen.values() for tests in cases.values() for test in tests if not tests[test]}
    ):
        print(f"not right: {test}", file=sys.stderr)
    table = as_table(seen)
    readme = ROOT / "README.md"
    text = put_between_marks(readme.read_text(), table)
    with atomic_file(readme, force=True) as temporary:
        temporary.write_text(text)
    with atomic_file(CONVERSIONS, force=True) as temporary:
        temporary.write_text(as_json(seen))


def as_table(seen: Seen) -> str:
    """One row for each layer: with how many cases each thing was found right, or that it was not."""
    lines = [f"| layer | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for layer in sorted(seen, key=str.lower):
        cells = [_cell(seen[layer].get(what, {})) for what in COLUMNS]
        lines.append(f"| {layer} | {' | '.join(cells)} |")
    return "\n".join(lines)


def as_json(seen: Seen) -> str:
    """One line for each layer that the converter builds or leaves out: whether it converts, and compiles."""
    from ncs.layers import LEFT_OUT

    found = {layer: ["left out", "left out"] for layer in LEFT_OUT}
    for layer, cases in seen.items():
        if cases.get("openvino") and layer not in LEFT_OUT:
            found[layer] = [_yes(cases.get(what, {})) for what in ("openvino", "myriad")]
    lines = [f"  {json.dumps(layer)}: {json.dumps(found[layer])}" for layer in sorted(found, key=str.lower)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _yes(tests: dict[str, bool]) -> str:
    return "yes" if tests and all(tests.values()) else "no"


def put_between_marks(text: str, table: str) -> str:
    """`text` with the table between its two marks; the mark `<!-- layers -->` stands for both."""
    new, count = re.subn(
        rf"<!-- layers -->|{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{table}\n{END}", text, flags=re.DOTALL
    )
    if count != 1:
        raise SystemExit(f"error: README.md has {count} places for the table; wanted one: {BEGIN} {END}")
    return new


def _cell(tests: dict[str, bool]) -> str:
    if not tests:
        return "–"
    right = sum(tests.values())
    return f"yes ({right})" if right == len(tests) else f"no ({right} of {len(tests)})"


if __name__ == "__main__":
    main()
