"""What a training run reports: Caffe's log lines on the terminal, and the same numbers in a CSV file and in TensorBoard."""

from __future__ import annotations

import contextlib
import csv
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from common.files import atomic_file

from ..errors import TrainingError
from ..nets.net import Output

_COLUMNS = ("iteration", "seconds", "learning_rate", "phase", "name", "value")
# the lines of a Caffe log that carry numbers; the same for ours and for those of a real Caffe
_ITERATION = re.compile(r"Iteration (\d+)")
_RATE = re.compile(r"lr = ([\d.eE+-]+)")
_OUTPUT = re.compile(r"(Train|Test) net output #\d+: (\S+) = (-?nan|-?inf|[\d.eE+-]+)")


def log(message: str, source: str = "solver.cpp:1") -> None:
    """Print one line to the error stream as Caffe does, above a progress bar if there is one.

    The prefix is that of Google's log library: severity and date, time, process, source; parse_log reads the time from it.
    """
    now = time.time()
    stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now))
    tqdm.write(f"I{stamp}.{int(now % 1 * 1e6):06d} {os.getpid():5d} {source}] {message}", file=sys.stderr)


def output_lines(phase: str, outputs: Sequence[Output]) -> list[str]:
    """Caffe's lines for the outputs of a net; `phase` is Train or Test."""
    lines = []
    for index, output in enumerate(outputs):
        loss = loss_note(output.loss_weight, output.value)
        lines.append(f"    {phase} net output #{index}: {output.name} = {output.value:g}{loss}")
    return lines


def loss_note(weight: float, value: float) -> str:
    """What Caffe adds to the line of a blob that counts in the loss."""
    return f" (* {weight:g} = {weight * value:g} loss)" if weight else ""


class Record:
    """Keeps the numbers of a run in `PREFIX_log.csv` (one row a number) and in a TensorBoard folder `PREFIX_tensorboard`.

    A resumed run begins at `start`: rows of later iterations, which it will compute again, are dropped.
    """

    def __init__(self, prefix: str, start: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.path = Path(f"{prefix}_log.csv")
        self._held: list[dict[str, object]] = []
        self._rate = ""
        with self._told():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if start:
                kept = [row for row in read_rows(self.path) if int(row["iteration"]) < start]
                with atomic_file(self.path, force=True) as whole, whole.open("w", newline="") as file:
                    _table(file).writerows(kept)
            self._file = self.path.open("a" if start else "w", newline="")
            self._rows = csv.DictWriter(self._file, _COLUMNS) if start else _table(self._file)
            self._board = SummaryWriter(f"{prefix}_tensorboard", purge_step=start)
        self._write()
        self._begun = time.monotonic()
        self._iteration = start

    def parse(self, line: str) -> None:
        """Take the numbers from one line of a Caffe log."""
        if match := _ITERATION.search(line):
            self._iteration = int(match[1])
        if match := _RATE.search(line):
            self._rate = match[1]
            self._write()
        if match := _OUTPUT.search(line):
            self.add(self._iteration, match[1].lower(), match[2], float(match[3]))

    def add(self, iteration: int, phase: str, name: str, value: float) -> None:
        """Add one number; `phase` is train or test. Those of train wait for their rate, which the log gives after them."""
        seconds = f"{time.monotonic() - self._begun:.2f}"
        self._held.append(dict(zip(_COLUMNS, (iteration, seconds, "", phase, name, f"{value:g}"), strict=True)))
        with self._told():
            self._board.add_scalar(f"{phase}/{name}", value, iteration)
        if phase == "test":
            self._write()

    def log(self, message: str) -> None:
        """Print a line of the log and keep its numbers."""
        log(message)
        self.parse(message)

    def close(self) -> None:
        """Finish the files."""
        if not self._file.closed:
            self._write()
            self._file.close()
        with self._told():
            self._board.close()

    def _write(self) -> None:
        with self._told():
            for row in self._held:
                self._rows.writerow({**row, "learning_rate": self._rate})
            self._held.clear()
            self._file.flush()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if hasattr(self, "_file"):
                with contextlib.suppress(OSError):  # it tries to write once more
                    self._file.close()
            raise TrainingError(
                f"{self.path}: cannot be written ({error.strerror}). Free some room, then go on from the newest snapshot."
            ) from error


def _table(file: TextIO) -> csv.DictWriter[str]:
    rows = csv.DictWriter(file, _COLUMNS)
    rows.writeheader()
    return rows


def read_rows(path: Path) -> list[dict[str, str]]:
    """The whole rows of a log CSV; none if the file is not there."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]  # a kill may cut the last one
