"""Runs the oracle tests and writes docs/checks.md: what was checked against which original, and how it ended.

    python -m tools.checks_table            (needs both tool chains; takes some minutes)

A test notes the largest difference that it saw with pytest's `record_property("seen", text)`.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import ast
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.commands import Parser, run
from common.files import atomic_file
from common.places import ROOT

TESTS = ROOT / "tests/oracle"
PAGE = ROOT / "docs" / "checks.md"
# Files whose tests ask other originals than Caffe as well -> what a test asks whose name has no word of ORIGINALS.
ASKED = {
    "blob_cost": "MYRIAD plugin of openvino 2021.4.2",
    "blob_dump": "the compiler's dump, openvino 2021.4.2",
    "blob_run": "today's OpenVINO",
    "blobconverter": "blobconverter",
    "checked_blobs": "today's OpenVINO",
    "checked_nets": "today's OpenVINO",
    "cut": "the whole net in openvino 2021.4.2",
    "device_blob": "today's OpenVINO",
    "hunt": "today's OpenVINO",
    "inference_stick": "MYRIAD plugin of openvino 2021.4.2",
    "layers_forks": "OpenCV 4, Model Optimizer 2021.4.2, Caffe 1.0 or a formula",
    "layers_ncs": "Caffe 1.0",
    "layers_regions": "PyTorch, or a loop by hand",
    "lowering": "CPU plugin of openvino 2021.4.2",
    "model_files": "today's OpenVINO, openvino 2021.4.2, depthai",
    "ncs": "Caffe 1.0",
    "ncs_inputs": "Caffe 1.0",
    "pooling_blobs": "MYRIAD plugin of openvino 2021.4.2",
    "rewritten_layers": "today's OpenVINO",
    "ssd_layers": "today's OpenVINO, openvino 2021.4.2",
    "superblob": "depthai",
    "yolo": "OpenCV 4",
    "zoo": "Caffe 1.0",
    "zoo_forks": "Caffe 1.0 and formulas",
    "zoo_regions": "Caffe 1.0",
    "zoo_ssd": "today's OpenVINO, openvino 2021.4.2",
}
# A word in the name of such a test -> the original that it asks. The first word that is in the name counts.
ORIGINALS = {
    "model_optimizer": "Model Optimizer 2021.4.2",
    "depthai": "depthai",
    "compilers": "MYRIAD plugin of openvino 2021.4.2",
    "compiles": "MYRIAD plugin of openvino 2021.4.2, depthai",
    "blob": "MYRIAD plugin of openvino 2021.4.2",
    "openvino": "openvino 2021.4.2",
    "stick": "MYRIAD plugin of openvino 2021.4.2",
    "texts": "MYRIAD plugin of openvino 2021.4.2",
    "myriad": "MYRIAD plugin of openvino 2021.4.2",
    "opencv": "OpenCV 4",
    "eta": "hand-made cases; no original has it",
    "kron": "numpy",
}
HEAD = """# Checks against the originals

Written by `python -m tools.checks_table` from a run of `tests/oracle`: first the files of tests, then every test.
"""
_BAD = ("failure", "error", "skipped")


@dataclass
class Check:
    """A test: how its cases ended, and what it saw. `file` and `name` come without test_ and .py."""

    file: str
    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    seen: str = ""

    @property
    def original(self) -> str:
        """The original that the test asks."""
        if self.file not in ASKED:
            return "Caffe 1.0"
        return next((original for word, original in ORIGINALS.items() if word in self.name), ASKED[self.file])


def main(argv: Sequence[str]) -> None:
    """Run the tests and write docs/checks.md."""
    parser = Parser("python -m tools.checks_table", "python -m tools.checks_table", "write docs/checks.md")
    parser.add_argument("--junit", metavar="FILE", help="use this report of an earlier run instead of a new run")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(options.junit or f"{folder}/report.xml")
        if not options.junit:
            command = [sys.executable, "-m", "pytest", "-q", "tests/oracle", f"--junitxml={report}"]
            subprocess.run(command, cwd=ROOT, check=False)
        checks = read_report(report)
    with atomic_file(PAGE, force=True) as temporary:
        temporary.write_text(page(checks))


def page(checks: list[Check]) -> str:
    """Return docs/checks.md."""
    return f"{HEAD}\n{summary(checks)}\n\n## Test by test\n\n{every_test(checks)}\n"


def read_report(report: Path) -> list[Check]:
    """Return the tests of tests/oracle in a JUnit report, with the cases of each counted together."""
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


def summary(checks: list[Check]) -> str:
    """Return a table with a row for each file of tests, which begins with the first paragraph of its docstring."""
    files: dict[str, list[Check]] = defaultdict(list)
    for check in checks:
        files[check.file].append(check)
    lines = ["| tests/oracle/ | what | tests | cases | outcome |", "|---|---|---|---|---|"]
    for file, own in sorted(files.items()):
        docstring = ast.get_docstring(ast.parse((TESTS / f"test_{file}.py").read_text())) or ""
        outcomes: Counter[str] = sum((check.outcomes for check in own), Counter())
        what = " ".join(docstring.split("\n\n")[0].split())
        lines.append(f"| test_{file}.py | {what} | {len(own)} | {outcomes.total()} | {_text(outcomes)} |")
    return "\n".join(lines)


def every_test(checks: list[Check]) -> str:
    """Return a table with a row for each test."""
    lines = ["| file | test | asked | cases | outcome |", "|---|---|---|---|---|"]
    for check in sorted(checks, key=lambda each: each.file):
        outcome = _text(check.outcomes) + (f"; {check.seen}" if check.seen else "")
        name = check.name.replace("_", " ")
        lines.append(f"| {check.file} | {name} | {check.original} | {check.outcomes.total()} | {outcome} |")
    return "\n".join(lines)


def _text(outcomes: Counter[str]) -> str:
    return ", ".join(f"{number} {verdict}" for verdict, number in sorted(outcomes.items()))


if __name__ == "__main__":
    run(main)
