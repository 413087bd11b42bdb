"""Writes README's table of what was checked against which original: runs the oracle tests and counts.

    python -m tools.checks_table            (needs the tool chain; takes some minutes)

A test tells the largest difference it saw by pytest's `record_property("seen", text)`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from pathlib import Path

from caffe_io.files import whole_file

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- checks: written by tools/checks_table.py -->", "<!-- end of checks -->"
ORIGINALS = {  # a word in the test's name -> the original it asks; the first that fits
    "model_optimizer": "Model Optimizer 2021.4.2",
    "depthai": "depthai",
    "compilers": "MYRIAD plugin of openvino 2021.4.2",
    "compiles": "MYRIAD plugin of openvino 2021.4.2, depthai",
    "blob": "MYRIAD plugin of openvino 2021.4.2",
    "openvino": "openvino 2021.4.2",
    "stick": "MYRIAD plugin of openvino 2021.4.2",
    "texts": "MYRIAD plugin of openvino 2021.4.2",
    "": "Caffe 1.0",
}


def main() -> None:
    """Run the tests and replace the table in README.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junit", metavar="FILE", help="take this report of an earlier run in place of a new run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(options.junit or f"{folder}/report.xml")
        if not options.junit:
            command = [sys.executable, "-m", "pytest", "-q", "tests/oracle", f"--junitxml={report}"]
            subprocess.run(command, cwd=ROOT, check=False)
        table = as_table(report)
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with whole_file(readme, force=True) as temporary:
        temporary.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def as_table(report: Path) -> str:
    """The rows of a JUnit report, one for each test function, its cases counted together."""
    outcomes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    seen: dict[tuple[str, str], str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        room = case.get("classname", "").rsplit(".", 1)[-1].removeprefix("test_")
        test = (room, case.get("name", "").split("[")[0].removeprefix("test_"))
        verdict = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
        outcomes[test][verdict] += 1
        for note in case.iter("property"):
            if note.get("name") == "seen":
                seen[test] = note.get("value", "")
    lines = ["| room | what | asked | cases | outcome |", "|---|---|---|---|---|"]
    for test, counts in outcomes.items():
        room, name = test
        original = next(original for word, original in ORIGINALS.items() if word in f"{room} {name}")
        outcome = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))
        remark = f"; {seen[test]}" if test in seen else ""
        lines.append(f"| {room} | {name.replace('_', ' ')} | {original} | {counts.total()} | {outcome}{remark} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
