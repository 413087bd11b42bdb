"""Where the original tools are, and the results of comparing each layer with them.

A test that needs a missing tool is skipped and says how to get it.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from common.places import ROOT, toolchain_program

SEEN = ROOT / ".oracle" / "layers.json"


ONE_THREAD = {"GLOG_logtostderr": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""The environment of a Caffe that logs to stderr and computes in one thread."""


def run_caffe(program: str, *words: str, folder: Path, **environment: str) -> str:
    """Run one of Caffe's programs in `folder`, which must end well, and return its log."""
    done = subprocess.run(
        [caffe(program), *words],
        cwd=folder, capture_output=True, text=True, timeout=280, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def caffe(program: str) -> str:
    """Return the path of one of Caffe's programs in the tool chain (caffe, python, convert_imageset, ...)."""
    return _launcher("caffe", program)


def movidius(program: str) -> str:
    """Return the path of one of the Movidius tools in the tool chain (python, mo)."""
    return _launcher("movidius", program)


class Worker:
    """A script that runs in a tool chain's Python and answers each line of JSON with another."""

    def __init__(self, python: str, script: Path, **environment: str) -> None:
        """Start `script`. What it prints on stderr appears with the test that is running."""
        self._process = subprocess.Popen(
            [python, str(script)],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the answer to `request`, in which paths become texts. Fails if the script has ended or reports an error."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request, default=str) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{self._process.args} has ended with {self._process.wait(30)}"
        answer: dict[str, Any] = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer

    def close(self) -> None:
        """Let the script end, and wait for it."""
        self._process.communicate(timeout=30)


def saw(layer: str, what: str, ok: bool = True) -> None:
    """Record for docs/layers.md that the running test found a layer type right, or wrong with ok=False.

    `what` is "forward", "backward", "openvino" or "myriad". tools/layer_table.py reads the file:
    {layer: {what: {test: ok}}}.
    """
    test = os.environ.get("PYTEST_CURRENT_TEST", "?").split(" (")[0]
    SEEN.parent.mkdir(exist_ok=True)
    with (SEEN.parent / "lock").open("w") as lock:
        # Tests may run in several processes.
        fcntl.flock(lock, fcntl.LOCK_EX)
        seen = json.loads(SEEN.read_text()) if SEEN.exists() else {}
        tests = seen.setdefault(layer, {}).setdefault(what, {})
        if tests.get(test) is ok:
            return
        tests[test] = ok
        new = SEEN.with_suffix(".new")
        new.write_text(json.dumps(seen, indent=1, sort_keys=True))
        new.rename(SEEN)


def _launcher(part: str, program: str) -> str:
    path = toolchain_program(part, program)
    if not path.exists():
        pytest.skip(f"the {part} tool chain is missing. Run tools/toolchain.sh {part}.")
    return str(path)
