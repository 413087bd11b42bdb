"""pycaffe's Net, around a net of this room, which is called TorchNet here."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np
import torch

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST, TRAIN
from caffe_io.prototxt import read_net
from common.commands import LOGGER
from common.messages import known_names, shape_text

from ..layers import PythonCode
from ..layers.blob import Blob
from ..nets.layerwise import Layerwise
from ..nets.loading import layers_left_out, names_text
from ..nets.net import Net as TorchNet
from ..solvers.snapshot import save_weights
from .arguments import NetArguments
from .blobs import LayerView, make_contiguous
from .errors import PycaffeValueError
from .seeds import next_seed

make_net = partial(TorchNet, python_code=PythonCode.RAISED, with_splits=True)
"""Makes a net as pycaffe shows it."""


class Net:
    """Net(network_file, phase, level=0, stages=None, weights=None), or the older Net(network_file, weights, phase).

    `blobs` maps names to blobs, `params` layer names to lists of weights. Both hold arrays that can be read and written.
    """

    def __init__(self, network_file: str | os.PathLike[str], *given: Any, **named: Any) -> None:
        wanted = NetArguments.of(network_file, given, named)
        param = read_net(wanted.network_file)
        phase = TRAIN if wanted.phase == TRAIN else TEST
        device = torch.device("cpu")
        self._wrap(make_net(param, phase, wanted.network_file, device, next_seed(), wanted.level, wanted.stages))
        if wanted.weights is not None:
            self.copy_from(wanted.weights)

    @classmethod
    def _of(cls, net: TorchNet) -> Net:
        """Wrap a net that exists already, such as a solver's."""
        wrapper = cls.__new__(cls)
        wrapper._wrap(net)
        return wrapper

    def _wrap(self, net: TorchNet) -> None:
        make_contiguous(net)
        self._net = net
        self._passes = Layerwise(net)
        self.layers = [LayerView(layer) for layer in net.layers]
        self.blobs = {name: self._blob(name) for name in net.shapes}
        self._layer_names = [layer.name for layer in net.layers]
        self._blob_names = list(self.blobs)
        self.params: dict[str, list[Blob]] = {}
        for name, layer in zip(self._layer_names, self.layers, strict=True):
            if layer.blobs:
                self.params[name] = layer.blobs
        self.inputs = [top for layer in net.layers if layer.param.type == "Input" for top in layer.param.top]
        self.outputs = list(net.outputs)
        self.top_names = {layer.name: list(layer.param.top) for layer in net.layers}
        self.bottom_names = {layer.name: list(layer.param.bottom) for layer in net.layers}
        self.blob_loss_weights = {name: net.objective.weights.get(name, 0.0) for name in net.shapes}

    # Numbers of blobs, their places in `_blob_names`.
    _inputs = property(lambda self: self._ids(self.inputs))
    _outputs = property(lambda self: self._ids(self.outputs))
    _blobs = property(lambda self: list(self.blobs.values()))
    _blob_loss_weights = property(lambda self: list(self.blob_loss_weights.values()))

    def _top_ids(self, layer: int) -> list[int]:
        return self._ids(self._net.layers[layer].param.top)

    def _bottom_ids(self, layer: int) -> list[int]:
        return self._ids(self._net.layers[layer].param.bottom)

    def _ids(self, names: Iterable[str]) -> list[int]:
        return [self._blob_names.index(name) for name in names]

    @property
    def layer_dict(self) -> dict[str, LayerView]:
        """The layers by name."""
        return dict(zip(self._layer_names, self.layers, strict=True))

    def forward(
        self, blobs: Sequence[str] = (), start: str | None = None, end: str | None = None, **inputs: Array
    ) -> dict[str, Array]:
        """Fill all input blobs from `inputs`, if given, and run the layers from `start` to `end` (names, inclusive).

        Returns the data of the net's outputs, or of `end`'s tops if it is given, and of `blobs`. Raises PycaffeValueError if a
        name is unknown or an input does not fit.
        """
        self._fill(inputs, self.inputs, "input", lambda blob: blob.data)
        self._forward(self._index(start, 0), self._index(end, len(self.layers) - 1))
        names = [*(self.top_names[end] if end is not None else self.outputs), *(blobs or ())]
        return {name: self.blobs[name].data for name in names}

    def backward(
        self, diffs: Sequence[str] = (), start: str | None = None, end: str | None = None, **outputs: Array
    ) -> dict[str, Array]:
        """Fill all output blobs' diffs from `outputs`, if given, and run the layers from `start` back to `end` (inclusive).

        Returns the diffs of the net's inputs, or of `end`'s bottoms if it is given, and of `diffs`. Raises PycaffeValueError if
        a name is unknown or an output does not fit.
        """
        self._fill(outputs, self.outputs, "output", lambda blob: blob.diff)
        self._backward(self._index(start, len(self.layers) - 1), self._index(end, 0))
        names = [*(self.bottom_names[end] if end is not None else self.inputs), *(diffs or ())]
        return {name: self.blobs[name].diff for name in names}

    def _forward(self, start: int, end: int) -> float:
        """Run the layers with these numbers, the last one included; return the sum of their weighted losses."""
        with torch.enable_grad():
            return self._passes.forward(start, end)

    def _backward(self, start: int, end: int) -> None:
        """Run the layers with these numbers back."""
        self._passes.backward(start, end)

    def forward_all(self, blobs: Sequence[str] = (), **inputs: Array) -> dict[str, Array]:
        """Run `forward` on any number of inputs, in batches. The last batch is padded with zeros, whose results are cut off."""
        results: dict[str, list[Array]] = {}
        for batch in self._batches(inputs):
            _append(results, self.forward(blobs, None, None, **batch))
        return _joined(results, inputs)

    def forward_backward_all(
        self, blobs: Sequence[str] = (), diffs: Sequence[str] = (), **given: Array
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Run `forward` and `backward` on any number of items, in batches as in forward_all.

        `given` holds the inputs' data and the outputs' diffs. Without diffs, each backward pass starts from the present ones.
        """
        forwards = self._batches({name: given[name] for name in self.inputs if name in given})
        backwards = self._batches({name: given[name] for name in self.outputs if name in given})
        data: dict[str, list[Array]] = {}
        gradients: dict[str, list[Array]] = {}
        for inputs, outputs in zip_longest(forwards, backwards):
            _append(data, self.forward(blobs, None, None, **(inputs or {})))
            _append(gradients, self.backward(diffs, None, None, **(outputs or {})))
        return _joined(data, given), _joined(gradients, given)

    def before_forward(self, run: Callable[[int], object]) -> None:
        """Call `run` with the index of each layer in `layers`, before its forward pass."""
        self._passes.hooks["before_forward"].append(run)

    def after_forward(self, run: Callable[[int], object]) -> None:
        """Call `run` with the index of each layer, after its forward pass."""
        self._passes.hooks["after_forward"].append(run)

    def before_backward(self, run: Callable[[int], object]) -> None:
        """Call `run` with the index of each layer before its backward pass, even if it needs none."""
        self._passes.hooks["before_backward"].append(run)

    def after_backward(self, run: Callable[[int], object]) -> None:
        """Call `run` with the index of each layer after its backward pass, even if it needs none."""
        self._passes.hooks["after_backward"].append(run)

    def set_input_arrays(self, data: Array, labels: Array) -> None:
        """Give the MemoryData layer N pictures and N labels; N is a multiple of its batch_size."""
        self._net.set_input_arrays(data, labels)

    def reshape(self) -> None:
        """Let all layers adapt to the shapes of the input blobs."""
        self._passes.reshape()

    def clear_param_diffs(self) -> None:
        """Set the gradients of all weights to 0, because `backward` adds to them."""
        for blobs in self.params.values():
            for blob in blobs:
                blob.diff[...] = 0

    def copy_from(self, path: str | os.PathLike[str]) -> None:
        """Load the weights of a .caffemodel or .caffemodel.h5 into the layers of the same names.

        Warns of layers whose weights are random or 0 because the file has none for them.
        """
        copied = self._net.load(path).copied
        left_out = [layer.name for layer in layers_left_out(self._net.layers, copied) if not layer.filled_by_prototxt]
        if left_out:
            logging.getLogger(LOGGER).warning(
                "%s: holds no weights for %s; their weights stay as they were filled.", path, names_text(left_out)
            )

    load_hdf5 = copy_from

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a caffemodel. An earlier file is replaced."""
        save_weights(self._net, path, hdf5=False)

    def save_hdf5(self, path: str | os.PathLike[str]) -> None:
        """Write the weights as HDF5, whatever the name. An earlier file is replaced."""
        save_weights(self._net, path, hdf5=True)

    def share_with(self, other: Net) -> None:
        """Use the weights of `other`'s layers in the layers of the same names."""
        self._net.share_weights(other._net)

    def _blob(self, name: str) -> Blob:
        def tensors() -> tuple[torch.Tensor, torch.Tensor]:
            # The solver may have run the net meanwhile.
            self._passes.catch_up()
            return self._passes.data[name], self._passes.diff[name]

        return Blob(tensors, lambda shape: self._passes.resize(name, shape))

    def _fill(
        self, given: Mapping[str, Array], names: Sequence[str], kind: str, field: Callable[[Blob], Array]
    ) -> None:
        """Copy the given arrays to a field of all blobs of `names`, which are the net's inputs or outputs (`kind`)."""
        if given and set(given) != set(names):
            raise PycaffeValueError(f"{kind}s given: {', '.join(given)}; the net has {', '.join(names) or 'none'}.")
        for name, values in given.items():
            shape = self.blobs[name].shape
            if np.shape(values)[:1] != shape[:1]:
                raise PycaffeValueError(
                    f'{kind} "{name}" is {shape_text(np.shape(values))}; expected {shape_text(shape)}.'
                )
            field(self.blobs[name])[...] = values

    def _batches(self, given: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        """Divide arrays into batches of the net's size; the last one is padded with zeros."""
        size = next(iter(self.blobs.values())).shape[0]
        for first in range(0, len(next(iter(given.values()), ())), size):
            batch = {name: np.asarray(values[first : first + size]) for name, values in given.items()}
            missing = size - len(next(iter(batch.values())))
            for name, values in batch.items():
                padding = np.zeros((missing, *values.shape[1:]), values.dtype)
                batch[name] = np.concatenate([values, padding])
            yield batch

    def _index(self, name: str | None, default: int) -> int:
        if name is None:
            return default
        if name not in self._layer_names:
            raise PycaffeValueError(f'the net has no layer "{name}". {known_names(name, self._layer_names)}')
        return self._layer_names.index(name)


def _append(parts: dict[str, list[Array]], results: Mapping[str, Array]) -> None:
    for name, values in results.items():
        parts.setdefault(name, []).append(values.copy())


def _joined(parts: Mapping[str, list[Array]], given: Mapping[str, Array]) -> dict[str, Array]:
    """Join the batches, without the results of the padding."""
    count = len(next(iter(given.values()), ()))
    return {name: np.concatenate(values)[:count] for name, values in parts.items()}
