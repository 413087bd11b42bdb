"""pycaffe's Net."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST, TRAIN
from caffe_io.prototxt import read_net

from ..errors import TrainingError
from ..nets.layerwise import Layerwise
from ..nets.net import Net as _Net
from ..solvers.snapshot import save_weights
from .blobs import Blob, Layer

_CPU = torch.device("cpu")
_seed = [int.from_bytes(os.urandom(4), "little")]


def set_random_seed(seed: int) -> None:
    """Let the weights of nets made from now on be filled from this seed."""
    _seed[0] = seed


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
        self.blob_loss_weights = {name: net.objective.weights.get(name, 0.0) for name in net.shapes}

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
        found: dict[str, list[Array]] = {}
        for batch in self._batches(inputs):
            _append(found, self.forward(blobs, None, None, **batch))
        return _joined(found, inputs)

    def forward_backward_all(
        self, blobs: Sequence[str] = (), diffs: Sequence[str] = (), **given: Array
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """`forward` and `backward` for any number of items, in batches as in forward_all. `given` holds the inputs' data and the
        outputs' diffs; without the latter each backward pass begins with the diffs as they are."""
        forwards = self._batches({name: given[name] for name in self.inputs if name in given})
        backwards = self._batches({name: given[name] for name in self.outputs if name in given})
        data: dict[str, list[Array]] = {}
        gradients: dict[str, list[Array]] = {}
        for inputs, outputs in zip_longest(forwards, backwards):
            _append(data, self.forward(blobs, None, None, **(inputs or {})))
            _append(gradients, self.backward(diffs, None, None, **(outputs or {})))
        return _joined(data, given), _joined(gradients, given)

    def before_forward(self, run: Callable[[int], object]) -> None:
        """Call `run` with the index (in `layers`) of each layer before its forward pass."""
        self._passes.hooks["before_forward"].append(run)

    def after_forward(self, run: Callable[[int], object]) -> None:
        """The same after it."""
        self._passes.hooks["after_forward"].append(run)

    def before_backward(self, run: Callable[[int], object]) -> None:
        """The same before its backward pass, whether it needs one or not."""
        self._passes.hooks["before_backward"].append(run)

    def after_backward(self, run: Callable[[int], object]) -> None:
        """The same after it."""
        self._passes.hooks["after_backward"].append(run)

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
        hooks = self._passes.hooks
        self._wrap(self._net)
        self._passes.hooks = hooks

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

    def _batches(self, given: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        size = next(iter(self.blobs.values())).shape[0]
        for first in range(0, len(next(iter(given.values()), ())), size):
            batch = {name: np.asarray(values[first : first + size]) for name, values in given.items()}
            missing = size - len(next(iter(batch.values())))
            yield {n: np.concatenate([v, np.zeros((missing, *v.shape[1:]), v.dtype)]) for n, v in batch.items()}

    def _index(self, name: str | None, default: int) -> int:
        if name is None:
            return default
        if name not in self._layer_names:
            raise TrainingError(f'the net has no layer "{name}"; it has {", ".join(self._layer_names)}.')
        return self._layer_names.index(name)


def _append(parts: dict[str, list[Array]], found: Mapping[str, Array]) -> None:
    for name, values in found.items():
        parts.setdefault(name, []).append(values.copy())


def _joined(parts: Mapping[str, list[Array]], given: Mapping[str, Array]) -> dict[str, Array]:
    """The batches as one, without the zeros at the end."""
    count = len(next(iter(given.values()), ()))
    return {name: np.concatenate(values)[:count] for name, values in parts.items()}
