"""The table of benchmarks, from made-up runs: nothing is timed here."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import MokaError, UsageError
from tools.bench import __main__ as bench
from tools.bench.__main__ import as_line
from tools.bench.works import Run, Work, images_per_second, number, run_process, works

WORK = Work("a work", "s", 2, ["ours"], ["theirs"], reason="It is hard.")


def runs(ours: list[float], theirs: list[float], memory: tuple[float, float] = (100, 200)) -> bench.Runs:
    return {
        "ours": [Run(seconds, memory[0], "") for seconds in ours],
        "theirs": [Run(seconds, memory[1], "") for seconds in theirs],
    }


def test_a_goal_that_is_reached() -> None:
    assert as_line(WORK, runs([1, 3, 2], [6, 5, 7])) == (
        "| a work | 2 s (1 to 3) | 6 s (5 to 7) | 3.00 | 2 | 100 / 200 |  | yes |"
    )


def test_a_goal_that_is_missed_and_why() -> None:
    assert as_line(WORK, runs([4], [6])).endswith("| 1.50 | 2 | 100 / 200 |  | no: speed. It is hard. |")
    memory = Work("a work", "s", 2, ["ours"], ["theirs"], memory_counts=True)
    assert as_line(memory, runs([4], [6], (300, 200))).endswith("| 1.50 | 2 | 300 / 200 |  | no: speed and memory. |")


def test_larger_figures_can_be_better_and_waiting_is_read_from_the_log() -> None:
    work = Work("training", "images/s", 1.5, ["ours"], ["theirs"], images_per_second(50), larger_is_better=True)
    log = "Iteration 5 (0.5 iter/s, 2 s/5 iters)\nIteration 10 (1 iter/s)\n1.5% of the time waiting for data\n"
    found = {"ours": [Run(9, 10, log)], "theirs": [Run(9, 20, "Iteration 10 (0.5 iter/s)")]}
    assert as_line(work, found) == (
        "| training | 50 images/s (50 to 50) | 25 images/s (25 to 25) | 2.00 | 1.5 | 10 / 20 | 1.5% | yes |"
    )


def test_a_work_without_theirs_has_a_limit() -> None:
    work = Work("help", "s", 0.4, ["ours"], None)
    assert as_line(work, {"ours": [Run(0.5, 10, "")]}) == (
        "| help | 0.5 s (0.5 to 0.5) |  |  | under 0.4 s | 10 |  | no: speed. |"
    )


def test_number() -> None:
    assert number(r"([\d.]+) ms")(Run(0, 0, "3.5 ms, then 4.25 ms")) == 4.25


def test_a_process_is_measured_and_its_failure_is_an_error(tmp_path: Path) -> None:
    run = run_process(["sh", "-c", "pwd; echo $WORD"], tmp_path, {"WORD": "extra"})
    assert run.text == f"{tmp_path}\nextra\n"
    assert run.seconds > 0 and run.memory > 0
    with pytest.raises(MokaError, match=r"ended with exit code 3:\nwhy\n"):
        run_process(["sh", "-c", "echo why; exit 3"], tmp_path)


def test_an_unknown_work() -> None:
    with pytest.raises(UsageError, match=r'^lmbd: no such work\. Known: .*Did you mean "lmdb"\?$'):
        bench.main(["lmbd"])
    assert {"train", "lmdb", "mean", "ir", "help"} <= set(works())


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = bench.PAGE.read_text()
    own = tmp_path / "benchmarks.md"
    own.write_text(page)
    monkeypatch.setattr(bench, "PAGE", own)
    monkeypatch.setattr(bench, "machine", lambda: "A new processor")
    bench.write(["| a | b |"], 3, bench.NO_BF16)
    text = own.read_text()
    assert text.startswith(page), "the sections of other processors stay"
    head = "\nbf16 is not" + text.split("\nbf16 is not")[-1].split("| a | b |")[0]
    assert head in page, "the sections in docs are of this form"


def test_a_section_replaces_that_of_its_processor_alone() -> None:
    page = "# Benchmarks\n\nIntro.\n\n## One\n\n| a |\n\n## Two\n\n| b |\n"
    assert bench.with_section(page, "## One", "## One\n\n| c |\n") == page.replace("| a |", "| c |")
    assert bench.with_section(page, "## Three", "## Three\n\n| d |\n") == page + "\n## Three\n\n| d |\n"
