"""Verb cross_validate: run the folds of a recipe, and give mean and standard deviation of their figures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from common.errors import UsageError
from common.files import atomic_file

EXAMPLE = "./moka cross_validate folds.json --out results/five_folds --jobs 2"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("plan", type=Path, metavar="PLAN", help="JSON file with folds, steps and reports")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", required=True, help="folder in which each fold gets a folder of its own"
    )
    parser.add_argument("--jobs", type=int, metavar="N", default=1, help="folds at a time (default: %(default)s)")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="spread the folds over the workers of this Dask scheduler; all of them must see DIR under the same name",
    )


def main(options: argparse.Namespace) -> None:
    """Run what is not done yet, print the figures, and write them to folds.json and folds.txt."""
    if options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: expected at least 1.")

    from .errors import EvaluationError
    from .folds.plan import read_plan
    from .folds.spread import run_folds
    from .folds.summary import as_text, figures_of_fold, summarise

    plan = read_plan(options.plan)
    out: Path = options.out
    problems = {}
    for ended in run_folds(plan, out, options.jobs, options.scheduler or ""):
        before = f" (done before: {', '.join(ended.skipped)})" if ended.skipped else ""
        print(f"fold {ended.fold}: {'failed' if ended.problem else 'done'}{before}", flush=True)
        if ended.problem:
            problems[ended.fold] = ended.problem
    if problems:
        raise EvaluationError(
            "\n".join(problems[name] for name in plan.names if name in problems)
            + f"\n{len(problems)} of {len(plan.names)} folds are not done. Give the same command again: "
            "steps that are done are not repeated."
        )
    tasks = summarise({name: figures_of_fold(out / f"fold_{name}", plan.reports) for name in plan.names})
    text = as_text(tasks)
    print(text)
    with atomic_file(out / "folds.json", force=True) as temporary:
        temporary.write_text(json.dumps({"folds": plan.names, "tasks": tasks}, indent=2) + "\n")
    with atomic_file(out / "folds.txt", force=True) as temporary:
        temporary.write_text(text + "\n")
    print(f"written: {out / 'folds.json'}, {out / 'folds.txt'}")
