"""What a case of tools.kill is, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.errors import MokaError


class Broken(MokaError):
    """What a killed command left is not complete, or the next command cannot go on from it."""


@dataclass(frozen=True)
class Case:
    """One command.

    `begin` and `end` are patterns of file names: the command is killed between the moments when such files are new in
    `out`, or in `data` beside it, or have another inode than before. `prepare` fills `inputs` and `before`. `check` gets the
    `out` of a killed and of an undisturbed run and `before`; it returns what is there in a few words, or raises Broken.
    `go_on` returns the command after a kill. The `final` files must then be those of the undisturbed run: `read` must give
    the same of both.
    """

    prepare: Callable[[Path, Path], None]
    command: tuple[str, ...]
    begin: str
    end: str
    check: Callable[[Path, Path, Path], str]
    go_on: Callable[[Path, tuple[str, ...]], tuple[str, ...]]
    final: tuple[str, ...]
    read: Callable[[Path], object] = Path.read_bytes


def with_force_if_needed(folder: Path, command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the same command, with --force if an output is there already."""
    there = [name for name in command if name.startswith("out/") and (folder / name).exists()]
    return (*command, "--force") if there and "--force" not in command else command


def same_command(folder: Path, command: tuple[str, ...]) -> tuple[str, ...]:
    return command


def contents(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def check_same(path: Path, expected: Path) -> None:
    if path.read_bytes() != expected.read_bytes():
        raise Broken(f"{path.name}: is not the file that an undisturbed run writes")
