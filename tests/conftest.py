"""For all tests: fixtures, signals, threads, and the order in which files are run."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from kits import commands
from kits import second_user as users

# A shell that starts the tests in the background makes them ignore Ctrl-C, and every process that they start as well.
# Some of those are sent Ctrl-C by a test, so it must mean there what it means on a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Several workers (pytest -n) share the cores. These are read when PyTorch and OpenBLAS are loaded, also by child processes.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, str(max(1, (os.cpu_count() or 1) // WORKERS)))

# Some machines keep Python from writing bytecode. The processes that the tests start would each compile the rooms again,
# which takes a process that trains a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files that hold a slow test first, so that no worker is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder that is the current folder during the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_command(tmp_path: Path) -> Callable[..., commands.Done]:
    """Call a room's command inside this process: `run_command("ncs", "compile", "--net", name).code`.

    It works in the test's temporary folder, or in `folder=`.
    """
    return partial(commands.run_command, folder=tmp_path)


@pytest.fixture
def run_process(tmp_path: Path) -> Callable[..., CompletedProcess[str]]:
    """Run this Python with some arguments, as a process: `run_process("-m", "ncs", "compile", "--net", name).returncode`.

    It works in the test's temporary folder, or in `folder=`; more options in kits/commands.py.
    """
    return partial(commands.run_process, folder=tmp_path)


@pytest.fixture
def second_user() -> Iterator[users.SecondUser]:
    """A user without rights on this machine: `second_user.run("-m", "ncs", "compile")`."""
    with users.second_user() as user:
        yield user
