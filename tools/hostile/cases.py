"""What a case is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class Ends(Enum):
    """How a command must end."""

    REFUSED = "refused"  # exit code 1 or 2 and one message; no file is new or changed
    DONE = "done"  # exit code 0, and no message begins with "error:"; files may be new, none is changed
    EITHER = "either"  # one or the other


@dataclass(frozen=True)
class Case:
    """One command, which runs in a copy of the world (see world.py) that `prepare` has made hostile.

    `command` is the words after `./moka`, or after `sh -c` if `shell` is set; $MOKA then stands for `python .../moka`.
    `seconds` and `megabytes` bound what it takes beyond an idle process. `may_change` names the files that may be new or
    changed, however the command ends: fnmatch patterns of paths in the case's folder.
    """

    id: str
    command: tuple[str, ...]
    ends: Ends = Ends.REFUSED
    prepare: Callable[[Path], object] | None = None
    seconds: float = 20
    megabytes: int = 400
    shell: bool = False
    codes: tuple[int, ...] = ()  # exit codes that are right besides those of `ends`
    environment: Mapping[str, str] = field(default_factory=dict)
    may_change: tuple[str, ...] = ()
