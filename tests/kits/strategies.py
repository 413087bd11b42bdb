"""Random messages, nets and rules for hypothesis, drawn from the schema itself."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from caffe_io.caffe_pb2 import LayerParameter, NetParameter, ParamSpec, SolverParameter, V1LayerParameter

_F = FieldDescriptor
# Fields that Caffe 1.0 lacks, and those of formats that are not compared here.
_LEFT_OUT = {
    "BlobProto.raw_data",
    "BlobProto.raw_data_type",
    "LayerParameter.clip_param",
    "LayerParameter.permute_param",
    "SolverParameter.net_param",
    "SolverParameter.test_net_param",
    "SolverParameter.train_net_param",
    "SolverParameter.type",
    "V1LayerParameter.layer",
}
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    _F.TYPE_BOOL: st.booleans(),
    _F.TYPE_BYTES: st.binary(max_size=4),
    _F.TYPE_DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    _F.TYPE_FLOAT: st.floats(width=32, allow_nan=False, allow_infinity=False),
    _F.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    _F.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    _F.TYPE_STRING: st.text("abcXYZ019_/. '\"\\\n\tü", max_size=6),
    _F.TYPE_UINT32: st.integers(0, 2**32 - 1),
}


def fields_of(message: type[Message]) -> list[FieldDescriptor]:
    """The fields of a kind of message that are compared."""
    return [f for f in message.DESCRIPTOR.fields if f"{message.DESCRIPTOR.name}.{f.name}" not in _LEFT_OUT]


def full(message: Message) -> None:
    """Fill every field with something that is not its default."""
    for field in fields_of(type(message)):
        if field.message_type:
            inner = getattr(message, field.name)
            full(inner.add() if field.is_repeated else inner)
        else:
            value = _other_than(field)
            if field.is_repeated:
                getattr(message, field.name).extend([value, value])
            else:
                setattr(message, field.name, value)


def _other_than(field: FieldDescriptor) -> Any:
    default = field.default_value
    if field.enum_type:
        return next((v.number for v in field.enum_type.values if v.number != default), field.enum_type.values[0].number)
    if field.type == _F.TYPE_BOOL:
        return not default
    if field.type in (_F.TYPE_STRING, _F.TYPE_BYTES):
        return "other" if field.type == _F.TYPE_STRING else b"other"
    return 3 if default != 3 else 4


@st.composite
def messages(draw: st.DrawFn, kind: type[Message], most: int = 5) -> Any:
    """A message of `kind` with at most `most` of its fields set, and so on inside."""
    message = kind()
    fields = fields_of(kind)
    for field in draw(st.lists(st.sampled_from(fields), max_size=most, unique_by=id)) if fields else []:
        if field.message_type:
            values = messages(GetMessageClass(field.message_type), 3)
        elif field.enum_type:
            values = st.sampled_from([value.number for value in field.enum_type.values])
        else:
            values = _SCALARS[field.type]
        if field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(values, max_size=3)))
        elif field.message_type:
            getattr(message, field.name).CopyFrom(draw(values))
        else:
            setattr(message, field.name, draw(values))
    return message


@st.composite
def nets(draw: st.DrawFn) -> NetParameter:
    """A net of V1 or of current layers, with or without input fields."""
    net = NetParameter()
    if draw(st.booleans()):
        net.layers.extend(draw(st.lists(messages(V1LayerParameter), max_size=4)))
    else:
        net.layer.extend(draw(st.lists(messages(LayerParameter), max_size=4)))
        for layer in net.layer:
            if draw(st.booleans()):
                layer.type = "BatchNorm"
                layer.param.extend(draw(st.lists(messages(ParamSpec), max_size=3)))
    inputs = draw(st.lists(_SCALARS[_F.TYPE_STRING], max_size=3))
    net.input.extend(inputs)
    shapes = len(inputs) + draw(st.integers(0, 1))
    if draw(st.booleans()):
        net.input_dim.extend(draw(st.lists(st.integers(1, 9), min_size=4 * shapes, max_size=4 * shapes)))
    if draw(st.booleans()):
        for _ in range(shapes):
            net.input_shape.add().dim.extend(draw(st.lists(st.integers(1, 9), max_size=5)))
    return net


def solvers() -> st.SearchStrategy[SolverParameter]:
    """A solver without nets inside; its snapshot_prefix is always set."""

    def with_prefix(solver: SolverParameter) -> SolverParameter:
        solver.snapshot_prefix = "prefix"
        return solver

    return messages(SolverParameter, 12).map(with_prefix)
