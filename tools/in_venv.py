"""Lets `python COMMAND.py` work with any Python 3: where modules are missing, the checkout's .venv takes over."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def ensure(group: str, *modules: str) -> None:
    """Return if all `modules` can be imported; else run this command again with .venv's Python, made first if need be.

    `group` is the dependency group (runner, train, dev) that holds them.
    """
    if sys.version_info >= (3, 10) and all(find_spec(module) for module in modules):
        return
    python = _ROOT / ".venv" / "bin" / "python"
    if Path(sys.executable) == python:
        sys.exit(f"error: {python} lacks one of {', '.join(modules)}. Install locks/{group}.txt into it.")
    made = subprocess.run(["bash", "-c", f'. "{_ROOT}/tools/env.sh" {group}'], check=False)
    if made.returncode:
        sys.exit(made.returncode)
    os.execv(python, [str(python), *sys.argv])
