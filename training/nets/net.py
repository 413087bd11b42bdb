"""A Caffe net, computed by PyTorch."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy.typing as npt
import torch
from torch import Tensor

from caffe_io.blobs import Array, same_shape
from caffe_io.caffe_pb2 import LayerParameter, NetParameter, Phase
from caffe_io.errors import CaffeIOError, WeightsError
from caffe_io.layer_types import layer_type
from caffe_io.net_check import check_net
from caffe_io.net_state import filter_net
from caffe_io.text.layer_place import place_of
from caffe_io.weights import read_weights
from common.errors import MeanError

from ..errors import LayerError, TrainingError
from ..layers import Context, Layer, make_layer
from ..layers.base import Shape
from ..layers.data.memory_data import MemoryData
from ..layers.data.source import Source
from .backward_need import Need, backward_needs
from .blob_lives import last_uses, overwritable
from .in_place import find_overwritten, run_overwritten
from .loss_weights import find_losses
from .parameters import Parameter, Parameters


@dataclass
class Output:
    """One line of a net's result: the blob's name, its value, and the weight with which it counts in the loss (0: not)."""

    name: str
    value: float
    loss_weight: float


class Net:
    """The layers of `param` for one phase, in order.

    `path` is the prototxt's name for error messages. After `forward`, `blobs` maps each blob's name to its tensor.
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
    ) -> None:
        self.param, self.path = filter_net(param, phase, level, stages), path
        self.context = Context(phase, device or torch.device("cpu"), seed=seed)
        self.context.generator.manual_seed(seed)
        self.layers: list[Layer] = []
        self.shapes: dict[str, Shape] = {}
        self.blobs: dict[str, Tensor] = {}
        self.parameters: list[Parameter] = []
        self.bottom_shapes: list[list[Shape]] = []
        self._build(param)
        found = find_losses(self.layers)
        self.losses, self._splits = found.weights, found.splits
        self.outputs = self._find_outputs()
        needs = backward_needs(self.layers, self.losses, self.param.force_backward)
        self._cut = self._find_cuts(needs)
        self._overwritten = find_overwritten(self.layers)
        for index, may in enumerate(overwritable(self.layers)):
            self.layers[index].may_overwrite = may and index not in self._overwritten
        # Beside the outputs: what is read from `blobs` after forward, or in backward by run_overwritten.
        self._lasting = {
            *self.losses,
            *self._splits.values(),
            *(self.layers[i].param.top[0] for i in self._overwritten),
        }
        self.overruled = self._find_overruled(needs)
        # Of losses with Caffe's default weight that another layer takes, Caffe keeps weight and gradient in one place: the
        # loss counts with 1 in the first forward pass, and then with what came back in the last backward pass.
        self.echoes = dict.fromkeys(self.overruled | found.again, 1.0)

    def forward(
        self,
        feed: Mapping[str, Tensor] | None = None,
        keep: Collection[str] | None = None,
        after: Callable[[int], None] | None = None,
    ) -> Tensor:
        """Run all layers; returns the objective (0 without loss layers). `after` is called with the index of each that has run.

        With `keep` only these blobs, the outputs and the losses are in `blobs` afterwards; the others' memory is free as soon
        as neither a layer nor the backward pass needs it.

        `feed` gives the tops of Input layers, or of other layers without bottoms in place of theirs. They may be of other
        shapes than the prototxt's, as the pictures of a Data layer may be: the layers below adapt.
        """
        self.blobs = dict(feed or {})
        dead = [[]] * len(self.layers) if keep is None else last_uses(self.layers, {*keep, *self._lasting})
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Source) and all(top in self.blobs for top in layer.param.top):
                continue
            try:
                tops = self.run(index, self._bottoms(index))
            except LayerError as error:  # of what is in the data
                sources = ", ".join(source.source for source in self.data_layers() if source.source)
                raise LayerError(f"{self.path}: {error} The data are from: {sources or 'the caller'}.") from error
            self.blobs.update(zip(layer.param.top, tops, strict=True))
            if after:
                after(index)
            for name in dead[index]:
                del self.blobs[name]
        total = torch.zeros((), device=self.context.device)
        for name, weight in self.losses.items():
            value = self.blobs[name].float().sum()
            if name not in self.overruled:
                total = total + weight * value
            if name in self.echoes:
                total = total + self.echoes[name] * value.detach()
                if value.requires_grad:
                    self.blobs[name].register_hook(partial(self.hear, name))  # type: ignore[no-untyped-call]
        return total

    def run(self, index: int, bottoms: list[Tensor]) -> Sequence[Tensor]:
        """The tops of one layer."""
        layer, gradient = self.layers[index], self._overwritten.get(index)
        if gradient is None or not (torch.is_grad_enabled() and bottoms[0].requires_grad):
            return layer.forward(bottoms)
        return [run_overwritten(layer, bottoms[0], gradient, lambda: self.blobs)]

    def hear(self, name: str, gradient: Tensor) -> None:
        """Keep what came back to a loss of `echoes`."""
        self.echoes[name] = float(gradient.sum())

    def results(self) -> list[Output]:
        """The values of all output blobs after `forward`, number by number, as Caffe lists them in its log."""
        return [
            Output(name, value, self.losses.get(blob, 0.0))
            for name in self.outputs
            for blob in [self._splits.get(name, name)]
            for value in self.blobs[blob].detach().float().reshape(-1).tolist()
        ]

    def reseed(self, number: int) -> None:
        """Make all random numbers up to the next call a function of the seed and `number` (of the worker's own batch)."""
        self.context.generator.manual_seed((self.context.seed * 1_000_003 + self.context.batch(number)) % 2**63)

    def seek(self, batch: int) -> None:
        """Let every layer that has data go on with the worker's batch number `batch`."""
        for layer in self.data_layers():
            layer.seek(batch)

    def data_layers(self) -> Iterator[Source]:
        """The layers without bottoms, that read databases and files or take arrays."""
        return (layer for layer in self.layers if isinstance(layer, Source))

    def set_input_arrays(self, data: npt.ArrayLike, labels: npt.ArrayLike) -> None:
        """Give the MemoryData layer N pictures (N x channels x height x width) and N labels. Raises LayerError if they do
        not fit, TrainingError if there is no such layer."""
        memory = next((layer for layer in self.data_layers() if isinstance(layer, MemoryData)), None)
        if memory is None:
            raise TrainingError(f"{self.path}: has no MemoryData layer to give arrays to.")
        memory.set_arrays(data, labels)

    def weights(self) -> dict[str, list[Array]]:
        """Layer name -> its blobs as float32 arrays in Caffe's axis order."""
        return {
            layer.name: [blob.detach().cpu().contiguous().numpy() for blob in layer.blobs]
            for layer in self.layers
            if layer.blobs
        }

    def load(self, path: str | os.PathLike[str]) -> list[str]:
        """Copy the weights of the layers that a caffemodel has under the same names; returns the names copied.

        Raises WeightsError if a blob's shape differs, or if not one name matches.
        """
        copied = []
        given = read_weights(path)
        for layer in self.layers:
            if layer.blobs and layer.name in given:
                self._copy(layer, given[layer.name], str(path))
                copied.append(layer.name)
        if not copied and any(layer.blobs for layer in self.layers):
            raise WeightsError(
                f"{path}: has weights of {', '.join(list(given)[:8])}, but the net's layers are called "
                f"{', '.join(layer.name for layer in self.layers if layer.blobs)}. Is it the caffemodel of another net?"
            )
        return copied

    def share_weights(self, other: Net) -> None:
        """Use the weights of the layers that `other` has under the same names. Raises TrainingError if shapes differ."""
        trained = {layer.name: layer for layer in other.layers if layer.blobs}
        for layer in self.layers:
            if layer.blobs and layer.name in trained:
                shapes = [[list(blob.shape) for blob in which.blobs] for which in (layer, trained[layer.name])]
                if shapes[0] != shapes[1]:
                    phases = [Phase.Name(net.context.phase) for net in (self, other)]
                    raise TrainingError(
                        f'layer "{layer.name}" has weights {shapes[0]} in {phases[0]} and {shapes[1]} in {phases[1]}.'
                    )
                layer.blobs = trained[layer.name].blobs

    def close(self) -> None:
        """Stop what runs in the background."""
        for layer in self.layers:
            layer.close()

    def _build(self, whole: NetParameter) -> None:
        check_net(self.param, self.path, whole)
        parameters = Parameters(self.context.training)
        self.parameters = parameters.list
        for param in self.param.layer:
            try:
                layer = make_layer(self._with_tops(param), self.context)
                shapes = [self.shapes[name] for name in param.bottom]
                tops = layer.setup(shapes)
                parameters.add(layer)
            except TrainingError as error:
                raise type(error)(f"{place_of(self.path, param)}: {error}") from error
            except (CaffeIOError, MeanError) as error:  # of what the layer reads: a database, a mean
                raise type(error)(
                    f'{place_of(self.path, param)}: layer "{param.name}" ({param.type}): {error}'
                ) from error
            self.layers.append(layer)
            self.bottom_shapes.append(shapes)
            self.shapes.update(zip(layer.param.top, tops, strict=True))

    def _with_tops(self, param: LayerParameter) -> LayerParameter:
        """A loss need not name its top: Caffe makes one, and calls it so."""
        if param.top or not layer_type(param.type).is_loss:
            return param
        whole = LayerParameter()
        whole.CopyFrom(param)
        taken = sum(name.startswith("(automatic") for name in self.shapes)
        whole.top.append(f"(automatic {taken + 1})" if taken else "(automatic)")
        return whole

    def _bottoms(self, index: int) -> list[Tensor]:
        """What a layer takes; it is set up anew if the shapes are others than before."""
        layer = self.layers[index]
        bottoms = [self.blobs[name] for name in layer.param.bottom]
        shapes = [tuple(bottom.shape) for bottom in bottoms]
        if shapes != self.bottom_shapes[index]:
            self.shapes.update(zip(layer.param.bottom, shapes, strict=True))
            self.shapes.update(zip(layer.param.top, layer.reshape(shapes), strict=True))
            self.bottom_shapes[index] = shapes
        for number in self._cut[index]:
            bottoms[number] = bottoms[number].detach()
        return bottoms

    def _find_cuts(self, needs: list[Need]) -> list[list[int]]:
        """For each layer the bottoms to which propagate_down gives no gradient; under force_backward some get one."""
        return [
            [j for j, wanted in enumerate(layer.param.propagate_down) if not wanted and not need.bottoms[j]]
            for layer, need in zip(self.layers, needs, strict=True)
        ]

    def _find_overruled(self, needs: list[Need]) -> set[str]:
        """Losses without a loss_weight that another layer takes on to a loss: only what comes back from there is
        their gradient, for in Caffe it is written over the weight 1 that they have by default."""
        silent = {
            top for layer in self.layers if layer.is_loss and not layer.param.loss_weight for top in layer.param.top
        }
        taken = {
            name
            for layer, need in zip(self.layers, needs, strict=True)
            for name, wanted in zip(layer.param.bottom, need.bottoms, strict=True)
            if need.layer and wanted
        }
        return silent & taken

    def _find_outputs(self) -> list[str]:
        """The blobs that no layer takes after they were last made, and copies of losses that one takes (loss_weights.py), in
        the order of their names, as in Caffe."""
        free: set[str] = set()
        for layer in self.layers:
            free.difference_update(layer.param.bottom)
            free.update(layer.param.top)
        return sorted(free.union(self._splits))

    def _copy(self, layer: Layer, given: list[Array], path: str) -> None:
        owned = {parameter.index for parameter in self.parameters if parameter.layer == layer.name}
        missing = [i for i in range(len(layer.blobs)) if i >= len(given) or not given[i].size]
        if len(given) > len(layer.blobs) or owned.intersection(missing):  # HDF5 files leave out what another layer owns
            raise WeightsError(
                f'{path}: layer "{layer.name}" has {len(given)} blobs there, but {len(layer.blobs)} in {self.path}. '
                "Rename the layer in the prototxt to train it from new."
            )
        for index, (blob, values) in enumerate(zip(layer.blobs, given, strict=False)):
            if index in missing:
                continue
            if not same_shape(values.shape, blob.shape):
                raise WeightsError(
                    f'{path}: layer "{layer.name}", blob {index}, is {list(values.shape)} there, but {list(blob.shape)} '
                    f"in {self.path}. Is it the caffemodel of another net? Rename the layer to train it from new."
                )
            with torch.no_grad():
                blob.copy_(torch.from_numpy(values.reshape(tuple(blob.shape))))
