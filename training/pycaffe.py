"""pycaffe's names for scripts: nets and solvers as Caffe 1.0's Python interface has them, on the CPU.

    from training import pycaffe as caffe

    net = caffe.Net("prototxt/AgeNet_deploy.prototxt", caffe.TEST, weights="models/AgeNet/AgeNet_iter_3000.caffemodel")
    net.blobs["data"].data[...] = picture                 # 1 x 3 x 227 x 227, BGR, mean subtracted
    print(net.forward()["prob"])

    solver = caffe.get_solver("prototxt/AgeNet_solver.prototxt")
    solver.step(100)
    print(solver.net.blobs["loss"].data, solver.net.params["conv1"][0].data.std())

A blob that several layers take is one blob: Caffe's split layers and their blobs are not in the lists, and its diff is the
sum that Caffe's split layer makes. After `step`, a weight's diff is the step taken, as in Caffe.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST, TRAIN, SolverParameter
from caffe_io.prototxt import read_net, read_solver

from .errors import SolverError, TrainingError
from .layers import LAYERS
from .layerwise import Layerwise
from .net import Net as _Net
from .pycaffe_blobs import Blob, Layer
from .snapshot import save_weights
from .solver import Solver as _Solver

__all__ = ["TEST", "TRAIN", "Blob", "Net", "Solver", "get_solver", "layer_type_list", "set_mode_cpu", "set_random_seed"]

_CPU = torch.device("cpu")
_seed = [int.from_bytes(os.urandom(4), "little")]


def set_mode_cpu() -> None:
    """Nothing to do: this interface computes on the CPU."""


def set_random_seed(seed: int) -> None:
    """Let the weights of nets made from now on be filled from this seed."""
    _seed[0] = seed


def layer_type_list() -> list[str]:
    """The layer types there are."""
    return sorted(LAYERS)


class Net:
    """Net(network_file, phase, weights=None, level=0, stages=()), or the older Net(network_file, weights, phase)."""

    def __init__(
        self,
        network_file: str | os.PathLike[str],
        *given: int | str | os.PathLike[str],
        phase: int | None = None,
        weights: str | os.PathLike[str] | None = None,
        level: int = 0,
        stages: Sequence[str] | None = None,
    ) -> None:
        for value in given:
            if isinstance(value, int):
                phase = value
            else:
                weights = value
        param = read_net(network_file)
        state = TRAIN if phase == TRAIN else TEST
        self._wrap(_Net(param, state, str(network_file), _CPU, _seed[0], level, tuple(stages or ())))
        if weights is not None:
            self.copy_from(weights)

    @classmethod
    def _of(cls, net: _Net) -> Net:
        """A face for a net that is there already."""
        face = cls.__new__(cls)
        face._wrap(net)
        return face

    def _wrap(self, net: _Net) -> None:
        self._net, self._passes = net, Layerwise(net)
        self._layer_names = [layer.name for layer in net.layers]
        self.layers = [Layer(layer) for layer in net.layers]
        self.blobs = {name: self._blob(name) for name in net.shapes}
        self.params = {n: layer.blobs for n, layer in zip(self._layer_names, self.layers, strict=True) if layer.blobs}
        self.inputs = [top for layer in net.layers if layer.param.type == "Input" for top in layer.param.top]
        self.outputs = [name for name in net.outputs if name in net.shapes]
        self.top_names = {layer.name: list(layer.param.top) for layer in net.layers}
        self.bottom_names = {layer.name: list(layer.param.bottom) for layer in net.layers}
        self.blob_loss_weights = {name: net.losses.get(name, 0.0) for name in net.shapes}

    @property
    def layer_dict(self) -> dict[str, Layer]:
        """Layer name -> layer."""
        return dict(zip(self._layer_names, self.layers, strict=True))

    def forward(
        self, blobs: Sequence[str] = (), start: str | None = None, end: str | None = None, **inputs: Array
    ) -> dict[str, Array]:
        """Run the layers from `start` to `end` (names, inclusive). `inputs` fills all input blobs before.

        Returns the data of the net's outputs (of `end`'s tops, if it is given) and of `blobs`.
        """
        self._fill(inputs, self.inputs, "input", lambda blob: blob.data)
        last = self._index(end, len(self.layers) - 1)
        with torch.enable_grad():
            self._passes.forward(self._index(start, 0), last)
        wanted = [*(self.top_names[end] if end is not None else self.outputs), *(blobs or ())]
        return {name: self.blobs[name].data for name in wanted}

    def backward(
        self, diffs: Sequence[str] = (), start: str | None = None, end: str | None = None, **outputs: Array
    ) -> dict[str, Array]:
        """Run the layers from `start` back to `end` (names, inclusive). `outputs` fills the diffs of all output blobs before.

        Returns the diffs of the net's inputs (of `end`'s bottoms, if it is given) and of `diffs`.
        """
        self._fill(outputs, self.outputs, "output", lambda blob: blob.diff)
        self._passes.backward(self._index(start, len(self.layers) - 1), self._index(end, 0))
        wanted = [*(self.bottom_names[end] if end is not None else self.inputs), *(diffs or ())]
        return {name: self.blobs[name].diff for name in wanted}

    def forward_all(self, blobs: Sequence[str] = (), **inputs: Array) -> dict[str, Array]:
        """`forward` for any number of inputs, in batches; the last one is filled up with zeros, which are cut off again."""
        parts: dict[str, list[Array]] = {}
        count = len(next(iter(inputs.values())))
        for batch in self._batches(inputs, count):
            for name, values in self.forward(blobs, None, None, **batch).items():
                parts.setdefault(name, []).append(values.copy())
        return {name: np.concatenate(values)[:count] for name, values in parts.items()}

    def set_input_arrays(self, data: Array, labels: Array) -> None:
        """Give the MemoryData layer N pictures and N labels; N is a multiple of its batch_size."""
        self._net.set_input_arrays(data, labels)

    def reshape(self) -> None:
        """Let all layers follow the shapes of the input blobs."""
        self._passes.reshape()

    def clear_param_diffs(self) -> None:
        """Set the gradients of all weights to 0; `backward` adds to them."""
        for blobs in self.params.values():
            for blob in blobs:
                blob.diff[...] = 0

    def copy_from(self, path: str | os.PathLike[str]) -> None:
        """Load the weights of the layers that a caffemodel (or .caffemodel.h5) has under the same names."""
        self._net.load(path)

    load_hdf5 = copy_from

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a caffemodel; an earlier file is replaced."""
        save_weights(self._net, path)

    def save_hdf5(self, path: str | os.PathLike[str]) -> None:
        """Write a .caffemodel.h5, as which the name must end."""
        if Path(path).suffix != ".h5":
            raise TrainingError(f"{path}: an HDF5 file's name must end with .h5 here.")
        save_weights(self._net, path)

    def share_with(self, other: Net) -> None:
        """Use the weights of the layers that `other` has under the same names."""
        self._net.share_weights(other._net)
        self._wrap(self._net)

    def _blob(self, name: str) -> Blob:
        def tensors() -> tuple[torch.Tensor, torch.Tensor]:
            self._passes.catch_up()  # the solver may have run the net
            return self._passes.data[name], self._passes.diff[name]

        return Blob(tensors, lambda shape: self._passes.resize(name, shape))

    def _fill(
        self, given: Mapping[str, Array], wanted: Sequence[str], what: str, field: Callable[[Blob], Array]
    ) -> None:
        if given and set(given) != set(wanted):
            raise TrainingError(f"{what}s given: {', '.join(given)}; the net's are {', '.join(wanted) or 'none'}.")
        for name, values in given.items():
            if np.shape(values)[:1] != self.blobs[name].shape[:1]:
                raise TrainingError(
                    f'{what} "{name}" is {list(np.shape(values))}; wanted {list(self.blobs[name].shape)}.'
                )
            field(self.blobs[name])[...] = values

    def _batches(self, inputs: Mapping[str, Array], count: int) -> Iterator[dict[str, Array]]:
        size = self.blobs[self.inputs[0]].shape[0]
        for first in range(0, count, size):
            batch = {name: np.asarray(values[first : first + size]) for name, values in inputs.items()}
            missing = size - len(next(iter(batch.values())))
            yield {n: np.concatenate([v, np.zeros((missing, *v.shape[1:]), v.dtype)]) for n, v in batch.items()}

    def _index(self, name: str | None, default: int) -> int:
        if name is None:
            return default
        if name not in self._layer_names:
            raise TrainingError(f'the net has no layer "{name}"; it has {", ".join(self._layer_names)}.')
        return self._layer_names.index(name)


