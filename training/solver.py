"""Caffe's solver: forward, backward, update, and now and then a test, a line of the log, a snapshot."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from types import FrameType

import torch
from tqdm import tqdm

from caffe_io.caffe_pb2 import SolverParameter

from .errors import TrainingError
from .learning_rate import check_policy, current_step, learning_rate
from .net import Net, Output
from .precision import autocast
from .record import Record, log, output_lines
from .snapshot import read_snapshot, write_snapshot
from .solver_nets import make_test_nets, make_train_net
from .updates import apply_update, check_solver_type


class Solver:
    """Trains the net that `param` names, with Caffe's meaning of every setting.

    `iteration` counts the updates made; `stopped` tells that Ctrl-C was pressed. Random numbers depend on (random_seed,
    iteration) alone, and batch b of the data on b alone: a run resumed from a snapshot ends with the weights of a run
    that was never interrupted.
    """

    def __init__(self, param: SolverParameter, precision: str = "fp32", device: torch.device | None = None) -> None:
        check_policy(param)
        check_solver_type(param)
        self.param, self.precision = param, precision
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        seed = param.random_seed if param.random_seed >= 0 else int.from_bytes(os.urandom(4), "little")
        self.seed = seed
        self.net = make_train_net(param, self.device, seed)
        self.test_nets = make_test_nets(param, self.device, seed)
        self._share_weights()
        self.histories = [torch.zeros_like(parameter.values) for parameter in self.net.parameters]
        self.iteration = 0
        self.record: Record | None = None
        self._losses: deque[float] = deque(maxlen=max(1, param.average_loss))
        self.stopped = self._snapshot_wanted = False

    def restore(self, path: str) -> None:
        """Go on from a .solverstate."""
        self.iteration = read_snapshot(path, self.net, self.histories)
        self.net.seek(self.iteration * self.param.iter_size)

    def solve(self) -> None:
        """Train up to max_iter, with Caffe's log, tests and snapshots. Ctrl-C: a snapshot, then a clean end."""
        p = self.param
        self.record = Record(p.snapshot_prefix, self.iteration)
        try:
            log(f"Solving {self.net.param.name}")
            log(f"Learning Rate Policy: {p.lr_policy}")
            with (
                self._signals(),
                tqdm(
                    total=p.max_iter,
                    initial=self.iteration,
                    unit="iter",
                    disable=not sys.stderr.isatty(),
                    dynamic_ncols=True,
                ) as bar,
            ):
                self.step(p.max_iter - self.iteration, bar)
                if self.stopped or (p.snapshot_after_train and (not p.snapshot or self.iteration % p.snapshot)):
                    self.snapshot()
                if self.stopped:
                    log("Optimization stopped early.")
                    return
                self._last_look()
            log("Optimization Done.")
        finally:
            self.close()

    def step(self, iterations: int, bar: tqdm | None = None) -> None:  # type: ignore[type-arg]
        """`iterations` updates, or fewer if a stop was asked for."""
        p = self.param
        end = self.iteration + iterations
        self._losses.clear()
        self._begun, self._shown = time.monotonic(), self.iteration
        while self.iteration < end and not self.stopped:
            if p.test_interval and self.iteration % p.test_interval == 0 and (self.iteration or p.test_initialization):
                self.test_all()
                if self.stopped:
                    break
            self._losses.append(self._forward_backward())
            rate = learning_rate(p, self.iteration)
            if p.display and self.iteration % p.display == 0:
                self._display(rate)
            apply_update(p, rate, self.net.parameters, self.histories)
            self.iteration += 1
            if bar is not None:
                bar.update()
            if self._snapshot_wanted or (p.snapshot and self.iteration % p.snapshot == 0):
                self._snapshot_wanted = False
                self.snapshot()

    def test_all(self) -> None:
        """Run every test net for its test_iter batches and report the mean of each output."""
        for index, net in enumerate(self.test_nets):
            self._report(f"Iteration {self.iteration}, Testing net (#{index})")
            outputs = mean_outputs(net, self.param.test_iter[index], self.precision, lambda: self.stopped)
            if outputs is None:
                self._report("Test interrupted.")
                return
            for line in output_lines("Test", outputs):
                self._report(line)

    def snapshot(self) -> tuple[str, str]:
        """Write .caffemodel and .solverstate; returns their names."""
        names = write_snapshot(
            self.net,
            self.histories,
            self.param.snapshot_prefix,
            self.iteration,
            current_step(self.param, self.iteration),
        )
        log(f"Snapshotting to binary proto file {names[0]}")
        log(f"Snapshotting solver state to binary proto file {names[1]}")
        return names

    def close(self) -> None:
        """Stop the threads that read data, finish the log."""
        for net in (self.net, *self.test_nets):
            net.close()
        if self.record:
            self.record.close()
            self.record = None

    def _forward_backward(self) -> float:
        total = 0.0
        for parameter in self.net.parameters:
            parameter.values.grad = None
        for part in range(self.param.iter_size):
            self.net.reseed(self.iteration * self.param.iter_size + part)
            with autocast(self.precision, self.device):
                loss = self.net.forward()
            if not loss.requires_grad:
                raise TrainingError(f"{self.net.path}: no loss depends on a weight, so there is nothing to train.")
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total / self.param.iter_size

    def _display(self, rate: float) -> None:
        lapse = time.monotonic() - self._begun
        speed = (self.iteration - self._shown) / lapse if lapse else 0.0
        self._begun, self._shown = time.monotonic(), self.iteration
        loss = sum(self._losses) / len(self._losses)
        self._report(
            f"Iteration {self.iteration} ({speed:g} iter/s, {lapse:g}s/{self.param.display} iters), loss = {loss:g}"
        )
        for line in output_lines("Train", self.net.results()):
            self._report(line)
        self._report(f"Iteration {self.iteration}, lr = {rate:g}")

    @torch.no_grad()
    def _last_look(self) -> None:
        """After the last update Caffe shows the loss once more, and tests, where the intervals fall on it."""
        p = self.param
        if p.display and self.iteration % p.display == 0:
            self.net.reseed(self.iteration * p.iter_size)
            with autocast(self.precision, self.device):
                self._losses.append(float(self.net.forward()))
            self._report(f"Iteration {self.iteration}, loss = {sum(self._losses) / len(self._losses):g}")
        if p.test_interval and self.iteration % p.test_interval == 0:
            self.test_all()

    def _report(self, line: str) -> None:
        if self.record:
            self.record.log(line)
        else:
            log(line)

    def _share_weights(self) -> None:
        trained = {layer.name: layer for layer in self.net.layers if layer.blobs}
        for net in self.test_nets:
            for layer in net.layers:
                if layer.blobs and layer.name in trained:
                    shapes = [[tuple(blob.shape) for blob in which.blobs] for which in (layer, trained[layer.name])]
                    if shapes[0] != shapes[1]:
                        raise TrainingError(
                            f'layer "{layer.name}" has weights {shapes[0]} in TEST and {shapes[1]} in TRAIN.'
                        )
                    layer.blobs = trained[layer.name].blobs

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT: snapshot and stop, a second one stops at once; SIGHUP: snapshot and go on (Caffe's defaults)."""

        def stop(number: int, frame: FrameType | None) -> None:
            self.stopped = True
            signal.signal(signal.SIGINT, signal.default_int_handler)
            with contextlib.suppress(RuntimeError):  # it interrupted a line that was just being written
                log("Stopping after this iteration, with a snapshot. Ctrl-C again stops at once.")

        def snapshot(number: int, frame: FrameType | None) -> None:
            self._snapshot_wanted = True

        before = {signal.SIGINT: signal.signal(signal.SIGINT, stop)}
        if hasattr(signal, "SIGHUP"):
            before[signal.SIGHUP] = signal.signal(signal.SIGHUP, snapshot)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@torch.no_grad()
def mean_outputs(net: Net, iterations: int, precision: str, stopped=lambda: False) -> list[Output] | None:  # type: ignore[no-untyped-def]
    """The mean of every output over `iterations` batches; None if `stopped()` became true on the way."""
    sums: list[Output] = []
    for index in range(iterations):
        if stopped():
            return None
        with autocast(precision, net.context.device):
            net.forward()
        results = net.results()
        sums = (
            [Output(a.name, a.value + b.value, a.loss_weight) for a, b in zip(sums, results, strict=True)]
            if index
            else results
        )
    return [Output(o.name, o.value / iterations, o.loss_weight) for o in sums]
