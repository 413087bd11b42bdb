"""docs/checks.md: what was checked against which original."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tools import checks_table
from tools.checks_table import Check, every_test, read_report, summary

REPORT = """<?xml version="1.0"?>
<testsuites><testsuite>
<testcase classname="tests.oracle.test_solvers" name="test_adam_steps[0.1]"><properties>
  <property name="seen" value="largest difference 1e-7"/></properties></testcase>
<testcase classname="tests.oracle.test_solvers" name="test_adam_steps[0.2]"><failure message="x"/></testcase>
<testcase classname="tests.oracle.test_zoo" name="test_a_blob_is_read_by_depthai"><skipped message="y"/></testcase>
<testcase classname="tests.oracle.test_zoo" name="test_trains_as_caffe_does"/>
<testcase classname="tests.training.test_net" name="test_not_of_the_oracle"/>
</testsuite></testsuites>
"""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    return path


def test_cases_of_a_test_are_counted_together(report: Path) -> None:
    assert read_report(report) == [
        Check("solvers", "adam_steps", Counter(passed=1, failure=1), "largest difference 1e-7"),
        Check("zoo", "a_blob_is_read_by_depthai", Counter(skipped=1)),
        Check("zoo", "trains_as_caffe_does", Counter(passed=1)),
    ]


def test_every_test_names_its_original(report: Path) -> None:
    assert every_test(read_report(report)).splitlines()[2:] == [
        "| solvers | adam steps | Caffe 1.0 | 2 | 1 failure, 1 passed; largest difference 1e-7 |",
        "| zoo | a blob is read by depthai | depthai | 1 | 1 skipped |",
        "| zoo | trains as caffe does | Caffe 1.0 | 1 | 1 passed |",
    ]


def test_the_summary_begins_with_the_docstring_of_the_file(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_table, "TESTS", tmp_path)
    (tmp_path / "test_solvers.py").write_text('"""Compares our solvers\\nwith Caffe.\\n\\nMore."""\n')
    (tmp_path / "test_zoo.py").write_text("")
    assert summary(read_report(report)).splitlines()[2:] == [
        "| test_solvers.py | Compares our solvers with Caffe. | 1 | 2 | 1 failure, 1 passed |",
        "| test_zoo.py |  | 2 | 2 | 1 passed, 1 skipped |",
    ]


def test_the_page_is_written_from_an_earlier_run(report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_table, "PAGE", tmp_path / "checks.md")
    checks_table.main(["--junit", str(report)])
    text = (tmp_path / "checks.md").read_text()
    assert text.startswith(f"{checks_table.HEAD}\n| tests/oracle/ |")
    assert "\n\n## Test by test\n\n| file | test |" in text


def test_the_page_in_docs_is_of_this_form() -> None:
    assert checks_table.PAGE.read_text().startswith(f"{checks_table.HEAD}\n| tests/oracle/ |")
