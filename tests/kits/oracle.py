"""Where the original tools are, and the results of comparing each layer with them.

A test that needs a missing tool is skipped and says how to get it.
"""

from __future__ import annotations

import fcntl
import json
import os

import pytest

from common.places import ROOT

TOOLCHAIN = ROOT / ".toolchain"
SEEN = ROOT / ".oracle" / "layers.json"


def caffe(program: str) -> str:
    """Return the path of one of Caffe's programs in the tool chain (caffe, python, convert_imageset, ...)."""
    return _launcher("caffe", program)


def movidius(program: str) -> str:
    """Return the path of one of the Movidius tools in the tool chain (python, mo)."""
    return _launcher("movidius", program)


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
    path = TOOLCHAIN / part / "bin" / program
    if not path.exists():
        pytest.skip(f"the {part} tool chain is missing. Run tools/toolchain.sh {part}.")
    return str(path)
