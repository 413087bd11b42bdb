"""Where the originals are, and what the tests saw of each layer. A test that asks for an original that is missing is skipped,
and says how to get it."""

from __future__ import annotations

import fcntl
import json
import os

import pytest

from common.places import ROOT

TOOLCHAIN = ROOT / ".toolchain"
SEEN = ROOT / ".oracle" / "layers.json"


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
