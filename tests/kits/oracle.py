"""Where the originals are, how to run them, and what the tests saw of each layer.

A test that asks for a missing original is skipped, and says how to get it.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path

import pytest

from common.places import ROOT

TOOLCHAIN = ROOT / ".toolchain"
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
    """The path of one of Caffe's programs in the tool chain (caffe, python, convert_imageset, ...)."""
    return _launcher("caffe", program)


def movidius(program: str) -> str:
    """The path of one of the Movidius tools in the tool chain (python, mo)."""
    return _launcher("movidius", program)


def saw(layer: str, what: str, ok: bool = True) -> None:
    """Note for README's table of layers that the running test found `layer` (its type) right in `what`: "forward",
    "backward", "openvino" or "myriad"; or, with ok=False, wrong. tools/layer_table.py reads the file:
    {layer: {what: {test: ok}}}."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "?").split(" (")[0]
    SEEN.parent.mkdir(exist_ok=True)
    with (SEEN.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run in several processes
        seen = json.loads(SEEN.read_text()) if SEEN.exists() else {}
        tests = seen.setdefault(layer, {}).setdefault(what, {})
        if tests.get(test) is ok:
            return
        tests[test] = ok
        new = SEEN.with_suffix(".new")
        new.write_text(json.dumps(seen, indent=1, sort_keys=True))
        new.rename(SEEN)


def _launcher(part: str, program: str) -> str:
    path = TOOLCHAIN / part / "bin" / program
    if not path.exists():
        pytest.skip(f"{part} tool chain is not there: tools/toolchain.sh {part}")
    return str(path)
