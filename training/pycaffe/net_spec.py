"""pycaffe's way to write nets in Python: `from training.pycaffe import layers as L, params as P, NetSpec`.

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
    """One top of a layer; other layers take it as a bottom."""

    def __init__(self, maker: Function, number: int) -> None:
        self.maker, self.number = maker, number

    def to_proto(self) -> NetParameter:
        """The net that makes this top."""
        return to_proto(self)


class Function:
    """A layer with its bottoms and settings. Of the settings, `ntop` (1) and `in_place` are not the layer's own."""

    def __init__(self, kind: str, bottoms: tuple[Top, ...], settings: dict[str, Any]) -> None:
        for number, bottom in enumerate(bottoms):
            if not isinstance(bottom, Top):
                raise TrainingError(f"{kind}: bottom {number} is no top of a layer, but a {type(bottom).__name__}.")
        self.kind, self.bottoms, self.settings = kind, bottoms, dict(settings)
        self.in_place = self.settings.pop("in_place", False)
        self.tops = tuple(Top(self, number) for number in range(self.settings.pop("ntop", 1)))


class NetSpec:
    """Tops by the names that they, and the layers that make them, will have: n.NAME = L.TYPE(...), or n["NAME"]."""

    tops: dict[str, Top | Function]

    def __init__(self) -> None:
        super().__setattr__("tops", {})

    def __setattr__(self, name: str, value: Top | Function) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Any:
        if name not in self.tops:
            raise AttributeError(f'the net has no "{name}"; it has {", ".join(self.tops) or "nothing yet"}.')
        return self.tops[name]

    __setitem__ = __setattr__
    __getitem__ = __getattr__

    def to_proto(self) -> NetParameter:
        """The net that makes all these tops, in the order in which they were named."""
        return _Writer({top: name for name, top in self.tops.items()}).write(*self.tops.values())


def to_proto(*tops: Top | Function) -> NetParameter:
    """The net that makes `tops`; its blobs and layers are named by their types and numbers."""
    return _Writer({}).write(*tops)


class _Writer:
    def __init__(self, names: dict[Top | Function, str]) -> None:
        self._names = names
        self._counts: Counter[str] = Counter()
        self._net = NetParameter()
        self._done: dict[Function, LayerParameter] = {}

    def write(self, *tops: Top | Function) -> NetParameter:
        for top in tops:
            self._add(top.maker if isinstance(top, Top) else top)
        return self._net

    def _add(self, function: Function) -> LayerParameter:
        if function in self._done:
            return self._done[function]
        bottoms = [self._add(bottom.maker).top[bottom.number] for bottom in function.bottoms]
        layer = LayerParameter(type=function.kind, bottom=bottoms)
        layer.top.extend(bottoms if function.in_place else [self._name(top) for top in function.tops])
        layer.name = self._name(function.tops[0] if function.tops else function)
        own = _OWN_SETTINGS.get(function.kind)
        for key, value in function.settings.items():
            inner = own and not key.endswith("param") and hasattr(getattr(layer, own), key)
            _assign(getattr(layer, own) if inner and own else layer, key, value, function.kind)
        self._done[function] = self._net.layer.add()
        self._done[function].CopyFrom(layer)
        return self._done[function]

    def _name(self, of: Top | Function) -> str:
        if of not in self._names:
            kind = of.maker.kind if isinstance(of, Top) else of.kind
            self._counts[kind] += 1
            self._names[of] = f"{kind}{self._counts[kind]}"
        return self._names[of]


class _Layers:
    """L.TYPE(bottom, ..., setting=value, ...) is the layer's top, or with ntop its tops, or with ntop=0 the layer."""

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def make(*bottoms: Top, **settings: Any) -> Any:
            function = Function(kind, bottoms, settings)
            return function.tops[0] if len(function.tops) == 1 else function.tops or function

        return make


class _Parameters:
    """P.Pooling.MAX is the number that prototxt calls MAX in pooling_param."""

    def __getattr__(self, kind: str) -> Any:
        return getattr(caffe_pb2, f"{kind}Parameter")


layers, params = _Layers(), _Parameters()

_OWN_SETTINGS = {
    field.message_type.name.removesuffix("Parameter"): field.name
    for field in LayerParameter.DESCRIPTOR.fields
    if field.name.endswith("_param") and field.message_type
}


def _assign(message: Message, key: str, value: Any, kind: str) -> None:
    """Set a field from what Python has for it: a dict for a message, a list, or one value alone, for a repeated field."""
    if key not in message.DESCRIPTOR.fields_by_name:
        raise TrainingError(f"{kind}: has no setting {key}.")
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