class Solver:
    """A solver prototxt's training, step by step. Log lines go to stderr, snapshots where the solver says."""

    type: str | None = None  # SGDSolver and the like take no other

    def __init__(self, solver_file: str | os.PathLike[str]) -> None:
        param = read_solver(solver_file)
        if self.type:
            param.type = self.type
        try:
            self._solver = _Solver(param, device=_CPU)
        except SolverError as error:
            raise SolverError(f"{solver_file}: {error}") from error
        self.net = Net._of(self._solver.net)
        self._solver.layerwise = self.net._passes
        self.test_nets = [Net._of(net) for net in self._solver.test_nets]

    @property
    def iter(self) -> int:
        """The number of updates made."""
        return self._solver.iteration

    @property
    def lr(self) -> float:
        """The rate of the next update."""
        return self._solver.rate()

    @property
    def param(self) -> SolverParameter:
        """The solver's settings."""
        return self._solver.param

    def step(self, iterations: int) -> None:
        """So many updates, with the tests, log lines and snapshots that fall among them."""
        self._solver.step(iterations)

    def solve(self, resume_file: str | None = None) -> None:
        """Train up to max_iter, from a solverstate if one is given. Ctrl-C ends it at once: no signals are caught here."""
        if resume_file:
            self.restore(resume_file)
        self._solver.solve()

    def apply_update(self) -> None:
        """One update with the weights' diffs as they are, for loops that call net.forward and net.backward themselves."""
        self._solver.apply_update()

    def snapshot(self) -> None:
        """Write PREFIX_iter_N.caffemodel and .solverstate now."""
        self._solver.snapshot()

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Go on from a .solverstate."""
        self._solver.restore(str(path))

    def share_weights(self, net: Net) -> None:
        """Let `net` use the weights that are trained."""
        net.share_with(self.net)


def get_solver(solver_file: str | os.PathLike[str]) -> Solver:
    """The solver that a prototxt describes, of the type that it names."""
    return Solver(solver_file)


class SGDSolver(Solver):
    type = "SGD"


class NesterovSolver(Solver):
    type = "Nesterov"


class AdaGradSolver(Solver):
    type = "AdaGrad"


class RMSPropSolver(Solver):
    type = "RMSProp"


class AdaDeltaSolver(Solver):
    type = "AdaDelta"


class AdamSolver(Solver):
    type = "Adam"
