"""Log lines of scripts. Google's log library, which Caffe uses, reads GLOG_minloglevel: 1 hides the lines of level INFO."""

from __future__ import annotations

import os

from ..solvers.caffe_log import log_line

_levels: list[int] = []


def init_log(level: int = 0, stderr: bool = True) -> None:
    """Hide lines below `level`: 0 is INFO, 1 WARNING. All lines go to stderr."""
    _levels.append(level)


def log_info(line: str) -> None:
    """Write a line of level INFO, unless such lines are hidden."""
    given = os.environ.get("GLOG_minloglevel", "")  # noqa: SIM112
    level = _levels[-1] if _levels else int(given) if given.isdecimal() else 0
    if level < 1:
        log_line(line)
