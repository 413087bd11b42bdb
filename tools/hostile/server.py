"""Runs commands in forks of a process that has loaded every room, so that a command takes milliseconds to start.

A fork behaves like a new process of `./moka` but for the loading of modules. Cases about starting run a real process.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.commands import inner_verbs
from common.places import ROOT

# Loaded before the first fork.
_LIBRARIES = ("numpy", "cv2", "h5py", "lmdb", "torch", "openvino", "matplotlib.pyplot", "google.protobuf.text_format")
_PAUSE = 0.005


@dataclass(frozen=True)
class Ended:
    """How a command ended. `code` is negative for a signal. `killed` says why we ended it, "" if we did not."""

    code: int
    out: str
    err: str
    seconds: float
    megabytes: int
    killed: str
    left_running: bool


class Server:
    """A process that forks for each command."""

    def __init__(self, folder: Path) -> None:
        self._output = folder
        folder.mkdir(parents=True, exist_ok=True)
        home = folder / "home"
        home.mkdir(exist_ok=True)
        environment = {**os.environ, "HOME": str(home), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.hostile.server"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(
        self,
        words: Sequence[str],
        folder: Path,
        environment: dict[str, str],
        seconds: float,
        megabytes: int,
        shell: bool = False,
    ) -> Ended:
        """Run `./moka WORDS`, or `sh -c WORDS`, in `folder`."""
        out, err = self._output / "stdout", self._output / "stderr"
        job = {
            "words": list(words),
            "folder": str(folder),
            "environment": environment,
            "seconds": seconds,
            "megabytes": megabytes,
            "shell": shell,
            "out": str(out),
            "err": str(err),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the server ended ({self._process.wait()}) in {words}")
        return Ended(out=_text(out), err=_text(err), **json.loads(answer))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(1 << 20).decode("utf-8", "replace")


def _load_everything() -> None:
    for name in _LIBRARIES:
        importlib.import_module(name)
    for room in ("lmdb_build", "training", "ncs", "inference", "evaluation"):
        for verb in importlib.import_module(f"{room}.__main__").ROOM.verbs.values():
            for each in (verb, *inner_verbs(verb).values()):
                importlib.import_module(each.module)
    for name in ("training.solvers.solver", "training.drawing.plot", "ncs.converter", "ncs.ir", "inference.runner",
                 "training.pycaffe"):  # fmt: skip
        importlib.import_module(name)


def serve() -> None:
    """Answer the jobs on stdin, one JSON text a line, until it is closed."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    jobs = os.fdopen(os.dup(0), encoding="utf-8")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    _load_everything()
    # Otherwise a fork that ends would first copy every page of the libraries' objects, which takes a second.
    gc.freeze()
    for line in jobs:
        job = json.loads(line)
        sys.stdout.flush()
        sys.stderr.flush()
        idle = _resident(os.getpid())
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            jobs.close()
            answers.close()
            _become(job)
        ended = _watch(child, idle, start, job)
        answers.write(json.dumps(ended) + "\n")
        answers.flush()


def _become(job: dict[str, Any]) -> None:
    """Turn this fork into the command, and end."""
    os.setsid()
    for number, key in ((1, "out"), (2, "err")):
        descriptor = os.open(job[key], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    tempfile.tempdir = None
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    moka = ROOT / "moka"
    if job["shell"]:
        os.environ["MOKA"] = f"{sys.executable} {moka}"
        os.environ["PYTHON"] = sys.executable
        os.environ["ROOT"] = str(ROOT)
        os.execv("/bin/sh", ["sh", "-c", *job["words"]])
    sys.argv = [str(moka), *job["words"]]
    code = 0
    try:
        runpy.run_path(str(moka), run_name="__main__")
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.exit(code)


def _watch(child: int, idle: int, start: float, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for the command, and end it if it takes too much time or memory."""
    # A shell's processes are new ones, of which no page is the server's.
    idle = 0 if job["shell"] else idle
    killed = ""
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            break
        if not killed:
            if time.monotonic() - start > job["seconds"]:
                killed = f"more than {job['seconds']} s"
            elif _resident(child) - idle > job["megabytes"] << 10:
                killed = f"more than {job['megabytes']} MB"
            if killed:
                os.killpg(child, signal.SIGKILL)
        time.sleep(_PAUSE)
    seconds = time.monotonic() - start
    left_running = _left_running(child)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": round(seconds, 3),
        "megabytes": max(0, usage.ru_maxrss - idle) >> 10,
        "killed": killed,
        "left_running": left_running,
    }


def _left_running(group: int) -> bool:
    """Whether processes of the group go on; they are ended."""
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(_PAUSE)
    os.killpg(group, signal.SIGKILL)
    return True


def _resident(process: int) -> int:
    """Return the resident kilobytes of a process, 0 if it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * (resource.getpagesize() >> 10)
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    serve()
