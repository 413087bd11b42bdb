"""Caffe's solver: forward, backward, update, and now and then a test, a line of the log, a snapshot."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection

import torch
from tqdm import tqdm

from caffe_io.caffe_pb2 import SolverParameter

from ..errors import SolverError, TrainingError
from ..nets.debug_info import debug_pass, forward_reporter
from ..nets.layerwise import Layerwise
from ..nets.net import Net, Output
from .learning_rate import check_policy, learning_rate, next_step
from .precision import autocast
from .record import Record, log, output_lines
from .signals import Signals
from .smoothed_loss import SmoothedLoss
from .snapshot import read_snapshot, write_snapshot
from .solver_nets import make_test_nets, make_train_net
from .updates import apply_update, check_solver_type, make_histories
from .workers import Workers


class Solver:
    """Trains the net that `param` names, with Caffe's meaning of every setting.

    `iteration` counts the updates made; `stopped` tells that a signal ended the training. Random numbers depend on
    (random_seed, iteration) alone, and batch b of the data on b alone: a run resumed from a snapshot ends with the weights
    of a run that was never interrupted. With a `layerwise` of the train net, gradients are computed through it.
    """

    def __init__(
        self,
        param: SolverParameter,
        precision: str = "fp32",
        device: torch.device | None = None,
        workers: Workers | None = None,
    ) -> None:
        check_policy(param)
        check_solver_type(param)
        if param.average_loss < 1:
            raise SolverError(f"the solver's average_loss is {param.average_loss}; wanted at least 1.")
        self.param, self.precision, self.workers = param, precision, workers or Workers()
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        drawn = param.random_seed if param.random_seed >= 0 else int.from_bytes(os.urandom(4), "little")
        self.seed = seed = self.workers.same(drawn)
        self.net = make_train_net(param, self.device, seed)
        self.net.divide_batches(self.workers.rank, self.workers.count)
        self.test_nets = make_test_nets(param, self.device, seed) if self.workers.first else []
        for net in self.test_nets:
            net.share_weights(self.net)
        self.histories = make_histories(param, self.net.parameters)
        self.iteration = self.current_step = 0
        self.stopped = self._wish_snapshot = self._debug = False
        self.layerwise: Layerwise | None = None
        # before an iteration, before its update
        self.callbacks: list[tuple[Callable[[], object], Callable[[], object]]] = []
        self.record: Record | None = None
        self._signals: Signals | None = None
        for names in param.weights:
            self.load(names)
        self.workers.share([parameter.values for parameter in self.net.parameters])

    def load(self, names: str) -> None:
        """Begin with the weights of these caffemodels, a list with commas, in all nets."""
        for path in filter(None, map(str.strip, names.split(","))):
            self._report(f"Finetuning from {path}")
            for net in (self.net, *self.test_nets):
                net.load(path)

    def restore(self, path: str) -> None:
        """Go on from a .solverstate or .solverstate.h5."""
        self.iteration, self.current_step = read_snapshot(path, self.net, self.histories)
        self.net.seek(self.iteration * self.param.iter_size)

    def solve(self, signals: Signals | None = None) -> None:
        """Train up to max_iter, with Caffe's log, tests and snapshots. A stop by `signals` is a snapshot and a clean end."""
        p = self.param
        self._signals = signals
        self.record = Record(p.snapshot_prefix, self.iteration) if self.workers.first else None
        try:
            self._report(f"Solving {self.net.param.name}")
            self._report(f"Learning Rate Policy: {p.lr_policy}")
            quiet = not self.workers.first or not sys.stderr.isatty()
            with tqdm(total=p.max_iter, initial=self.iteration, unit="iter", disable=quiet, dynamic_ncols=True) as bar:
                self.step(p.max_iter - self.iteration, bar.update)
                if self.stopped or (p.snapshot_after_train and (not p.snapshot or self.iteration % p.snapshot)):
                    self.snapshot()
                if self.stopped:
                    self._report("Optimization stopped early.")
                    return
                self._last_look()
            self._report("Optimization Done.")
        finally:
            self.close()

    def step(self, iterations: int, progress: Callable[[], object] = lambda: None) -> None:
        """`iterations` updates, or fewer if a stop was asked for; `progress` is called after each."""
        p = self.param
        end = self.iteration + iterations
        self._loss = SmoothedLoss(p.average_loss)
        self._begun, self._shown = time.monotonic(), self.iteration
        while self.iteration < end and not self.stopped:
            if p.test_interval and self.iteration % p.test_interval == 0 and (self.iteration or p.test_initialization):
                self.test_all()
                if self.stopped:
                    break
            for on_start, _ in self.callbacks:
                on_start()
            self._loss.add(self._forward_backward())
            if self._displayed():
                self._display()
            for _, on_gradients_ready in self.callbacks:
                on_gradients_ready()
            self.apply_update()
            progress()
            if self._wish_snapshot or (p.snapshot and self.iteration % p.snapshot == 0):
                self.snapshot()

    def rate(self) -> float:
        """The learning rate of this iteration; moves the policy's current step, as Caffe's does."""
        before = self.current_step
        self.current_step = next_step(self.param, self.iteration, before)
        if self.param.lr_policy == "multistep" and self.current_step != before:
            self._report(f"MultiStep Status: Iteration {self.iteration}, step = {self.current_step}")
        return learning_rate(self.param, self.iteration, self.current_step)

    def apply_update(self) -> None:
        """One update from the gradients as they are; several workers' are averaged first."""
        rate = self.rate()
        if self._displayed():
            self._report(f"Iteration {self.iteration}, lr = {rate:g}")
        self._average()
        keep = self.param.snapshot_diff or self.layerwise is not None
        apply_update(self.param, rate, self.net.parameters, self.histories, self.iteration, self._report, keep)
        self.iteration += 1

    def test_all(self) -> None:
        """Run every test net for its test_iter batches and report the mean of each output."""
        for index, net in enumerate(self.test_nets):
            self._report(f"Iteration {self.iteration}, Testing net (#{index})")
            keep = None if self.layerwise else ()  # pycaffe's face shows them
            after = forward_reporter(net, self._report) if self.param.debug_info else None
            means = mean_outputs(net, self.param.test_iter[index], self.precision, self._test_stopped, keep, after)
            if means is None:
                self._report("Test interrupted.")
                return
            loss, outputs = means
            if self.param.test_compute_loss:
                self._report(f"Test loss: {loss:g}")
            for line in output_lines("Test", outputs):
                self._report(line)

    def snapshot(self) -> tuple[str, str]:
        """Write .caffemodel and .solverstate (or both as .h5); returns their names."""
        p, hdf5 = self.param, self.param.snapshot_format == SolverParameter.HDF5
        prefix, what = p.snapshot_prefix, "HDF5" if hdf5 else "binary proto"
        if not self.workers.first:
            return "", ""
        counts = (self.iteration, self.current_step)
        names = write_snapshot(self.net, self.histories, prefix, *counts, hdf5, p.snapshot_diff)
        self._report(f"Snapshotting to {what} file {names[0]}")
        self._report(f"Snapshotting solver state to {what} file {names[1]}")
        return names

    def close(self) -> None:
        """Stop the threads that read data, finish the log."""
        for net in (self.net, *self.test_nets):
            net.close()
        if self.record:
            self.record.close()
            self.record = None

    def _forward_backward(self) -> float:
        """The gradients of iter_size batches, added up; returns the mean of their losses."""
        total = 0.0
        for parameter in self.net.parameters:
            parameter.values.grad = None
        for part in range(self.param.iter_size):
            self.net.reseed(self.iteration * self.param.iter_size + part)
            total += self._gradients()
        return total / self.param.iter_size

    def _gradients(self) -> float:
        self._debug = self.param.debug_info and self._displayed()
        if self._debug or self.layerwise:
            self.layerwise = self.layerwise or Layerwise(self.net)
            if not any(need.layer for need in self.net.needs):
                raise self._nothing_to_train()
            if self._debug:
                return debug_pass(self.layerwise, self._report)
            value = self.layerwise.forward()
            self.layerwise.backward()
            return value
        with autocast(self.precision, self.device):
            loss = self.net.forward(keep=())
        if not loss.requires_grad:
            raise self._nothing_to_train()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _nothing_to_train(self) -> TrainingError:
        return TrainingError(f"{self.net.path}: no loss depends on a weight, so there is nothing to train.")

    def _average(self) -> None:
        """Average the gradients of several workers, and agree on what their signals ask for."""
        wishes = [False, False]
        if self._signals:
            wishes, self._signals.snapshot = [self._signals.stop, self._signals.snapshot], False
        gradients = []
        for parameter in self.net.parameters:
            if parameter.values.requires_grad and self.workers.count > 1:
                if parameter.values.grad is None:
                    parameter.values.grad = torch.zeros_like(parameter.values)
                gradients.append(parameter.values.grad)
        self.stopped, self._wish_snapshot = self.workers.average(gradients, wishes)

    def _displayed(self) -> bool:
        return bool(self.param.display) and self.iteration % self.param.display == 0

    def _display(self) -> None:
        lapse = time.monotonic() - self._begun
        speed = (self.iteration - self._shown) / lapse if lapse else 0.0
        self._begun, self._shown = time.monotonic(), self.iteration
        self._report(
            f"Iteration {self.iteration} ({speed:g} iter/s, {lapse:g}s/{self.param.display} iters), "
            f"loss = {self._loss.value:g}"
        )
        for line in output_lines("Train", self.net.results()):
            self._report(line)

    @torch.no_grad()
    def _last_look(self) -> None:
        """After the last update Caffe shows the loss once more, and tests, where the intervals fall on it."""
        p = self.param
        if self._displayed():
            self.net.reseed(self.iteration * p.iter_size)
            with autocast(self.precision, self.device):
                after = forward_reporter(self.net, self._report) if self._debug else None
                self._loss.add(float(self.net.forward(keep=(), after=after)))
            self._report(f"Iteration {self.iteration}, loss = {self._loss.value:g}")
        if p.test_interval and self.iteration % p.test_interval == 0:
            self.test_all()

    def _test_stopped(self) -> bool:
        asked = self._signals is not None and self._signals.stop
        if self.workers.count == 1:  # several workers agree on it after the next gradients
            self.stopped = asked
        return asked

    def _report(self, line: str) -> None:
        if self.record:
            self.record.log(line)
        elif self.workers.first:
            log(line)


@torch.no_grad()
def mean_outputs(
    net: Net,
    iterations: int,
    precision: str,
    stopped: Callable[[], bool] = lambda: False,
    keep: Collection[str] | None = (),
    after: Callable[[int], None] | None = None,
) -> tuple[float, list[Output]] | None:
    """The mean loss and the mean of every output over `iterations` batches; None if `stopped()` became true on the way.

    `keep`: the other blobs of the last batch that the net is to keep, or None for all. `after`: as in Net.forward.
    """
    loss = 0.0
    sums: list[Output] = []
    for index in range(iterations):
        if stopped():
            return None
        with autocast(precision, net.context.device):
            loss += float(net.forward(keep=keep, after=after))
        results = net.results()
        sums = (
            [Output(a.name, a.value + b.value, a.loss_weight) for a, b in zip(sums, results, strict=True)]
            if index
            else results
        )
    return loss / iterations, [Output(o.name, o.value / iterations, o.loss_weight) for o in sums]
