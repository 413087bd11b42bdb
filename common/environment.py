"""Lets a command run under any Python 3: if packages are missing, the command starts again with the checkout's .venv.

This module is loaded before the Python is known to be new enough, so it must parse and run in Python 3.6.
"""

# ruff: noqa: UP006, UP035 (Python 3.6 has no list[str])

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import List

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 10)
MODULES = {
    "runner": ("numpy", "pydantic", "cv2", "openvino"),
    "page": ("numpy", "pydantic", "cv2", "openvino", "fastapi", "uvicorn", "fsspec"),
    "train": ("numpy", "pydantic", "cv2", "openvino", "lmdb", "google.protobuf", "torch"),
}
"""Dependency group -> modules that stand for all its packages: if one is missing, the group is not installed."""


def ensure(group: str) -> None:
    """Return if the packages of `group` (runner, page or train) can be imported. Otherwise start this command again in .venv.

    tools/env.sh makes .venv first if it is not there.
    """
    if sys.version_info >= OLDEST_PYTHON and not missing_modules(group):
        return
    python = ROOT / ".venv" / "bin" / "python"
    if Path(sys.executable) == python:
        sys.exit(
            f"error: {python}: cannot import all of {', '.join(MODULES[group])}. "
            f"Install the packages: {python} -m pip install -r {ROOT}/locks/{group}.txt\n"
            f"  If that fails, delete {ROOT}/.venv, and ./moka makes it again."
        )
    # The folder's name is an argument, because the shell would run what it holds, such as $(...).
    made = subprocess.run(["bash", "-c", '. "$1/tools/env.sh" "$2"', "env.sh", str(ROOT), group], check=False)
    if made.returncode:
        sys.exit(made.returncode)
    os.execv(str(python), [str(python), *sys.argv])


def missing_modules(group: str) -> List[str]:
    """Return which modules of `group` cannot be imported."""
    return [module for module in MODULES[group] if not _can_import(module)]


def _can_import(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # A parent package is missing.
        return False
