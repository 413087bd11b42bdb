"""A trained net whose prototxts and weights are changed together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST, TRAIN, LayerParameter, NetParameter
from caffe_io.graph import NetGraph
from caffe_io.net_check import check_net
from caffe_io.net_state import filter_net
from caffe_io.prototxt import read_net
from caffe_io.weights import read_weights
from common.places import NetFiles

from ..errors import CompressError
from ..nets.loading import check_complete, load_weights
from ..nets.net import Net


@dataclass
class Model:
    """A net: its deploy prototxt, train_test prototxt if there is one, and the weights by layer, in Caffe's shapes."""

    deploy: NetParameter
    train_test: NetParameter | None
    weights: dict[str, list[Array]]
    source: str
    """The caffemodel's name, for error messages."""

    def nets(self) -> list[NetParameter]:
        """The prototxts, unfiltered."""
        return [self.deploy] if self.train_test is None else [self.deploy, self.train_test]

    def graphs(self) -> Iterator[NetGraph]:
        """Yield the graph of each prototxt in each phase that it is used in."""
        yield NetGraph(filter_net(self.deploy, TEST))
        if self.train_test is not None:
            for phase in (TRAIN, TEST):
                yield NetGraph(filter_net(self.train_test, phase))

    def layers(self) -> list[LayerParameter]:
        """The layers with weights, each name once, in the order of the caffemodel."""
        named: dict[str, LayerParameter] = {}
        for net in self.nets():
            for layer in net.layer:
                named.setdefault(layer.name, layer)
        return [named[name] for name in self.weights]

    def layer(self, name: str, option: str) -> LayerParameter:
        """Return the layer `name`, which has weights. Raises CompressError, which names the `option`, if there is none."""
        found = next((layer for layer in self.layers() if layer.name == name), None)
        if found is None:
            known = ", ".join(layer.name for layer in self.layers())
            raise CompressError(
                f"{option} {name}: no layer with weights in {self.source} has this name. Known: {known}."
            )
        return found

    def shares_weights(self, name: str) -> bool:
        """Whether a layer of another name has weights of the layer `name`, by `param { name }`."""
        owners: dict[str, set[str]] = {}
        for net in self.nets():
            for layer in net.layer:
                for spec in layer.param:
                    if spec.name:
                        owners.setdefault(spec.name, set()).add(layer.name)
        return any(name in names and len(names) > 1 for names in owners.values())

    def numbers(self) -> int:
        """How many weights it has."""
        return sum(blob.size for blobs in self.weights.values() for blob in blobs)


def read_model(files: NetFiles, weights: Path) -> Model:
    """Read a net and its weights.

    Raises MokaError if a file is missing or damaged, or if they do not fit together. Only the train_test prototxt may be
    missing.
    """
    deploy = read_net(files.deploy)
    train_test = read_net(files.train_test) if files.train_test.exists() else None
    net = Net(deploy, TEST, str(files.deploy))
    loaded = load_weights(weights, net.layers, net.parameters, str(files.deploy), finite=True)
    check_complete(net.layers, loaded.copied, str(weights), str(files.deploy))
    blobs = {layer.name: [blob.detach().numpy().copy() for blob in layer.blobs] for layer in net.layers if layer.blobs}
    model = Model(deploy, train_test, blobs, str(weights))
    if train_test is not None:
        for phase in (TRAIN, TEST):
            filtered = filter_net(train_test, phase)
            check_net(NetGraph(filtered), str(files.train_test), train_test)
        _add_others(model, read_weights(weights), {layer.name for layer in train_test.layer})
    return model


def _add_others(model: Model, given: dict[str, list[Array]], trained: set[str]) -> None:
    """Add the weights of layers that only training has, such as those of a second loss."""
    for name, blobs in given.items():
        if name in trained and name not in model.weights:
            model.weights[name] = [_without_ones(blob) for blob in blobs]


def _without_ones(blob: Array) -> Array:
    """Return a blob without the ones that legacy files put in front of vectors and matrices."""
    shape: Sequence[int] = blob.shape
    if len(shape) == 4 and shape[0] == shape[1] == 1:
        return blob.reshape(shape[2:] if shape[2] > 1 else shape[3:])
    return blob
