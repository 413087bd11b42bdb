"""Lets a command run under any Python 3: if packages are missing, it runs again with the checkout's .venv.

It is loaded before that Python is known to be new enough, so it must parse and run in Python 3.6.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    "runner": ("numpy", "cv2", "openvino"),
    "train": ("numpy", "cv2", "openvino", "lmdb", "google.protobuf", "torch"),
}
"""Dependency group -> modules whose absence shows that its packages are not installed."""


def ensure(group: str) -> None:
    """Return if the packages of `group` (runner or train) can be imported; otherwise run this command again in .venv.

    .venv is made first if need be, by tools/env.sh.
    """
    if sys.version_info >= (3, 10) and all(_is_there(module) for module in MODULES[group]):
        return
    python = ROOT / ".venv" / "bin" / "python"
    if Path(sys.executable) == python:
        sys.exit(f"error: {python} lacks one of {', '.join(MODULES[group])}. Install locks/{group}.txt into it.")
    made = subprocess.run(["bash", "-c", f'. "{ROOT}/tools/env.sh" {group}'], check=False)
    if made.returncode:
        sys.exit(made.returncode)
    os.execv(str(python), [str(python), *sys.argv])


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # A parent package is missing.
        return False
