"""Writes nets in Python, as pycaffe does.

from training.pycaffe import layers as L, params as P, NetSpec
n = NetSpec()
n.data, n.label = L.Data(source="train", backend=P.Data.LMDB, batch_size=64, ntop=2)
n.conv1 = L.Convolution(n.data, num_output=20, kernel_size=5, weight_filler=dict(type="xavier"))
n.relu1 = L.ReLU(n.conv1, in_place=True)
open("net.prototxt", "w").write(str(n.to_proto()))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from caffe_io import caffe_pb2
from caffe_io.caffe_pb2 import LayerParameter, NetParameter

from ..errors import TrainingError


class Top:
    """One top of a layer, which other layers can have as a bottom."""

    def __init__(self, producer: Function, number: int) -> None:
        self.producer = producer
        self.number = number

    def to_proto(self) -> NetParameter:
        """Return the net that produces this top."""
        return to_proto(self)


class Function:
    """A layer with its bottoms and settings.

    Two settings do not go to the layer: `ntop`, the number of its tops (default 1), and `in_place`. Raises TrainingError if a
    bottom is not a layer's top.
    """

    def __init__(self, kind: str, bottoms: tuple[Top, ...], settings: dict[str, Any]) -> None:
        for number, bottom in enumerate(bottoms):
            if not isinstance(bottom, Top):
                raise TrainingError(f"{kind}: bottom {number} is a {type(bottom).__name__}; expected a layer's top.")
        self.kind = kind
        self.bottoms = bottoms
        self.settings = dict(settings)
        self.in_place = self.settings.pop("in_place", False)
        self.tops = tuple(Top(self, number) for number in range(self.settings.pop("ntop", 1)))


class NetSpec:
    """Names tops and the layers that produce them: n.NAME = L.TYPE(...), or n["NAME"] = L.TYPE(...)."""

    tops: dict[str, Top | Function]

    def __init__(self) -> None:
        super().__setattr__("tops", {})

    def __setattr__(self, name: str, value: Top | Function) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Any:
        if name not in self.tops:
            raise AttributeError(f'the net has no "{name}"; it has {", ".join(self.tops) or "no tops yet"}.')
        return self.tops[name]

    __setitem__ = __setattr__
    __getitem__ = __getattr__

    def to_proto(self) -> NetParameter:
        """Return the net that produces all these tops, in the order in which they were named."""
        return _Writer({top: name for name, top in self.tops.items()}).write(*self.tops.values())


def to_proto(*tops: Top | Function) -> NetParameter:
    """Return the net that produces `tops`, with its blobs and layers named by type and number."""
    return _Writer({}).write(*tops)


class _Writer:
    """Writes a net's layers, each after the producers of its bottoms."""

    def __init__(self, names: dict[Top | Function, str]) -> None:
        self._names = names
        self._counts: Counter[str] = Counter()
        self._net = NetParameter()
        self._done: dict[Function, LayerParameter] = {}

    def write(self, *tops: Top | Function) -> NetParameter:
        """Add the layers that produce `tops`; return the net."""
        for top in tops:
            self._add(top.producer if isinstance(top, Top) else top)
        return self._net

    def _add(self, function: Function) -> LayerParameter:
        if function in self._done:
            return self._done[function]
        bottoms = [self._add(bottom.producer).top[bottom.number] for bottom in function.bottoms]
        layer = LayerParameter(type=function.kind, bottom=bottoms)
        layer.top.extend(bottoms if function.in_place else [self._name(top) for top in function.tops])
        layer.name = self._name(function.tops[0] if function.tops else function)
        field = _SETTINGS_FIELDS.get(function.kind)
        settings: Message = getattr(layer, field) if field else layer
        for key, value in function.settings.items():
            inside = not key.endswith("param") and hasattr(settings, key)
            _assign(settings if inside else layer, key, value, function.kind)
        self._done[function] = self._net.layer.add()
        self._done[function].CopyFrom(layer)
        return self._done[function]

    def _name(self, item: Top | Function) -> str:
        """Return the item's name; one that has none is named by its type and a number."""
        if item not in self._names:
            kind = item.producer.kind if isinstance(item, Top) else item.kind
            self._counts[kind] += 1
            self._names[item] = f"{kind}{self._counts[kind]}"
        return self._names[item]


class _Layers:
    """L.TYPE(bottom, ..., setting=value, ...) returns the layer's top; with ntop=2 or more its tops, with ntop=0 the layer."""

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def make(*bottoms: Top, **settings: Any) -> Any:
            function = Function(kind, bottoms, settings)
            return function.tops[0] if len(function.tops) == 1 else function.tops or function

        return make


class _Parameters:
    """P.Pooling.MAX is the value that a prototxt calls MAX in pooling_param."""

    def __getattr__(self, kind: str) -> Any:
        return getattr(caffe_pb2, f"{kind}Parameter")


layers = _Layers()
params = _Parameters()

_SETTINGS_FIELDS = {
    field.message_type.name.removesuffix("Parameter"): field.name
    for field in LayerParameter.DESCRIPTOR.fields
    if field.name.endswith("_param") and field.message_type
}
"""Layer type -> the field of LayerParameter with its settings: Convolution -> convolution_param."""


def _assign(message: Message, key: str, value: Any, kind: str) -> None:
    """Set a field from a Python value: a dict for a message; a list, or a single value, for a repeated field."""
    if key not in message.DESCRIPTOR.fields_by_name:
        raise TrainingError(f"{kind}: has no setting {key}. Its settings are the fields of its message in caffe.proto.")
    field = getattr(message, key)
    if hasattr(field, "extend"):
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, dict):
                _fill(field.add(), item, kind)
            else:
                field.append(item)
    elif isinstance(value, dict):
        field.SetInParent()
        _fill(field, value, kind)
    else:
        setattr(message, key, value)


def _fill(message: Message, values: dict[str, Any], kind: str) -> None:
    for key, value in values.items():
        _assign(message, key, value, kind)
