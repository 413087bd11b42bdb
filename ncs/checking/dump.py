"""The names of a blob's stages and data. The blob has none; the MYRIAD compiler writes them into a dump of its graph.

The dump is a text of Graphviz. Where the strides of data lie in the blob is unique for each, and it is in both files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from myriad.stage import Stage

_NODE = re.compile(r"^\s*(data|stage)_(0x[0-9a-f]+) \[")
_EDGE = re.compile(r"^\s*stage_(0x[0-9a-f]+) -> data_(0x[0-9a-f]+)")
_LABEL = re.compile(r'label="(.*)"$')
_STAGE = re.compile(r"Stage (.*?)\\ltype = ")
_LAYER = re.compile(r"origLayer = \[\\l    name = (.*?)\\l")
_DATA = re.compile(r"Data (.*?)\\l")
_STRIDES = re.compile(r"stridesOffset = (\d+)")


@dataclass(frozen=True)
class StageName:
    """The compiler's name of a stage, and the layer of the IR that it was made for ("" if it does not say)."""

    stage: str
    layer: str


@dataclass
class Names:
    """Names by where the strides lie: of the data, and of the stages that write them."""

    data: dict[int, str] = field(default_factory=dict)
    stages: dict[int, StageName] = field(default_factory=dict)

    def of(self, stage: Stage) -> StageName:
        """Return the names of `stage`, or its number and kind."""
        named = (self.stages.get(data.shape.strides_at) for data in stage.outputs)
        return next(filter(None, named), StageName(str(stage), ""))


def read_dump(dump: Path) -> Names:
    """Read the names. A dump that is missing or looks different gives none: they are for messages."""
    try:
        lines = dump.read_text("utf-8", "replace").splitlines()
    except OSError:
        return Names()
    labels: dict[tuple[str, str], str] = {}
    producers: dict[str, str] = {}
    node = None
    for line in lines:
        if found := _NODE.match(line):
            node = (found[1], found[2])
        elif edge := _EDGE.match(line):
            producers.setdefault(edge[2], edge[1])
        elif node and (label := _LABEL.search(line)):
            labels[node] = label[1]
            node = None
    return _names(labels, producers)


def _names(labels: Mapping[tuple[str, str], str], producers: Mapping[str, str]) -> Names:
    names = Names()
    for (kind, key), label in labels.items():
        strides, data = _STRIDES.search(label), _DATA.search(label)
        if kind != "data" or not strides or not data:
            continue
        place = int(strides[1])
        names.data[place] = data[1]
        stage = labels.get(("stage", producers.get(key, "")), "")
        if name := _STAGE.search(stage):
            layer = _LAYER.search(stage)
            names.stages[place] = StageName(name[1], layer[1] if layer else "")
    return names
