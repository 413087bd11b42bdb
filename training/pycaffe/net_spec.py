"""Writes nets in Python, as pycaffe does.

from caffe import layers as L, params as P, NetSpec
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

from .errors import PycaffeFieldError, PycaffeTypeError


class Top:
    """One top of a layer, which other layers can have as a bottom: number `n` of the tops of `fn`."""

    def __init__(self, fn: Function, n: int) -> None:
        self.fn = fn
        self.n = n

    def to_proto(self) -> NetParameter:
        """Return the net that produces this top."""
        return to_proto(self)


class Function:
    """A layer: its type, its bottoms (`inputs`) and its settings (`params`).

    Two settings do not go to the layer: `ntop`, the number of its tops (default 1), and `in_place`. Raises PycaffeTypeError if
    a bottom is not a layer's top.
    """

    def __init__(self, type_name: str, inputs: tuple[Top, ...], params: dict[str, Any]) -> None:
        for index, bottom in enumerate(inputs):
            if not isinstance(bottom, Top):
                # Caffe's own words, which scripts look for.
                raise PycaffeTypeError(f"{type_name} input {index} is not a Top (type is {type(bottom)})")
        self.type_name = type_name
        self.inputs = inputs
        self.params = dict(params)
        self.ntop = self.params.pop("ntop", 1)
        self.in_place = self.params.pop("in_place", False)
        self.tops = tuple(Top(self, number) for number in range(self.ntop))


class UnknownTop(AttributeError, KeyError):
    """A name that a NetSpec does not have, asked for as an attribute or as a key."""

    def __str__(self) -> str:
        return str(self.args[0])


class NetSpec:
    """Names tops and the layers that produce them: n.NAME = L.TYPE(...), or n["NAME"] = L.TYPE(...)."""

    tops: dict[str, Top | Function]

    def __init__(self) -> None:
        super().__setattr__("tops", {})

    def __setattr__(self, name: str, value: Top | Function) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Any:
        if name not in self.tops:
            raise UnknownTop(f'the net has no "{name}"; it has {", ".join(self.tops) or "no tops yet"}.')
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
            self._add(top.fn if isinstance(top, Top) else top)
        return self._net

    def _add(self, function: Function) -> LayerParameter:
        if function in self._done:
            return self._done[function]
        bottoms = [self._add(bottom.fn).top[bottom.n] for bottom in function.inputs]
        layer = LayerParameter(type=function.type_name, bottom=bottoms)
        layer.top.extend(bottoms if function.in_place else [self._name(top) for top in function.tops])
        layer.name = self._name(function.tops[0] if function.tops else function)
        field = _SETTINGS_FIELDS.get(function.type_name)
        settings: Message = getattr(layer, field) if field else layer
        for key, value in function.params.items():
            inside = not key.endswith("param") and hasattr(settings, key)
            _assign(settings if inside else layer, key, value, function.type_name)
        self._done[function] = self._net.layer.add()
        self._done[function].CopyFrom(layer)
        return self._done[function]

    def _name(self, item: Top | Function) -> str:
        """Return the item's name; one that has none is named by its type and a number."""
        if item not in self._names:
            kind = item.fn.type_name if isinstance(item, Top) else item.type_name
            self._counts[kind] += 1
            self._names[item] = f"{kind}{self._counts[kind]}"
        return self._names[item]


class Layers:
    """L.TYPE(bottom, ..., setting=value, ...) returns the layer's top; with ntop=2 or more its tops, with ntop=0 the layer."""

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def make(*bottoms: Top, **settings: Any) -> Any:
            function = Function(kind, bottoms, settings)
            return function.tops[0] if len(function.tops) == 1 else function.tops or function

        return make


class Parameters:
    """P.Pooling.MAX is the value that a prototxt calls MAX in pooling_param."""

    def __getattr__(self, kind: str) -> Any:
        return getattr(caffe_pb2, f"{kind}Parameter")


layers = Layers()
params = Parameters()

_SETTINGS_FIELDS = {
    field.message_type.name.removesuffix("Parameter"): field.name
    for field in LayerParameter.DESCRIPTOR.fields
    if field.name.endswith("_param") and field.message_type
}
"""Layer type -> the field of LayerParameter with its settings: Convolution -> convolution_param."""


def _assign(message: Message, key: str, value: Any, kind: str) -> None:
    """Set a field from a Python value: a dict for a message; a list, or a single value, for a repeated field."""
    if key not in message.DESCRIPTOR.fields_by_name:
        raise PycaffeFieldError(
            f"{kind}: has no setting {key}. Its settings are the fields of its message in caffe.proto."
        )
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
