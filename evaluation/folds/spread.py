"""Spreads folds over processes of this machine, or over the machines of a Dask scheduler.

joblib gives both one form: the same call runs in threads here, each of which waits for the processes of its fold, or on the
workers of a scheduler. Dask needs nothing but Python on each machine, and a worker that joins late gets folds as well.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from common.errors import MokaError

from ..errors import EvaluationError
from .plan import Plan
from .run import RUNNING, Ended, Fold, run_fold, wait_until_ended

SECONDS_TO_CONNECT = 20


def run_folds(plan: Plan, out: Path, jobs: int, scheduler: str = "") -> Iterator[Ended]:
    """Run all folds of a plan below `out`, `jobs` at a time, or as many as the scheduler's workers take.

    Yields how each has ended, in the order in which they end. If the caller goes away, the steps that run are ended.
    """
    out = out.resolve()
    marks = plan.marks()
    run = secrets.token_hex(8)
    # Steps that run at the same time share the cores. Of another machine's cores we know nothing.
    threads = 0 if scheduler else max(1, (os.cpu_count() or 1) // jobs)
    steps = {step: (words, marks[step]) for step, words in plan.steps.items()}
    folds = [Fold(name, out / f"fold_{name}", Path.cwd(), steps, run, threads) for name in plan.names]
    with _running(out, run), _on(scheduler):
        from joblib import Parallel, delayed

        # Under a scheduler, jobs is the number of folds that are handed out, and its workers take as many as they can.
        options: dict[str, Any] = {"n_jobs": -1} if scheduler else {"n_jobs": jobs, "backend": "threading"}
        parallel = Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="all", **options)
        yield from _ended(parallel(delayed(run_fold)(fold) for fold in folds), out)


def _ended(found: Iterator[Ended], out: Path) -> Iterator[Ended]:
    """Yield what joblib yields. Whatever ends the waiting ends the steps too, before joblib cleans up after itself."""
    try:
        yield from found
    except BaseException:
        (out / RUNNING).unlink(missing_ok=True)
        wait_until_ended()
        raise


@contextmanager
def _running(out: Path, run: str) -> Iterator[None]:
    """Let the folder belong to `run` in the block. Steps of another run end, and ours do after the block."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / RUNNING
    temporary = out / f"{RUNNING}.{run}"
    temporary.write_text(run)
    temporary.replace(file)
    try:
        yield
    finally:
        with suppress(OSError):
            if file.read_text() == run:
                file.unlink()


def _on(scheduler: str) -> AbstractContextManager[Any]:
    return _dask(scheduler) if scheduler else nullcontext()


@contextmanager
def _dask(scheduler: str) -> Iterator[None]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise MokaError('--scheduler needs the package distributed: .venv/bin/pip install "distributed"') from error
    from joblib import parallel_config

    try:
        # Dask has no types.
        connect: Any = Client
        client = connect(scheduler, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"--scheduler {scheduler}: no Dask scheduler answers there ({error}). Start one: dask scheduler"
        ) from error
    try:
        with parallel_config("dask"):
            yield
    finally:
        client.close()
