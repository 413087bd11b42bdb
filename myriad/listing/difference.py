"""How two blobs differ, stage by stage: what was added, removed or changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from difflib import SequenceMatcher

import numpy as np

from ..blob import Blob
from ..data import Data, Entry, Place
from ..stage import Stage
from . import words

# With more stages than that on either side, stages are compared by their numbers.
_MOST_MATCHED = 3000


def difference(old: Blob, new: Blob) -> list[str]:
    """Return lines about what differs: `-` was removed, `+` added, `~` changed. The last one counts the stages that are equal.

    Addresses in memory differ between almost any two compiles. Stages that differ in nothing else count as equal.
    """
    lines = [
        *_header(old, new),
        *_entries("input", old.inputs, new.inputs),
        *_entries("output", old.outputs, new.outputs),
    ]
    equal = moved = 0
    for first, second in _pairs(old.stages, new.stages):
        if first is None or second is None:
            sign, stage = ("-", first) if second is None else ("+", second)
            assert stage is not None
            lines.append(f"{sign} {_named(stage)}{_said(stage)}")
            continue
        changes = [*_changes(old, first, new, second)]
        if changes:
            number = "" if first.number == second.number else f", now {second.number}"
            lines += [f"~ {_named(first)}{number}:", *(f"    {change}" for change in changes)]
        else:
            equal += 1
            moved += [data.offset for data in first.data] != [data.offset for data in second.data]
    addresses = f"; {moved} of them use other addresses" if moved else ""
    return [*lines, f"{equal} stages are equal{addresses}."]


def _named(stage: Stage) -> str:
    return f"stage {stage.number} {stage.name}"


def _said(stage: Stage) -> str:
    """Return a stage's parameters and the shapes of its data, for a line about a stage on one side alone."""
    said = words.parameters(stage)
    shapes = ", ".join(f"{role} {words.shape(data.shape)}" for role, data in zip(stage.roles, stage.data, strict=True))
    return "".join(f"; {part}" for part in (said, shapes) if part)


def _header(old: Blob, new: Blob) -> Iterator[str]:
    # What follows from the rest.
    places = {"bytes", "inputs_at", "outputs_at", "stages_at", "constants_at", "inputs", "outputs", "stages"}
    before, after = (asdict(blob.header) for blob in (old, new))
    for name, value in before.items():
        if name not in places and after[name] != value:
            yield f"~ header: {name} {value} -> {after[name]}"
    if len(old.constants) != len(new.constants):
        yield f"~ constants: {len(old.constants):,} -> {len(new.constants):,} bytes"


def _entries(kind: str, old: Sequence[Entry], new: Sequence[Entry]) -> Iterator[str]:
    before, after = ({entry.name: _entry(entry) for entry in entries} for entries in (old, new))
    for name, said in before.items():
        if name not in after:
            yield f"- {kind} {name}: {said}"
        elif after[name] != said:
            yield f"~ {kind} {name}: {said} -> {after[name]}"
    for name, said in after.items():
        if name not in before:
            yield f"+ {kind} {name}: {said}"


def _entry(entry: Entry) -> str:
    return f"{entry.shape.element} {entry.shape.letters} {words.shape(entry.shape)}"


def _pairs(old: Sequence[Stage], new: Sequence[Stage]) -> Iterator[tuple[Stage | None, Stage | None]]:
    """Pair the stages that correspond, in their order; None for one that the other side lacks."""
    # Most blobs that are compared begin and end alike, which saves the matcher its work.
    begin, most = 0, min(len(old), len(new))
    old_keys, new_keys = ([_key(stage) for stage in stages] for stages in (old, new))
    while begin < most and old_keys[begin] == new_keys[begin]:
        begin += 1
    end = 0
    while end < most - begin and old_keys[-1 - end] == new_keys[-1 - end]:
        end += 1
    yield from zip(old[:begin], new[:begin], strict=True)
    old_end, new_end = len(old) - end, len(new) - end
    if max(old_end, new_end) - begin > _MOST_MATCHED:
        blocks = [("replace", begin, old_end, begin, new_end)]
    else:
        matcher = SequenceMatcher(None, old_keys[begin:old_end], new_keys[begin:new_end], autojunk=False)
        blocks = [(tag, begin + a, begin + b, begin + c, begin + d) for tag, a, b, c, d in matcher.get_opcodes()]
    for tag, a, b, c, d in blocks:
        if tag == "equal":
            yield from zip(old[a:b], new[c:d], strict=True)
        else:
            yield from _by_kind(old[a:b], new[c:d])
    yield from zip(old[old_end:], new[new_end:], strict=True)


def _by_kind(old: Sequence[Stage], new: Sequence[Stage]) -> Iterator[tuple[Stage | None, Stage | None]]:
    """Pair stages of one kind, in their order."""
    waiting: dict[int, list[Stage]] = {}
    for stage in reversed(new):
        waiting.setdefault(stage.type, []).append(stage)
    for stage in old:
        same = waiting.get(stage.type)
        yield stage, same.pop() if same else None
    for stage in new:
        if stage in waiting.get(stage.type, []):
            yield None, stage


def _key(stage: Stage) -> tuple[object, ...]:
    """What makes two stages alike: all but their weights' bytes, their SHAVEs, and where their data lie."""
    shapes = tuple((data.shape.element, data.shape.letters, data.shape.dims) for data in stage.data)
    return stage.type, stage.jobs or stage.raw, shapes


def _changes(old: Blob, first: Stage, new: Blob, second: Stage) -> Iterator[str]:
    """Say in what two stages of one kind differ."""
    if first.shaves != second.shaves:
        yield f"SHAVEs {first.shaves} -> {second.shaves}"
    before, after = words.parameters(first), words.parameters(second)
    if before != after:
        yield f"{before or 'no parameters'} -> {after or 'no parameters'}"
    ours, theirs = (_by_role(stage) for stage in (first, second))
    for role in [*ours, *(role for role in theirs if role not in ours)]:
        one, other = ours.get(role), theirs.get(role)
        if one is None or other is None:
            present = one or other
            assert present is not None
            yield f"{role} {'added' if one is None else 'removed'}: {_datum(present)}"
        elif _datum(one) != _datum(other):
            yield f"{role} {_datum(one)} -> {_datum(other)}"
        elif one.place is Place.CONSTANT:
            count = _differing(old, one, new, other)
            if count:
                yield f"{role}: {count:,} of {one.shape.bytes:,} bytes differ"


def _by_role(stage: Stage) -> dict[str, Data]:
    """Return the data of a stage by role; of several with one role, the second one's is "in 2"."""
    found: dict[str, Data] = {}
    counts: Counter[str] = Counter()
    for role, data in zip(stage.roles, stage.data, strict=True):
        counts[role] += 1
        found[role if counts[role] == 1 else f"{role} {counts[role]}"] = data
    return found


def _datum(data: Data) -> str:
    return f"{data.shape.element} {data.shape.letters} {words.shape(data.shape)} in {words.memory(data)}"


def _differing(old: Blob, one: Data, new: Blob, other: Data) -> int:
    """Count the bytes in which two constants of one shape differ."""
    length = one.shape.bytes
    first, second = (
        np.frombuffer(blob.constants[data.offset : data.offset + length], np.uint8)
        for blob, data in ((old, one), (new, other))
    )
    if len(first) != len(second):
        return length
    return int(np.count_nonzero(first != second))
