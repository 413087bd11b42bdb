"""Writes what was checked against which original: runs the oracle tests and counts. README gets a line for each file of
tests, docs/checks.md one for each test.

    python -m tools.checks_table            (needs the tool chain; takes some minutes)

A test tells the largest difference it saw by pytest's `record_property("seen", text)`.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from common.files import atomic_file
from common.places import ROOT

TESTS = ROOT / "tests/oracle"
BEGIN, END = "<!-- checks: written by tools/checks_table.py -->", "<!-- end of checks -->"
OF_NCS = {"ncs", "layers_ncs", "zoo", "inference_stick"}  # files whose tests ask others than Caffe as well
ORIGINALS = {  # a word in the name of such a test -> the original it asks; the first that fits
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
HEAD = """# Checked against the originals, test by test

Written by `python -m tools.checks_table` from a run of `tests/oracle`; the summary is in the README.
"""


@dataclass
class Check:
    """A test function of a file (without test_ and .py): how its cases ended, and what it saw."""

    file: str
    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    seen: str = ""

    @property
    def original(self) -> str:
        words = f"{self.file} {self.name}" if self.file in OF_NCS else ""
        return next(original for word, original in ORIGINALS.items() if word in words)


def main() -> None:
    """Run the tests and replace the tables in README.md and docs/checks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junit", metavar="FILE", help="take this report of an earlier run in place of a new run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(options.junit or f"{folder}/report.xml")
        if not options.junit:
            command = [sys.executable, "-m", "pytest", "-q", "tests/oracle", f"--junitxml={report}"]
            subprocess.run(command, cwd=ROOT, check=False)
        checks = read_report(report)
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    after = rest.split(END)[1]
    with atomic_file(readme, force=True) as temporary:
        temporary.write_text(f"{before}{BEGIN}\n{summary(checks)}\n{END}{after}")
    with atomic_file(ROOT / "docs/checks.md", force=True) as temporary:
        temporary.write_text(f"{HEAD}\n{every_test(checks)}\n")


def read_report(report: Path) -> list[Check]:
    """The tests of tests/oracle in a JUnit report, the cases of each counted together."""
    checks: dict[tuple[str, str], Check] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        *place, file = case.get("classname", "").split(".")
        if place[-1:] != ["oracle"]:
            continue
        file, name = file.removeprefix("test_"), case.get("name", "").split("[")[0].removeprefix("test_")
        check = checks.setdefault((file, name), Check(file, name))
        check.outcomes[next((child.tag for child in case if child.tag in _BAD), "passed")] += 1
        for note in case.iter("property"):
            if note.get("name") == "seen":
                check.seen = note.get("value", "")
    return list(checks.values())


_BAD = ("failure", "error", "skipped")


def summary(checks: list[Check]) -> str:
    """A line for each file of tests, with the first sentence that it says of itself."""
    files: dict[str, list[Check]] = defaultdict(list)
    for check in checks:
        files[check.file].append(check)
    lines = ["| tests/oracle/ | what | tests | cases | outcome |", "|---|---|---|---|---|"]
    for file, own in sorted(files.items()):
        said = ast.get_docstring(ast.parse((TESTS / f"test_{file}.py").read_text())) or ""
        outcomes: Counter[str] = sum((check.outcomes for check in own), Counter())
        what = " ".join(said.split("\n\n")[0].split())
        lines.append(f"| test_{file}.py | {what} | {len(own)} | {outcomes.total()} | {_text(outcomes)} |")
    return "\n".join(lines)


def every_test(checks: list[Check]) -> str:
    """A line for each test."""
    lines = ["| file | test | asked | cases | outcome |", "|---|---|---|---|---|"]
    for check in checks:
        outcome = _text(check.outcomes) + (f"; {check.seen}" if check.seen else "")
        name = check.name.replace("_", " ")
        lines.append(f"| {check.file} | {name} | {check.original} | {check.outcomes.total()} | {outcome} |")
    return "\n".join(lines)


def _text(outcomes: Counter[str]) -> str:
    return ", ".join(f"{number} {verdict}" for verdict, number in sorted(outcomes.items()))


if __name__ == "__main__":
    main()
