"""A Caffe net, computed by PyTorch."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy.typing as npt
import torch
from torch import Tensor

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import LayerParameter, NetParameter, Phase
from caffe_io.errors import CaffeIOError
from caffe_io.graph import NetGraph, Node
from caffe_io.net_check import check_net
from caffe_io.net_state import filter_net
from caffe_io.parameters.python_layers import with_known_layers
from caffe_io.text.layer_place import place_of
from common.errors import MeanError
from common.messages import is_lack_of_memory, shape_text

from ..errors import LayerError, TrainingError
from ..layers import Context, Layer, PythonCode, make_layer
from ..layers.base import Shape
from ..layers.data.memory_data import MemoryData
from ..layers.data.source import Source
from .backward_need import backward_needs, detached_bottoms
from .in_place import find_overwritten, overwrites_unread_top, run_overwritten
from .loading import Loaded, check_complete, load_weights
from .merging import merged_layers
from .objective import Objective
from .parameters import LearnableParameter, LearnableParameters
from .shared_memory import SharedMemory
from .splits import insert_splits


@dataclass
class OutputValue:
    """One number of a net's result: the blob's name, the value, and its weight in the objective (0 if it is no loss)."""

    name: str
    value: float
    loss_weight: float


class Net:
    """The layers of `param` for one phase, in order.

    `path` is the prototxt's name for error messages. After `forward`, `blobs` maps each blob's name to its tensor.
    `with_splits` inserts Caffe's Split layers, which pycaffe shows. They compute nothing.
    `graph` says which layers produce and consume each blob, and `needs` which layers need a backward pass.
    """

    def __init__(
        self,
        param: NetParameter,
        phase: Phase.ValueType,
        path: str = "net",
        device: torch.device | None = None,
        seed: int = 0,
        level: int = 0,
        stages: tuple[str, ...] = (),
        python_code: PythonCode = PythonCode.REFUSED,
        with_splits: bool = False,
    ) -> None:
        self.param = filter_net(param, phase, level, stages)
        self.path = path
        self.context = Context(phase, device or torch.device("cpu"), seed=seed, python_code=python_code)
        self.context.generator.manual_seed(seed)
        self.param = with_known_layers(self.param, path, python_code.allows)
        check_net(NetGraph(self.param), path, param)
        if with_splits:
            self.param = insert_splits(self.param)
        self.graph = NetGraph(self.param)
        self.layers: list[Layer] = []
        self.shapes: dict[str, Shape] = {}
        self.blobs: dict[str, Tensor] = {}
        self.parameters: list[LearnableParameter] = []
        self._bottom_shapes: list[list[Shape]] = []
        self._add_layers()
        self.objective = Objective(self.graph)
        self.needs = backward_needs(
            self.graph, list(map(_learns, self.layers)), self.objective.weights, self.param.force_backward
        )
        self.objective.find_overwritten(self.needs)
        self.outputs = self.objective.outputs()
        self.shared_memory = SharedMemory(self.graph, self.context)
        self._overwritten = find_overwritten(self.graph)
        self._merged = merged_layers(self.graph, self.layers)
        for node, layer in zip(self.graph.nodes, self.layers, strict=True):
            layer.may_overwrite = overwrites_unread_top(node) and node.index not in self._overwritten
        self._detached = detached_bottoms(self.graph, self.needs)
        # Beside the outputs: what `forward` and the backward pass of run_overwritten read from `blobs`.
        self._always_kept = {*self.objective.weights, *(self.layers[i].param.top[0] for i in self._overwritten)}

    def forward(
        self,
        feed: Mapping[str, Tensor] | None = None,
        keep: Collection[str] | None = None,
        after: Callable[[int], None] | None = None,
    ) -> Tensor:
        """Run all layers and return the objective, 0 without a loss. `after` is called with the index of each layer that has
        run; `blobs` holds its tops by then.

        With `keep`, only these blobs, the outputs and the losses are in `blobs` afterwards. The memory of the others is free
        as soon as neither a layer nor the backward pass needs it.

        `feed` gives the tops of Input layers, or replaces those of other layers without bottoms. Their shapes may differ from
        the prototxt's, as those of a Data layer's pictures may: the layers after them adapt.
        """
        self.blobs = dict(feed or {})
        freed: list[list[str]] = [[] for _ in self.layers]
        if keep is not None:
            freed = self.graph.last_uses({*keep, *self._always_kept})
        run = partial(self.run, merged=after is None)
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Source) and all(top in self.blobs for top in layer.param.top):
                given = [self.blobs[top] for top in layer.param.top]
                self.blobs.update(zip(layer.param.top, self.shared_memory.begin(index, given), strict=True))
                continue
            try:
                tops = self.shared_memory.run(index, self._bottoms(index), run)
            except LayerError as error:
                # Something in the data is wrong, so say where they come from.
                sources = ", ".join(source.source for source in self.data_layers() if source.source)
                raise LayerError(f"{self.path}: {error} The data are from: {sources or 'the caller'}.") from error
            self.blobs.update(zip(layer.param.top, tops, strict=True))
            if after:
                after(index)
            for name in freed[index]:
                del self.blobs[name]
        return self.objective.evaluate(self.blobs, self.context.device)

    def run(self, index: int, bottoms: list[Tensor], merged: bool = False) -> Sequence[Tensor]:
        """Run one layer and return its tops. With `merged`, a BatchNorm leaves its work to its Scale (see merging)."""
        layer, gradient = self.layers[index], self._overwritten.get(index)
        try:
            if gradient is None or not (torch.is_grad_enabled() and bottoms[0].requires_grad):
                return self._merged.get(index, layer.forward)(bottoms) if merged else layer.forward(bottoms)
            return [run_overwritten(layer, bottoms[0], gradient, lambda: self.blobs)]
        except (RuntimeError, MemoryError) as error:
            raise self._explained(error, layer.param) from error

    def use_blobs(self, blobs: dict[str, Tensor]) -> None:
        """Make `blobs` the net's blobs until the next `forward`, for a caller that runs the layers itself."""
        self.blobs = blobs

    def adapt(self, index: int, shapes: list[Shape]) -> bool:
        """Set a layer up for bottoms of `shapes`; return whether they have changed. The tops' shapes are then in `shapes`."""
        if shapes == self._bottom_shapes[index]:
            return False
        layer = self.layers[index]
        tops = layer.reshape(shapes)
        self.shapes.update(zip(layer.param.bottom, shapes, strict=True))
        self.shapes.update(zip(layer.param.top, tops, strict=True))
        self._bottom_shapes[index] = shapes
        return True

    def results(self) -> list[OutputValue]:
        """Return the values of all outputs after `forward`, number by number, as Caffe lists them in its log."""
        results = []
        for name in self.outputs:
            blob = self.objective.copies.get(name, name)
            weight = self.objective.weights.get(blob, 0.0)
            values = self.blobs[blob].detach().float().reshape(-1).tolist()
            results += [OutputValue(name, value, weight) for value in values]
        return results

    def reseed(self, number: int) -> None:
        """Make all random numbers up to the next call depend on the seed and `number`, of the worker's own batch, alone."""
        self.context.generator.manual_seed((self.context.seed * 1_000_003 + self.context.batch(number)) % 2**63)

    def divide_batches(self, worker: int, workers: int) -> None:
        """Take the batches of one worker among several that train together (layers.base.Context)."""
        self.context.worker = worker
        self.context.workers = workers

    def seek(self, batch: int) -> None:
        """Let every data layer continue with the worker's batch number `batch`."""
        for layer in self.data_layers():
            layer.seek(batch)

    def data_layers(self) -> Iterator[Source]:
        """Return the layers without bottoms, which read databases and files or take arrays."""
        return (layer for layer in self.layers if isinstance(layer, Source))

    def set_input_arrays(self, data: npt.ArrayLike, labels: npt.ArrayLike) -> None:
        """Give the MemoryData layer N pictures (N x channels x height x width) and N labels.

        Raises LayerError if they do not fit, TrainingError if there is no such layer.
        """
        memory = next((layer for layer in self.data_layers() if isinstance(layer, MemoryData)), None)
        if memory is None:
            raise TrainingError(f"{self.path}: has no MemoryData layer to give arrays to.")
        memory.set_arrays(data, labels)

    def weights(self) -> dict[str, list[Array]]:
        """Return the weights of each layer by its name, as float32 arrays in Caffe's axis order."""
        return {
            layer.name: [blob.detach().cpu().contiguous().numpy() for blob in layer.blobs]
            for layer in self.layers
            if layer.blobs
        }

    def load(self, path: str | os.PathLike[str], finite: bool = False) -> Loaded:
        """Copy the weights of a caffemodel's layers to the layers of the same names; return which.

        Raises WeightsError if a blob's shape differs, if no name matches, or, with `finite`, for NaN or infinite weights.
        """
        return load_weights(path, self.layers, self.parameters, self.path, finite)

    def load_all(self, *paths: str | os.PathLike[str]) -> None:
        """Load caffemodels, to compute figures with this net: together they must have weights for all its layers.

        Raises WeightsError as `load` does for NaN, and with the names of the layers that no file has.
        """
        copied = {name for path in paths for name in self.load(path, finite=True).copied}
        check_complete(self.layers, copied, ", ".join(map(str, paths)), self.path)

    def share_weights(self, other: Net) -> None:
        """Use the weights of the layers of the same names in `other`. Raises TrainingError if shapes differ."""
        trained = {layer.name: layer for layer in other.layers if layer.blobs}
        for layer in self.layers:
            if layer.blobs and layer.name in trained:
                shapes = [[blob.shape for blob in which.blobs] for which in (layer, trained[layer.name])]
                if shapes[0] != shapes[1]:
                    mine, others = (", ".join(map(shape_text, blobs)) for blobs in shapes)
                    phases = [Phase.Name(net.context.phase) for net in (self, other)]
                    raise TrainingError(
                        f'layer "{layer.name}" has weights of {mine} in phase {phases[0]}, but {others} in {phases[1]}. '
                        "Make them equal, or rename one of the layers."
                    )
                layer.blobs[:] = trained[layer.name].blobs

    def close(self) -> None:
        """Stop the threads of all layers."""
        for layer in self.layers:
            layer.close()

    def _add_layers(self) -> None:
        parameters = LearnableParameters(self.context.training)
        self.parameters = parameters.list
        for node in self.graph.nodes:
            shapes = [self.shapes[bottom.name] for bottom in node.bottoms]
            try:
                layer = make_layer(_with_tops(node), self.context)
                tops = layer.set_up(shapes)
                parameters.add(layer)
            except TrainingError as error:
                raise type(error)(f"{place_of(self.path, node.layer)}: {error}") from error
            except (CaffeIOError, MeanError) as error:
                # Of a file that the layer reads, such as a database or a mean.
                place = place_of(self.path, node.layer)
                raise type(error)(f'{place}: layer "{node.layer.name}" ({node.layer.type}): {error}') from error
            except (RuntimeError, MemoryError) as error:
                raise self._explained(error, node.layer) from error
            self.layers.append(layer)
            self._bottom_shapes.append(shapes)
            self.shapes.update(zip(layer.param.top, tops, strict=True))

    def _explained(self, error: Exception, layer: LayerParameter) -> Exception:
        """Return the error that names the layer for which there was not enough memory; any other error as it is."""
        if not is_lack_of_memory(error):
            return error
        return TrainingError(
            f'{place_of(self.path, layer)}: layer "{layer.name}" ({layer.type}): there is not enough memory for it. '
            "Use smaller batches or sizes."
        )

    def _bottoms(self, index: int) -> list[Tensor]:
        """Return the bottoms of a layer, which is set up again if their shapes have changed."""
        bottoms = [self.blobs[name] for name in self.layers[index].param.bottom]
        self.adapt(index, [tuple(bottom.shape) for bottom in bottoms])
        for number in self._detached[index]:
            bottoms[number] = bottoms[number].detach()
        return bottoms


def _with_tops(node: Node) -> LayerParameter:
    """The layer's parameters, with the name of the top that Caffe adds to a loss without one."""
    if len(node.tops) == len(node.layer.top):
        return node.layer
    named = LayerParameter()
    named.CopyFrom(node.layer)
    del named.top[:]
    named.top.extend(top.name for top in node.tops)
    return named


def _learns(layer: Layer) -> bool:
    """Whether a weight of the layer has a learning rate; the default is 1."""
    rates = [spec.lr_mult for spec in layer.param.param]
    return len(layer.blobs) > len(rates) or any(rates)
