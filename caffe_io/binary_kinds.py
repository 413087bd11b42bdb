"""Says which of Caffe's binary files one is that was taken for another; `common.file_kinds` knows all others."""

from __future__ import annotations

from google.protobuf.message import DecodeError, Message

from common.file_kinds import what_it_is

from .caffe_pb2 import BlobProto, NetParameter, SolverState


def what_binary_it_is(data: bytes) -> str:
    """Say what the file with these bytes is, and which option takes it. Return "" if it is unknown."""
    if sentence := what_it_is(data):
        return sentence
    state, mean, net = SolverState(), BlobProto(), NetParameter()
    if _parses(state, data) and state.HasField("iter") and (state.history or state.learned_net):
        return "It is a solver state. Pass it with --snapshot, and its caffemodel with --weights."
    if _parses(net, data) and (any(layer.name for layer in net.layer) or any(old.name for old in net.layers)):
        return "It is a caffemodel. Pass it with --weights."
    if _parses(mean, data) and len(mean.data) > 1 and (mean.HasField("height") or mean.HasField("shape")):
        return "It is a mean image (binaryproto)."
    return ""


def _parses(message: Message, data: bytes) -> bool:
    try:
        message.ParseFromString(data)
    except DecodeError:
        return False
    return True
