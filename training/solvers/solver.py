"""Caffe's solver. `Solver.step` is the training loop: test, forward and backward, display, update, snapshot."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from caffe_io.caffe_pb2 import SolverParameter

from ..errors import DivergedError, SolverError
from ..nets.debug_info import forward_reporter
from ..nets.layerwise import Layerwise
from ..nets.net import Net
from ..nets.parameters import layer_not_finite
from .caffe_log import Display, diverged_text, log_line, output_lines, progress_bar
from .extras import Extras
from .gradients import Gradients, warn_of_lost_gradients
from .mean_outputs import mean_outputs
from .precision import autocast
from .record import Record
from .schedule.learning_rate import check_policy, learning_rate, next_step
from .schedule.timetable import Plan, Timetable
from .signals import Signals
from .snapshot import read_snapshot, snapshot_names, snapshot_size, write_snapshot
from .solver_nets import choose_seed, load_weights, make_test_nets, make_train_net
from .updates import apply_update, check_solver_type, make_histories
from .workers import Workers

if TYPE_CHECKING:
    from .training_file import TrainingFile


class Solver:
    """Trains the net that `param` names. Every setting means what it means in Caffe.

    `iteration` is the number of updates made, and `stopped` says that a signal ended the training. `make_net` makes the nets,
    `log` takes each line of the log. `callbacks` holds pairs of functions: the first is called before an iteration, the second
    before its update.

    Random numbers depend on (random_seed, iteration) alone, and batch b of the data on b alone. A run resumed from a snapshot
    therefore ends with the same weights as one that was never interrupted.

    Training ends with DivergedError as soon as the loss is NaN or infinite, and no such weights are written as a snapshot;
    with `goes_on_diverged` it continues, as Caffe does. Without `caffe_bugs` all gradients add up (layers.gradients).
    `training_file` holds what Caffe does not do (extras.py). `timetable` decides when `solve` ends.

    Raises SolverError if the settings contradict each other, and the errors of the nets and files that they name.
    """

    def __init__(
        self,
        param: SolverParameter,
        precision: str = "fp32",
        device: torch.device | None = None,
        workers: Workers | None = None,
        log: Callable[[str], object] = log_line,
        make_net: Callable[..., Net] = Net,
        goes_on_diverged: bool = False,
        caffe_bugs: bool = True,
        training_file: TrainingFile | None = None,
        timetable: Timetable | None = None,
    ) -> None:
        check_policy(param)
        check_solver_type(param)
        if param.average_loss < 1:
            raise SolverError(f"the solver's average_loss is {param.average_loss}; expected at least 1.")
        self.param = param
        self.precision = precision
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.workers = workers or Workers()
        self.log = log
        self.goes_on_diverged = goes_on_diverged
        self.seed = self.workers.broadcast_number(choose_seed(param))
        self.net = make_train_net(param, self.device, self.seed, make_net)
        self.net.divide_batches(self.workers.rank, self.workers.count)
        self.net.context.caffe_bugs = caffe_bugs
        if self.workers.first:
            warn_of_lost_gradients(self.net, param)
        self.test_nets = make_test_nets(param, self.device, self.seed, make_net) if self.workers.first else []
        for net in self.test_nets:
            net.share_weights(self.net)
        self.histories = make_histories(param, self.net.parameters)
        self.iteration = 0
        self.current_step = 0
        self.stopped = False
        self.callbacks: list[tuple[Callable[[], object], Callable[[], object]]] = []
        self._gradients = Gradients(self.net, param, precision, training_file.mixup if training_file else None)
        self._test_passes: list[Layerwise] = []
        self._display = Display(param.average_loss, 0)
        self._end = 0
        self._record: Record | None = None
        self._signals: Signals | None = None
        self._snapshot_requested = False
        self._debugged = False
        for names in param.weights:
            self.load(names)
        self.workers.broadcast([parameter.values for parameter in self.net.parameters])
        self.timetable = timetable or Timetable()
        self.extras = Extras(training_file, param, self.net, self.test_nets, self.workers.count)

    def load(self, names: str) -> None:
        """Load the weights of these caffemodels, separated by commas, into all nets. The log says which layers took them."""
        load_weights(names, self.net, self.test_nets, self._report)

    def restore(self, path: str) -> None:
        """Resume from a .solverstate or .solverstate.h5."""
        self.iteration, self.current_step = read_snapshot(path, self.net, self.histories)
        self.timetable.passed = self.extras.restore(path)
        self.net.seek(self.iteration * self.param.iter_size)

    def use_layerwise(self, passes: Layerwise, tests: Sequence[Layerwise]) -> None:
        """Train through `passes` and test through `tests`, layer by layer, so that their blobs show each batch."""
        self._gradients.layerwise = passes
        self._test_passes = list(tests)

    def solve(self, signals: Signals | None = None) -> None:
        """Train up to max_iter, or as the timetable says, with Caffe's log, tests and snapshots; then close the nets and the log.

        If `signals` asks to stop, a snapshot is written first.
        """
        p = self.param
        self._signals = signals
        self._record = Record(p.snapshot_prefix, self.iteration) if self.workers.first else None
        try:
            self._report(f"Solving {self.net.param.name}")
            self._report(f"Learning Rate Policy: {p.lr_policy}")
            self.timetable.begin(p, self.iteration, snapshot_size(self.net, self.histories), self._report)
            with progress_bar(self.workers.first, self.iteration, lambda: self.timetable.end) as advance:
                self.step(self.timetable.end - self.iteration, advance)
                if self.stopped or (p.snapshot_after_train and not self._is_due(p.snapshot)):
                    self.snapshot()
                if self.stopped:
                    self._report("Optimization stopped early.")
                    return
                if not self.extras.ended:
                    self._report_end()
                self._check_weights()
            self._report("Optimization Done.")
        finally:
            self.close()

    def step(self, iterations: int, progress: Callable[[], object] = lambda: None) -> None:
        """Make `iterations` updates, or fewer if a signal asks to stop; call `progress` after each."""
        p = self.param
        self._end = self.iteration + iterations
        self._display = Display(p.average_loss, self.iteration)
        while self.iteration < self._end and not self.stopped and not self.extras.ended:
            if self._is_due(p.test_interval) and (self.iteration or p.test_initialization):
                self.test_all()
                if self.stopped or self.extras.ended:
                    break
            for on_start, _ in self.callbacks:
                on_start()
            self._debugged = p.debug_info and self._is_due(p.display)
            loss = self._gradients.compute(self.iteration, self._report if self._debugged else None)
            self._display.loss.add(loss)
            if self._is_due(p.display):
                for line in self._display.lines(self.iteration, p.display, self.net.results()):
                    self._report(line)
            if not math.isfinite(loss):
                self._end_diverged(f"the loss is {loss:g}")
            for _, on_gradients_ready in self.callbacks:
                on_gradients_ready()
            self.apply_update()
            progress()
            if self._snapshot_requested or self._is_due(p.snapshot):
                self.snapshot()

    def rate(self) -> float:
        """Return the learning rate of this iteration. Like Caffe's, this moves the policy's current step."""
        before = self.current_step
        position = self.timetable.position(self.iteration)
        self.current_step = next_step(self.param, position, before)
        if self.param.lr_policy == "multistep" and self.current_step != before:
            self._report(f"MultiStep Status: Iteration {self.iteration}, step = {self.current_step}")
        return self.extras.rate(learning_rate(self.param, position, self.current_step), position)

    def apply_update(self) -> None:
        """Update the weights from their present gradients, which are averaged over several workers first."""
        rate = self.rate()
        if self._is_due(self.param.display):
            self._report(f"Iteration {self.iteration}, lr = {rate:g}")
        self._agree_with_workers()
        keep_steps = self.param.snapshot_diff or self._gradients.layerwise is not None
        parameters, iteration = self.net.parameters, self.iteration
        with self.extras.around_update(iteration, self.timetable.position(iteration)):
            apply_update(self.param, rate, parameters, self.histories, iteration, self._report, keep_steps)
        self.iteration += 1

    def test_all(self) -> None:
        """Run every test net over its test_iter batches and report the mean of each output."""
        with self.timetable.apart("test"), self.extras.testing():
            for index, net in enumerate(self.test_nets):
                self._report(f"Iteration {self.iteration}, Testing net (#{index})")
                after = forward_reporter(net, self._report) if self.param.debug_info else None
                passes = self._test_passes[index] if self._test_passes else None
                means = mean_outputs(
                    net, self.param.test_iter[index], self.precision, self._test_stopped, after=after, layerwise=passes
                )
                if means is None:
                    self._report("Test interrupted.")
                    return
                loss, outputs = means
                if self.param.test_compute_loss:
                    self._report(f"Test loss: {loss:g}")
                for line in output_lines("Test", outputs):
                    self._report(line)
                if index == 0:
                    self.extras.judge(outputs, self.iteration, self._report)

    def snapshot(self) -> tuple[str, str]:
        """Write .caffemodel and .solverstate (or both as .h5) and return their names; empty on all but the first worker."""
        if not self.workers.first:
            return "", ""
        self._check_weights()
        p = self.param
        hdf5 = p.snapshot_format == SolverParameter.HDF5
        which = (p.snapshot_prefix, self.iteration)
        model, state = snapshot_names(*which, hdf5)
        with self.timetable.apart("snapshot"):
            # Before the solver state, which asks for it: if we are killed in between, there is no snapshot to resume from.
            Path(state).unlink(missing_ok=True)
            self.extras.save(state, self.timetable.share(self.iteration))
            with self.extras.averaged():
                write_snapshot(self.net, self.histories, *which, self.current_step, hdf5, p.snapshot_diff)
        kind = "HDF5" if hdf5 else "binary proto"
        self._report(f"Snapshotting to {kind} file {model}")
        self._report(f"Snapshotting solver state to {kind} file {state}")
        return model, state

    def close(self) -> None:
        """Stop the threads that read data, and finish the log's files."""
        for net in (self.net, *self.test_nets):
            net.close()
        if self._record:
            self._record.close()
            self._record = None

    def _is_due(self, interval: int) -> bool:
        """Whether this iteration is one of those at which something happens every `interval` iterations (0: never)."""
        return bool(interval) and self.iteration % interval == 0

    def _agree_with_workers(self) -> None:
        """Average the gradients of several workers, and agree on what their signals request."""
        stop = snapshot = False
        if self._signals:
            stop, snapshot = self._signals.stop, self._signals.snapshot
            self._signals.snapshot = False
        gradients = self._gradients.all() if self.workers.count > 1 else []
        plan = self.timetable.new_plan(self.iteration) if self.workers.first else None
        self.stopped, self._snapshot_requested, planned = self.workers.average(
            gradients, [stop, snapshot, plan is not None]
        )
        if planned:
            self._end = self.timetable.take(Plan.of(self.workers.broadcast_numbers(plan or Plan())))

    def _test_stopped(self) -> bool:
        """Whether a signal asks to stop in the middle of a test."""
        stop = self._signals is not None and self._signals.stop
        # Several workers agree on it in the next update.
        if self.workers.count == 1:
            self.stopped = stop
        return stop

    @torch.no_grad()
    def _report_end(self) -> None:
        """After the last update, report the loss and test once more if display and test_interval fall on it, as Caffe does."""
        p = self.param
        if self._is_due(p.display):
            self.net.reseed(self.iteration * p.iter_size)
            after = forward_reporter(self.net, self._report) if self._debugged else None
            with autocast(self.precision, self.device):
                loss = float(self.net.forward(keep=(), after=after))
            self._display.loss.add(loss)
            self._report(f"Iteration {self.iteration}, loss = {self._display.loss.value:g}")
        if self.timetable.tests_at_end(self._is_due(p.test_interval)):
            self.test_all()

    def _check_weights(self) -> None:
        """End the training if a weight is not finite: the last update may have done it, after the last loss."""
        if layer := layer_not_finite(self.net.parameters):
            self._end_diverged(f'weights of layer "{layer}" are NaN or infinite')

    def _end_diverged(self, what: str) -> None:
        if not self.goes_on_diverged:
            raise DivergedError(diverged_text(what, self.iteration, self.param.base_lr))

    def _report(self, line: str) -> None:
        """Write a line of the log on the first worker, and keep its numbers."""
        if self.workers.first:
            self.log(line)
            if self._record:
                self._record.parse(line)
