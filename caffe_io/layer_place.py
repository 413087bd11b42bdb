"""Where in its file a layer stands, for error messages."""

from __future__ import annotations

import os
from collections.abc import Iterator

from .caffe_pb2 import LayerParameter
from .errors import CaffeIOError
from .prototxt import read_text
from .text_fields import TOKEN
from .upgrade import current_type


def place_of(path: str | os.PathLike[str], layer: LayerParameter) -> str:
    """`path` with the line (from 1) at which the block of `layer` begins, as in "net.prototxt:12".

    `path` alone if that is no text file, or if no block, or more than one, has the layer's name and type.
    """
    try:
        text = read_text(path)
    except CaffeIOError:
        return str(path)
    lines = [
        line for name, kind, line in _blocks(text) if name == layer.name and layer.type in (kind, current_type(kind))
    ]
    return f"{path}:{lines[0]}" if len(lines) == 1 else str(path)


def _blocks(text: str) -> Iterator[tuple[str, str, int]]:
    """Name, type and first line of each block `layer` or `layers` of prototxt text."""
    tokens = [(found.group(), found.start()) for found in TOKEN.finditer(text) if found.lastgroup != "space"]
    words = [word for word, _ in tokens]
    depth, line, counted = 0, 1, 0
    fields: dict[str, str] = {}
    for index, word in enumerate(words):
        if word in ("{", "<"):
            depth += 1
            if depth == 1:
                opener = index - 2 if words[index - 1] == ":" else index - 1
                line, counted = line + text.count("\n", counted, tokens[opener][1]), tokens[opener][1]
                fields = {"block": words[opener]}
        elif word in ("}", ">"):
            depth -= 1
            if depth == 0 and fields.get("block") in ("layer", "layers"):
                yield fields.get("name", ""), fields.get("type", ""), line
        elif depth == 1 and word in ("name", "type") and words[index + 1 : index + 2] == [":"]:
            fields[word] = "".join(words[index + 2 : index + 3]).strip("\"'")
