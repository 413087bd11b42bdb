"""Random messages, nets and rules for hypothesis, drawn from the schema itself."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from caffe_io.caffe_pb2 import LayerParameter, NetParameter, ParamSpec, SolverParameter, V1LayerParameter

_F = FieldDescriptor
FORK_FIELDS = {
    "BatchNormParameter": {"scale_filler", "bias_filler", "scale_bias"},
    "BlobProto": {"raw_data", "raw_data_type"},
    "DropoutParameter": {"scale_train"},
    "LayerParameter": {
        "bn_param",
        "box_annotator_ohem_param",
        "detection_evaluate_param",
        "detection_output_param",
        "hardsigmoid_param",
        "hardswish_param",
        "interp_param",
        "mish_param",
        "multibox_loss_param",
        "norm_param",
        "permute_param",
        "prior_box_param",
        "proposal_param",
        "psroi_pooling_param",
        "region_yolo_param",
        "reorg_param",
        "reorg_yolo_param",
        "roi_pooling_param",
        "shuffle_channel_param",
        "smooth_l1_loss_param",
        "upsample_param",
        "yolo_detection_output_param",
        "yolov3_detection_output_param",
    },
    "LossParameter": {"pre_fixed_normalizer"},
}
"""Message of Caffe 1.0 -> the fields that it has from forks."""
FORK_VALUES = {"LossParameter.NormalizationMode": {"PRE_FIXED"}}
"""Enumeration of Caffe 1.0 -> the values that it has from forks."""
# Fields of formats that are not compared here.
_LEFT_OUT = {
    "LayerParameter.clip_param",
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
    """The fields of a kind of message that are compared with Caffe 1.0."""
    name = message.DESCRIPTOR.name
    left_out = {*_LEFT_OUT, *(f"{name}.{field}" for field in FORK_FIELDS.get(name, ()))}
    return [f for f in message.DESCRIPTOR.fields if f"{name}.{f.name}" not in left_out]


def values_of(enum: EnumDescriptor) -> dict[str, int]:
    """The values of an enumeration that Caffe 1.0 has, too: name -> number."""
    owner = f"{enum.containing_type.name}." if enum.containing_type else ""
    forks = FORK_VALUES.get(f"{owner}{enum.name}", ())
    return {value.name: value.number for value in enum.values if value.name not in forks}


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
        numbers = list(values_of(field.enum_type).values())
        return next((number for number in numbers if number != default), numbers[0])
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
            values = st.sampled_from(list(values_of(field.enum_type).values()))
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
