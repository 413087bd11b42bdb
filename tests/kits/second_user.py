"""A second user of this machine: one without rights, whom root can be for a while."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.places import ROOT

NOBODY = 65534


class SecondUser:
    """A user without rights, with `folder` as current folder and home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def owns(self, *paths: Path) -> None:
        """Give files to this user."""
        for path in paths:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run `python WORDS` as this user."""
        become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        return subprocess.run(
            [*become, sys.executable, *map(str, words)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(self.folder), "TMPDIR": str(self.folder)},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )


@contextlib.contextmanager
def second_user() -> Iterator[SecondUser]:
    """Yield a second user with a folder of its own; skip the test where there cannot be one."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("only root with setpriv can be a second user")
    # pytest's own folders can be entered by their user only.
    with tempfile.TemporaryDirectory() as name:
        user = SecondUser(Path(name))
        user.owns(user.folder)
        user.folder.chmod(0o755)
        tried = user.run("-c", "import common, numpy, cv2")
        if tried.returncode:
            pytest.skip(f"a second user cannot use this Python or checkout: {tried.stderr[-200:]}")
        yield user
