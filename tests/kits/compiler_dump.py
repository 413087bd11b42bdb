"""The MYRIAD compiler's own dump of its graph (MYRIAD_DUMP_INTERNAL_GRAPH_FILE_NAME), which says what it writes into a blob."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_NODE = re.compile(r'^    ((?:data|stage)_0x\w+) \[\n(?:        \w.*\n)*?        label="(.*)"$', re.MULTILINE)
_EDGE = re.compile(
    r'^    (\w+_0x\w+) -> (\w+_0x\w+) \[\n(?:        \w.*\n)*?        label="(\w[\w ]*)\\l.*"$', re.MULTILINE
)
_PLACES = {"None": "NONE", "Input": "INPUT", "Output": "OUTPUT", "Blob": "CONSTANT", "BSS": "BSS", "CMX": "CMX"}


@dataclass(frozen=True)
class DumpedData:
    """Data as the compiler describes them. `dims` and `strides` are by letter."""

    name: str
    element: str
    order: str
    dims: dict[str, int]
    strides: dict[str, int]
    place: str
    offset: int
    strides_at: int


@dataclass
class DumpedStage:
    """A stage: its place in the order (-1 if it leaves no record), its attributes, and the data that it takes and makes."""

    number: int
    name: str
    type: str
    shaves: int
    attributes: dict[str, str]
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    carries: list[DumpedStage] = field(default_factory=list)
    is_carried: bool = False


@dataclass(frozen=True)
class Dump:
    """The dump of a compile."""

    data: dict[str, DumpedData]
    stages: list[DumpedStage]

    def in_order(self) -> list[DumpedStage]:
        """Return the stages that leave a record, in the order of the file: one that is injected after the one that carries it."""
        found = []
        for stage in sorted(self.stages, key=lambda stage: stage.number):
            if stage.number >= 0 and not stage.is_carried:
                found += [stage, *stage.carries]
        return found


def read_dump(path: Path) -> Dump:
    """Read a dump."""
    text = path.read_text()
    data: dict[str, DumpedData] = {}
    stages: dict[str, DumpedStage] = {}
    for key, label in _NODE.findall(text):
        if key.startswith("data"):
            data[key] = _data(label)
        else:
            stages[key] = _stage(label)
    for source, target, kind in _EDGE.findall(text):
        if kind == "StageInput":
            stages[target].inputs.append(source)
        elif kind == "StageOutput":
            stages[source].outputs.append(target)
        elif kind == "Injected Stage":
            stages[source].carries.append(stages[target])
            stages[target].is_carried = True
    return Dump(data, list(stages.values()))


def _data(label: str) -> DumpedData:
    def word(name: str) -> str:
        found = re.search(rf"\\l *{name} = ([^\\]*)", label)
        assert found, (name, label)
        return found[1]

    # The first of them are of the data themselves; those of the network's own input or output come later.
    dims, strides = (re.search(rf"{name} = \[(\w : .*?)\]", label) for name in ("dims", "strides"))
    return DumpedData(
        name=label.split(r"\l")[0].removeprefix("Data "),
        element=word("type"),
        order=word("dimsOrder"),
        dims=_by_letter(dims[1] if dims else ""),
        strides=_by_letter(strides[1] if strides else ""),
        place=_PLACES[word("dataLocation")],
        offset=int(word("dataOffset")),
        strides_at=int(word("stridesOffset")),
    )


def _by_letter(words: str) -> dict[str, int]:
    return {letter: int(number) for letter, number in re.findall(r"(\w) : (\d+)", words)}


def _stage(label: str) -> DumpedStage:
    head = re.match(r"\[(-?\d+) / -?\d+\] Stage (.*?)\\ltype = (\w+)", label)
    assert head, label
    attributes = dict(re.findall(r"\\l +(\w+) = ([^\\\[]+)", label))
    shaves = re.search(r"numSHAVEs = (\d+)", label)
    return DumpedStage(int(head[1]), head[2], head[3], int(shaves[1]) if shaves else 0, attributes)
