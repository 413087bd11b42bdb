"""Runs in the tool chain's Python: answers questions about files by pycaffe, one line of JSON each way.

What Caffe refuses ends its process, so every question that builds a net is answered by a child of its own.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import caffe
import numpy as np
from caffe.proto import caffe_pb2


class Wire(caffe.Layer):
    """A layer with any bottoms and tops, for nets of which only the wiring matters."""

    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        for index in range(len(top)):  # pycaffe's list cannot be iterated here
            top[index].reshape(1)

    def forward(self, bottom, top):
        pass

    def backward(self, top, propagate_down, bottom):
        pass


def schema(request):
    """Message -> field -> number, label, type, type's name, default; enumeration -> value -> number."""
    messages, enums = {}, {}

    def walk(message):
        messages[message.full_name] = {
            field.name: [
                field.number,
                field.label,
                field.type,
                (field.message_type or field.enum_type).full_name if field.message_type or field.enum_type else None,
                None if field.message_type or isinstance(field.default_value, bytes) else field.default_value,
                bool(field.GetOptions().packed),
            ]
            for field in message.fields
        }
        for enum in message.enum_types:
            enums[enum.full_name] = {value.name: value.number for value in enum.values}
        for inner in message.nested_types:
            walk(inner)

    file = caffe_pb2.DESCRIPTOR
    for message in file.message_types_by_name.values():
        walk(message)
    for enum in file.enum_types_by_name.values():
        enums[enum.full_name] = {value.name: value.number for value in enum.values}
    return {"messages": messages, "enums": enums}


def layers(request):
    """The names of a net's layers for a state, without those that Caffe puts in itself."""
    net = caffe.Net(request["net"], request["phase"], level=request["level"], stages=request["stages"])
    return {"layers": [name for name in net._layer_names if "_split" not in name]}


def params(request):
    """A net's weights from a caffemodel, into an .npz; and the net saved anew."""
    net = caffe.Net(request["net"], caffe.TEST, weights=request["weights"])
    arrays = {f"{name}/{i}": blob.data for name, blobs in net.params.items() for i, blob in enumerate(blobs)}
    np.savez(request["out"], **arrays)
    net.save(request["saved"])
    return {}


def forward(request):
    """The blobs of a net after a forward pass, into an .npz."""
    net = caffe.Net(request["net"], caffe.TEST)
    net.forward()
    np.savez(request["out"], **{name: blob.data for name, blob in net.blobs.items()})
    return {}


def resume(request):
    """A solver that resumes from a solverstate: its iteration and weights; then a snapshot."""
    solver = caffe.get_solver(request["solver"])
    if request.get("state"):
        solver.restore(request["state"])
        arrays = {f"{name}/{i}": b.data for name, blobs in solver.net.params.items() for i, b in enumerate(blobs)}
        np.savez(request["out"], **arrays)
    solver.snapshot()
    return {"iter": solver.iter}


QUESTIONS = {f.__name__: f for f in (schema, layers, params, forward, resume)}


def in_child(request):
    """The answer of a child process, or {"refused": the signal that ended it}."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            answer = QUESTIONS[request["do"]](request)
        except Exception:
            answer = {"error": traceback.format_exc()}
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    status = os.waitpid(child, 0)[1]
    return json.loads(answer.decode()) if answer else {"refused": status & 127}


def main():
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    for line in sys.stdin:
        print(json.dumps(in_child(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
