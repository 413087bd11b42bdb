"""Does what training.json asks for beyond Caffe's solver. Without the file every method is a no-op."""

from __future__ import annotations

import fnmatch
import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from caffe_io.caffe_pb2 import NetParameter, SolverParameter
from common.files import atomic_file
from common.inputs import open_input
from common.messages import known_names

from ..errors import SolverError, TrainingError
from ..nets.net import Net, OutputValue
from .snapshot import save_weights

if TYPE_CHECKING:
    from .training_file import Freeze, Schedule, TrainingFile, Validation


@dataclass
class Progress:
    """What validation has found so far: the best figure, its iteration, the tests since, and plateau's factor of the rate."""

    best: float = math.nan
    best_iteration: int = -1
    tests_since: int = 0
    tests_on_plateau: int = 0
    factor: float = 1.0


class Extras:
    """The extras of one training, from `file`. `ended` says that validation has ended it.

    The solver calls `rate` and `around_update` in each iteration, `testing` around tests, `judge` after one, and `averaged`
    around a snapshot. `save` and `restore` keep the state in PREFIX_iter_N.trainingstate, so that a resumed training goes on
    as an unbroken one. Raises SolverError if the file names a layer or figure that the nets lack.
    """

    def __init__(
        self, file: TrainingFile | None, param: SolverParameter, net: Net, test_nets: Sequence[Net], workers: int = 1
    ) -> None:
        self.progress = Progress()
        self.ended = False
        self._param = param
        self._net = net
        self._test_nets = test_nets
        self._schedule: Schedule | None = None
        self._validation: Validation | None = None
        self._frozen: dict[str, int] = {}
        self._decay = 0.0
        self._averages: list[Tensor] = []
        if file:
            self._take(file, workers)

    def _take(self, file: TrainingFile, workers: int) -> None:
        self._schedule = file.schedule
        self._validation = file.validation
        self._frozen = self._frozen_layers(file.freeze)
        self._net.context.augmentation = file.augment
        if file.average:
            self._decay = file.average.decay
            self._averages = [blob.detach().clone() for blob in _blobs(self._net)]
        if file.validation and workers > 1:
            raise SolverError(
                f"training.json has a validation, which only one process can follow; this training has {workers} workers."
            )
        if file.validation:
            self._check_figure(file.validation.figure)

    def rate(self, caffes: float, iteration: float) -> float:
        """Return the learning rate of `iteration`, given the one that Caffe's lr_policy says.

        A stretched schedule asks between two iterations of the solver's own.
        """
        schedule = self._schedule
        if schedule is None:
            return caffes
        warm = schedule.warm_up * self._param.max_iter
        rate = caffes
        if schedule.policy == "cosine":
            passed = max(0.0, iteration - warm) / max(1.0, self._param.max_iter - warm)
            rate = schedule.lowest + (self._param.base_lr - schedule.lowest) * (1 + math.cos(math.pi * passed)) / 2
        elif schedule.policy == "plateau":
            rate = max(schedule.lowest, caffes * self.progress.factor)
        return rate * min(1.0, (iteration + 1) / (warm + 1)) if warm else rate

    @contextmanager
    def around_update(self, iteration: int, position: float) -> Iterator[None]:
        """Keep the weights of frozen layers from changing in the block, which makes update number `iteration`; then average.

        `position` is the iteration of the solver's own schedule.
        """
        kept = []
        for parameter in self._net.parameters:
            if position < self._frozen.get(parameter.layer, 0):
                if parameter.values.grad is not None:
                    parameter.values.grad.zero_()
                kept.append((parameter, parameter.lr_mult, parameter.decay_mult))
                parameter.lr_mult = parameter.decay_mult = 0.0
        try:
            yield
        finally:
            for parameter, lr_mult, decay_mult in kept:
                parameter.lr_mult = lr_mult
                parameter.decay_mult = decay_mult
        self._average(iteration)

    @torch.no_grad()
    def _average(self, iteration: int) -> None:
        if self._averages:
            # Lower at first, so that the random weights of the beginning are forgotten.
            decay = min(self._decay, (1 + iteration) / (10 + iteration))
            for average, blob in zip(self._averages, _blobs(self._net), strict=True):
                average.lerp_(blob, 1 - decay)

    @contextmanager
    def testing(self) -> Iterator[None]:
        """Test the averages in the block. Validation measures the same records each time, so its net starts from the first."""
        if self._validation:
            self._test_nets[0].seek(0)
        with self.averaged():
            yield

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the averages in the place of the weights for the block."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def judge(self, outputs: Sequence[OutputValue], iteration: int, report: Callable[[str], None]) -> None:
        """Take the results of the first test net, keep the best weights, and set `ended` if the training is to end."""
        schedule, validation, progress = self._schedule, self._validation, self.progress
        if schedule is None or validation is None:
            return
        value = next(output.value for output in outputs if output.name == validation.figure)
        # NaN is no best: nothing would ever be better.
        better = math.isnan(progress.best) or (
            value > progress.best if validation.better == "higher" else value < progress.best
        )
        if better:
            progress.best, progress.best_iteration = value, iteration
            progress.tests_since = progress.tests_on_plateau = 0
            path = f"{self._param.snapshot_prefix}_best.caffemodel"
            save_weights(self._net, path)
            report(f"Best {validation.figure} so far, {value:g}: weights written to {path}")
            return
        progress.tests_since += 1
        progress.tests_on_plateau += 1
        if schedule.policy == "plateau" and progress.tests_on_plateau >= schedule.patience:
            progress.factor *= schedule.factor
            progress.tests_on_plateau = 0
            report(
                f"No better {validation.figure} in {schedule.patience} tests: learning rate times {schedule.factor:g}"
            )
        if validation.stop_after and progress.tests_since >= validation.stop_after:
            report(
                f"No better {validation.figure} in {progress.tests_since} tests: training ends. The best was "
                f"{progress.best:g} at iteration {progress.best_iteration}."
            )
            self.ended = True

    def save(self, state: str, passed: float | None) -> None:
        """Write PREFIX_iter_N.trainingstate beside the solver state `state`, if there is anything to keep.

        `passed` is the share of the schedule passed, if the number of the iteration does not say it.
        """
        if not self._has_state() and passed is None:
            # That of an earlier training must not pair with our snapshot.
            _state_path(state).unlink(missing_ok=True)
            return
        arrays: dict[str, Any] = {name: np.array(value) for name, value in vars(self.progress).items()}
        if passed is not None:
            arrays["passed"] = np.array(passed)
        # The caffemodel holds the averages.
        arrays |= {
            f"weights_{i}": blob.detach().cpu().numpy()
            for i, blob in enumerate(_blobs(self._net) if self._averages else [])
        }
        with atomic_file(_state_path(state), force=True) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)

    @torch.no_grad()
    def restore(self, state: str) -> float | None:
        """Read what `save` wrote, and return its `passed`. Raises TrainingError if the file is missing or damaged."""
        path = _state_path(state)
        if not self._has_state() and not path.exists():
            return None
        try:
            with open_input(path) as stream, np.load(stream, allow_pickle=False) as file:
                passed = float(file["passed"]) if "passed" in file else None
                if not self._has_state():
                    return passed
                for name, value in vars(self.progress).items():
                    setattr(self.progress, name, type(value)(file[name]))
                for i, (average, blob) in enumerate(
                    zip(self._averages, _blobs(self._net), strict=bool(self._averages))
                ):
                    average.copy_(blob)
                    blob.copy_(torch.from_numpy(file[f"weights_{i}"]))
                return passed
        except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            raise TrainingError(
                f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}). It holds the state of training.json's "
                "validation, plateau and average, and how far --budget's schedule was. Resume from a snapshot that has one."
            ) from error

    def _has_state(self) -> bool:
        return bool(self._validation or self._averages)

    @torch.no_grad()
    def _exchange(self) -> None:
        for average, blob in zip(self._averages, _blobs(self._net), strict=False):
            values = blob.detach().clone()
            blob.copy_(average)
            average.copy_(values)

    def _frozen_layers(self, freeze: Sequence[Freeze]) -> dict[str, int]:
        """Layer -> the first iteration in which its weights change."""
        layers = [parameter.layer for parameter in self._net.parameters]
        frozen: dict[str, int] = {}
        for entry in freeze:
            for pattern in entry.layers:
                found = fnmatch.filter(layers, pattern)
                if not found:
                    raise SolverError(
                        f'training.json freezes "{pattern}", but no layer with weights has this name. '
                        f"{known_names(pattern, dict.fromkeys(layers))}"
                    )
                for name in found:
                    frozen[name] = max(frozen.get(name, 0), round(entry.until * self._param.max_iter))
        return frozen

    def _check_figure(self, figure: str) -> None:
        if not self._test_nets:
            raise SolverError("training.json has a validation, but the solver has no test net. Give it test_iter.")
        outputs = self._test_nets[0].outputs
        if figure not in outputs:
            raise SolverError(
                f'training.json watches "{figure}", which is no output of the first test net. {known_names(figure, outputs)}'
            )


def weigh_losses(param: NetParameter, file: TrainingFile) -> None:
    """Set the loss_weight of the layers that training.json names. Raises SolverError if there is no such layer."""
    for name, weight in file.loss_weights.items():
        layers = [layer for layer in param.layer if layer.name == name]
        if not layers:
            known = [layer.name for layer in param.layer if layer.type.endswith("Loss")]
            raise SolverError(
                f'training.json gives "{name}" a loss_weight, but the net has no such layer. {known_names(name, known)}'
            )
        for layer in layers:
            layer.loss_weight[:] = [weight, *layer.loss_weight[1:]]


def _blobs(net: Net) -> list[Tensor]:
    """Return every weight once, with the statistics of BatchNorm."""
    return [parameter.values for parameter in net.parameters]


def _state_path(state: str) -> Path:
    return Path(f"{state.removesuffix('.h5').removesuffix('.solverstate')}.trainingstate")
