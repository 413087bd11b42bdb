"""Keeps the numbers of a training run in a CSV file and in TensorBoard."""

from __future__ import annotations

import contextlib
import csv
import math
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from common.files import atomic_file

from ..errors import TrainingError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_COLUMNS = ("iteration", "seconds", "learning_rate", "phase", "name", "value")
# The lines with numbers in a log of Caffe. Ours and a real Caffe's look the same.
_ITERATION = re.compile(r"Iteration (\d+)")
_RATE = re.compile(r"lr = ([\d.eE+-]+)")
_OUTPUT = re.compile(r"(Train|Test) net output #\d+: (\S+) = (-?nan|-?inf|[\d.eE+-]+)")


_FLAT = 3
"""A first test so many times as high as all others leaves them a third of the picture."""
_CLOUD = ("boto3", "botocore")
"""TensorBoard imports them where they are installed, to write to S3. They open a socket on import."""


@contextlib.contextmanager
def _without(*names: str) -> Iterator[None]:
    """Keep the block from importing these packages, unless they are there already."""
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


class Record:
    """Keeps the numbers of a run in `PREFIX_log.csv` (a number a row) and in a TensorBoard folder `PREFIX_tensorboard`.

    A run resumed at iteration `start` drops the rows from there on, because it computes them again. Raises TrainingError if a
    file cannot be written.
    """

    def __init__(self, prefix: str, start: int = 0) -> None:
        with _without(*_CLOUD):
            from torch.utils.tensorboard import SummaryWriter

        self.path = Path(f"{prefix}_log.csv")
        self._file: TextIO | None = None
        self._board: SummaryWriter | None = None
        # Training values are buffered until the learning rate, which Caffe logs after them, is known.
        self._pending: list[dict[str, object]] = []
        self._rate = ""
        self._iteration = start
        with self._errors_explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            before = self._drop_rows_from(start) if start else 0.0
            self._file = self.path.open("a" if start else "w", newline="")
            self._rows = csv.DictWriter(self._file, _COLUMNS) if start else _new_table(self._file)
            self._board = SummaryWriter(f"{prefix}_tensorboard", purge_step=start)
        self._write()
        self._started = time.monotonic() - before

    def parse(self, line: str) -> None:
        """Add the numbers in one line of a Caffe log."""
        if match := _ITERATION.search(line):
            self._iteration = int(match[1])
        if match := _RATE.search(line):
            self._rate = match[1]
            self._write()
        if match := _OUTPUT.search(line):
            self.add(self._iteration, match[1].lower(), match[2], float(match[3]))

    def add(self, iteration: int, phase: str, name: str, value: float) -> None:
        """Add one number; `phase` is train or test."""
        seconds = f"{time.monotonic() - self._started:.2f}"
        self._pending.append(dict(zip(_COLUMNS, (iteration, seconds, "", phase, name, f"{value:g}"), strict=True)))
        assert self._board is not None
        with self._errors_explained():
            self._board.add_scalar(f"{phase}/{name}", value, iteration)
        if phase == "test":
            self._write()

    def close(self) -> None:
        """Write what is pending and close the files."""
        if self._file and not self._file.closed:
            self._write()
            self._file.close()
        assert self._board is not None
        with self._errors_explained():
            self._board.close()

    def _drop_rows_from(self, iteration: int) -> float:
        """Drop what an interrupted run did after the snapshot; return how many seconds it had taken until then."""
        rows = [row for row in read_rows(self.path) if int(row["iteration"]) < iteration]
        with atomic_file(self.path, force=True) as temporary, temporary.open("w", newline="") as file:
            _new_table(file).writerows(rows)
        return max((float(row["seconds"]) for row in rows), default=0.0)

    def _write(self) -> None:
        assert self._file is not None
        with self._errors_explained():
            for row in self._pending:
                self._rows.writerow({**row, "learning_rate": self._rate})
            self._pending.clear()
            self._file.flush()

    @contextlib.contextmanager
    def _errors_explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self._file:
                # Closing tries to write once more.
                with contextlib.suppress(OSError):
                    self._file.close()
            if self._board:
                # Its thread would write for ever.
                with contextlib.suppress(OSError):
                    self._board.close()
            raise TrainingError(
                f"{self.path}: cannot be written ({error.strerror}). Free some room, then resume from the newest snapshot."
            ) from error


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the complete rows of a log CSV; no rows if the file is missing."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        # A killed run may leave half a row at the end.
        return [row for row in csv.DictReader(file) if None not in row.values()]


def read_curves(path: Path) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Return (phase, name) -> the points to draw, iteration and value, of a log CSV; no curves if the file is missing.

    The loss of the test before the first iteration is left out where it would press all others flat. A net with BatchNorm has
    no statistics then, and its loss may be ten times any later one.
    """
    curves: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in read_rows(path):
        point = (float(row["iteration"]), float(row["value"]))
        curves.setdefault((row["phase"], row["name"]), []).append(point)
    for (phase, name), points in curves.items():
        (iteration, value), *later = points
        highest = max((point[1] for point in later if math.isfinite(point[1])), default=math.inf)
        if phase == "test" and "loss" in name.lower() and iteration == 0 and value > _FLAT * highest > 0:
            del points[0]
    return curves


def _new_table(file: TextIO) -> csv.DictWriter[str]:
    rows = csv.DictWriter(file, _COLUMNS)
    rows.writeheader()
    return rows
