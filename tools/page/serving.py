"""Starts the page as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import MokaError
from common.places import ROOT


@contextmanager
def serving(*words: object) -> Iterator[tuple[int, int]]:
    """Serve the page with the options `words` at a free port; yield the number of its process, and the port.

    Raises MokaError if it does not start, or ends before it is asked to.
    """
    command = [sys.executable, "-m", "inference", "serve", "--port", "0", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, encoding="utf-8") as process:
        try:
            assert process.stdout and process.stderr
            found = re.search(r":(\d+)/", process.stdout.readline())
            if not found:
                raise MokaError(f"the page does not start: {process.stderr.read().strip()}")
            yield process.pid, int(found[1])
            if process.poll() is not None:
                raise MokaError(f"the page has ended by itself, with exit code {process.returncode}.")
        finally:
            process.terminate()
            process.communicate(timeout=30)
