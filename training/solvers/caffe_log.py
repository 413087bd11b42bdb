"""Caffe's log lines. Programs parse them, so they match Caffe's to the letter."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm

from ..nets.net import OutputValue


def log_line(message: str, source: str = "solver.cpp:1") -> None:
    """Print one line on stderr as Caffe does, above the progress bar if there is one.

    The prefix is that of Google's log library: severity and date, time, process, source. Caffe's parse_log reads the time
    from it.
    """
    now = time.time()
    stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now))
    tqdm.write(f"I{stamp}.{int(now % 1 * 1e6):06d} {os.getpid():5d} {source}] {message}", file=sys.stderr)


@contextmanager
def progress_bar(shown: bool, start: int, end: Callable[[], int]) -> Iterator[Callable[[], None]]:
    """Show a bar from `start` to `end()` in the block, if stderr is a terminal. Yields the function that moves it by one."""
    hidden = not shown or not sys.stderr.isatty()
    with tqdm(total=end(), initial=start, unit="iter", disable=hidden, dynamic_ncols=True) as bar:

        def advance() -> None:
            # A budget changes the end.
            bar.total = end()
            bar.update()

        yield advance


def output_lines(phase: str, outputs: Sequence[OutputValue]) -> list[str]:
    """Return the lines about a net's outputs; `phase` is Train or Test."""
    lines = []
    for index, output in enumerate(outputs):
        loss = loss_note(output.loss_weight, output.value)
        lines.append(f"    {phase} net output #{index}: {output.name} = {output.value:g}{loss}")
    return lines


def loss_note(weight: float, value: float) -> str:
    """Return the end of the line about an output that counts in the loss with `weight`; empty if it does not count."""
    return f" (* {weight:g} = {weight * value:g} loss)" if weight else ""


class SmoothedLoss:
    """Caffe's running mean of the last `count` losses (average_loss). After a NaN it stays NaN."""

    def __init__(self, count: int) -> None:
        self.value = 0.0
        self._count = count
        self._added = 0
        self._losses: list[float] = []

    def add(self, loss: float) -> None:
        """Add the loss of one more iteration."""
        if len(self._losses) < self._count:
            self._losses.append(loss)
            self.value += (loss - self.value) / len(self._losses)
        else:
            oldest = self._added % self._count
            self.value += (loss - self._losses[oldest]) / self._count
            self._losses[oldest] = loss
        self._added += 1


class Display:
    """What the log shows of a training's progress from `iteration` on: smoothed loss, speed, outputs of the train net."""

    def __init__(self, average_loss: int, iteration: int) -> None:
        self.loss = SmoothedLoss(average_loss)
        self._shown_iteration = iteration
        self._shown_time = time.monotonic()

    def lines(self, iteration: int, interval: int, outputs: Sequence[OutputValue]) -> list[str]:
        """Return the lines: the loss, the speed since the last call, the outputs. `interval` is the solver's `display`."""
        now = time.monotonic()
        seconds = now - self._shown_time
        speed = (iteration - self._shown_iteration) / seconds if seconds else 0.0
        self._shown_iteration = iteration
        self._shown_time = now
        head = f"Iteration {iteration} ({speed:g} iter/s, {seconds:g}s/{interval} iters), loss = {self.loss.value:g}"
        return [head, *output_lines("Train", outputs)]


def diverged_text(what: str, iteration: int, base_lr: float) -> str:
    """Return the message that ends a training which has diverged."""
    return (
        f"{what} at iteration {iteration}, so the training has diverged and ends; no snapshot holds these weights. Try a lower "
        f"base_lr (it is {base_lr:g}), set clip_gradients, or look for wrong numbers in the data."
    )
