"""Spreads folds over processes of this machine, or over the machines of a Dask scheduler.

Here joblib does it, over machines Dask: it needs nothing but Python packages on each, a worker that joins late gets folds as
well, and a fold whose worker dies goes to another.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from common.errors import MokaError
from common.messages import last_line
from common.process.cores import cores

from ..errors import EvaluationError
from .plan import Plan
from .run import RUNNING, Ended, Fold, run_fold, wait_until_ended

SECONDS_TO_CONNECT = 20
_EXPECTED_OF_WORKERS = (
    "Dask could not run it. Scheduler and workers need PYTHONPATH set to the checkout, and its packages"
)


def run_folds(plan: Plan, out: Path, jobs: int, scheduler: str = "") -> Iterator[Ended]:
    """Run all folds of a plan below `out`, `jobs` at a time, or as many as the scheduler's workers take.

    Yields how each has ended, in the order in which they end. If the caller goes away, the steps that run are ended.
    """
    out = out.resolve()
    marks = plan.marks()
    run = secrets.token_hex(8)
    # Steps that run at the same time share the cores. Of another machine's cores we know nothing.
    threads = 0 if scheduler else max(1, cores() // jobs)
    steps = {step: (words, marks[step]) for step, words in plan.steps.items()}
    folds = [Fold(name, out / f"fold_{name}", Path.cwd(), steps, run, threads) for name in plan.names]
    with _running(out, run):
        try:
            yield from _on_workers(folds, scheduler) if scheduler else _here(folds, jobs)
        except BaseException:
            # Whatever ends the waiting ends the steps too.
            (out / RUNNING).unlink(missing_ok=True)
            wait_until_ended()
            raise


def _here(folds: Sequence[Fold], jobs: int) -> Iterator[Ended]:
    """Run the folds in threads: each waits for the processes of its fold."""
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=jobs, backend="threading", batch_size=1, return_as="generator_unordered")
    yield from parallel(delayed(run_fold)(fold) for fold in folds)


def _on_workers(folds: Sequence[Fold], scheduler: str) -> Iterator[Ended]:
    """Hand the folds to the workers of a Dask scheduler. If one of them dies, another goes on with its fold."""
    with _client(scheduler) as client:
        from distributed import as_completed

        futures = {client.submit(run_fold, fold, pure=False): fold.name for fold in folds}
        completed: Any = as_completed
        for future in completed(futures):
            try:
                yield future.result()
            except Exception as error:
                name = futures[future]
                yield Ended(name, f"fold {name}: {_EXPECTED_OF_WORKERS} ({last_line(error)}).", [])


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


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise MokaError('--scheduler needs the package distributed: .venv/bin/pip install "distributed"') from error
    try:
        # Dask has no types.
        connect: Any = Client
        client = connect(scheduler, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"--scheduler {scheduler}: no Dask scheduler answers there ({error}). Start one: dask scheduler"
        ) from error
    try:
        yield client
    finally:
        client.close()
