"""Finds the line of a layer in its prototxt, for error messages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..caffe_pb2 import LayerParameter, Phase
from ..errors import CaffeIOError
from ..prototxt import read_text
from .fields import TOKEN
from .upgrade import current_type


def place_of(path: str | os.PathLike[str], layer: LayerParameter) -> str:
    """Return `path` with the line (from 1) on which the block of `layer` begins, as in "net.prototxt:12".

    Of several blocks with the layer's name, type and phases it takes the first. Returns `path` alone if it is not a text file, or
    if no block is the layer's.
    """
    try:
        text = read_text(path)
    except CaffeIOError:
        return str(path)
    phases = [Phase.Name(rule.phase) for rule in (*layer.include, *layer.exclude) if rule.HasField("phase")]
    # A known layer that took the place of one of type Python keeps its python_param.
    types = {layer.type, "Python"} if layer.HasField("python_param") else {layer.type}
    found = [block for block in _blocks(text) if block.name == layer.name and types.intersection(block.types())]
    if len(found) > 1:
        # Such as the data layers of training and of testing.
        found = [block for block in found if block.phases == phases] or found
    return f"{path}:{found[0].line}" if found else str(path)


_NETS_IN_SOLVERS = ("net_param", "train_net_param", "test_net_param")


@dataclass
class _Block:
    """A block `layer` or `layers`: its first line, and the settings that identify the layer."""

    line: int
    name: str = ""
    type: str = ""
    phases: list[str] = field(default_factory=list)

    def types(self) -> tuple[str, str]:
        """Return the type as written, and its current name if it is a V1 type."""
        return self.type, current_type(self.type)


def _blocks(text: str) -> Iterator[_Block]:
    tokens = [(found.group(), found.start()) for found in TOKEN.finditer(text) if found.lastgroup != "space"]
    words = [word for word, _ in tokens]
    depth, counted, block, opener = 0, 0, _Block(1), ""
    # 1 inside a net that stands in a solver.
    level = 0
    for index, word in enumerate(words):
        if word in ("{", "<"):
            depth += 1
            if depth == 2 and opener in _NETS_IN_SOLVERS:
                level = 1
            if depth == level + 1:
                first = index - 2 if words[index - 1] == ":" else index - 1
                opener, start = words[first], tokens[first][1]
                block, counted = _Block(block.line + text.count("\n", counted, start)), start
        elif word in ("}", ">"):
            depth -= 1
            if depth == level and opener in ("layer", "layers"):
                yield block
            if depth == 0:
                level = 0
        elif words[index + 1 : index + 2] == [":"]:
            value = "".join(words[index + 2 : index + 3]).strip("\"'")
            if depth == level + 1 and word in ("name", "type"):
                setattr(block, word, value)
            elif word == "phase":
                block.phases.append(value)
