"""The contents of a blob as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..blob import Blob
from ..data import Data, Entry
from ..stage import Stage
from ..work import multiply_adds
from . import words


def contents(blob: Blob) -> str:
    """Return the header, inputs and outputs, a table of the kinds of stages, and every stage with its data."""
    return "\n".join([*_head(blob), "", *_entries(blob), "", *_kinds(blob), "", *_stages(blob)])


def size(count: int) -> str:
    """Write a number of bytes: 812 B, 1.2 kB, 24.9 MB."""
    for unit, value in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= value:
            return f"{count / value:.1f} {unit}"
    return f"{count} B"


def work(count: int) -> str:
    """Write a number of multiply-adds: 734.5 M."""
    for unit, value in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= value:
            return f"{count / value:.1f} {unit}"
    return str(count)


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Align rows of equal length; `right` are the numbers of the columns that are flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _head(blob: Blob) -> Iterator[str]:
    header = blob.header
    inner = len(blob.stages) - header.stages
    beside = f" and {inner} that run beside others" if inner else ""
    more = f" and {blob.more:,} more after it" if blob.more else ""
    yield f"{blob.path}: Myriad X blob {header.major}.{header.minor}, {header.bytes:,} bytes{more}"
    yield f"  for {header.shaves} SHAVEs and {header.cmx_slices} CMX slices; {header.stages} stages{beside}; batch {header.batch}"
    yield (
        f"  inputs {size(header.input_bytes)}, outputs {size(header.output_bytes)}, scratch memory (BSS) "
        f"{size(header.bss_bytes)}, constants {size(len(blob.constants))}"
    )
    yield f"  {work(sum(map(multiply_adds, blob.stages)))} multiply-adds"


def _entries(blob: Blob) -> list[str]:
    rows = [["", "name", "type", "order", "shape", "strides", "at"]]
    for kind, entries in (("input", blob.inputs), ("output", blob.outputs)):
        rows += [_entry(f"{kind} {number}", entry) for number, entry in enumerate(entries)]
    return table(rows)


def _entry(what: str, entry: Entry) -> list[str]:
    shape = entry.shape
    return [
        what,
        words.name(entry.name),
        shape.element,
        shape.letters,
        words.shape(shape),
        _strides(shape.strides),
        str(entry.offset),
    ]


def _kinds(blob: Blob) -> list[str]:
    """One line for each kind of stage, the most laborious first."""
    rows = [["stages", "number", "multiply-adds", "constants", "reads", "writes"]]
    kinds: dict[str, list[Stage]] = {}
    for stage in blob.stages:
        kinds.setdefault(stage.name, []).append(stage)
    for name, stages in sorted(kinds.items(), key=lambda item: -sum(map(multiply_adds, item[1]))):
        rows.append([name, str(len(stages)), work(sum(map(multiply_adds, stages))), *_bytes(stages)])
    return table(rows, right=range(1, 6))


def _bytes(stages: Sequence[Stage]) -> list[str]:
    totals = [stage.traffic for stage in stages]
    return [size(sum(column)) for column in zip(*totals, strict=True)]


def _stages(blob: Blob) -> Iterator[str]:
    for stage in blob.stages:
        yield from _stage(stage)


def _stage(stage: Stage) -> list[str]:
    beside = f" beside stage {stage.injected_in}" if stage.injected_in >= 0 else ""
    shaves = f", {stage.shaves} SHAVEs" if stage.shaves else ""
    count = multiply_adds(stage)
    effort = f", {work(count)} multiply-adds" if count else ""
    head = f"{stage.number:4}  {stage.name}{beside}{shaves}{effort}"
    said = words.parameters(stage)
    rows = [_datum(role, data) for role, data in zip(stage.roles, stage.data, strict=True)]
    return [
        head,
        *([f"      {said}"] if said else []),
        *(f"      {line}" for line in (table(rows, [5]) if rows else [])),
    ]


def _datum(role: str, data: Data) -> list[str]:
    shape = data.shape
    return [
        role,
        shape.element,
        shape.letters,
        words.shape(shape),
        words.place(data),
        size(shape.bytes),
        f"strides {_strides(shape.strides)}",
    ]


def _strides(strides: Sequence[int]) -> str:
    return " ".join(map(str, strides))
