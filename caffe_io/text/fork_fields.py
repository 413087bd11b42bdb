"""Handles fields of prototxt text that only forks of Caffe know.

A field that does not change the result is left out. One that Caffe 1.0 has under another name is renamed. One that changes
the result, or may do so, is refused. A fork's layer type keeps its fields: whoever builds the layer knows or refuses it.

The fields are in fork_field_table.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from google.protobuf.descriptor import Descriptor

from ..caffe_pb2 import LayerParameter, NetParameter, SolverParameter, V1LayerParameter
from ..layer_types import LAYER_TYPES
from .fields import StrangeField, strange_fields
from .fork_field_table import ADVICE, ENGINE, HARMLESS, NEUTRAL, RENAMED
from .mistakes import v1_type
from .upgrade import V0_FORMAT


@dataclass(frozen=True)
class Finding:
    """What a message says about one unknown field, and the field's place, counted from 1.

    The file cannot be read with a `fatal` one. `misplaced` means that a closing brace before it is missing, so that no
    finding about a later place counts. `kind` is the text without the layer: many layers may have the same field.
    """

    line: int
    column: int
    text: str
    fatal: bool
    misplaced: bool = False
    kind: str = ""


@dataclass(frozen=True)
class Resolved:
    """`blank` has spaces in place of the unknown fields; `text` has Caffe 1.0's equivalent of those that have one."""

    blank: str
    text: str
    findings: list[Finding]


def resolve_fork_fields(text: str, root: Descriptor) -> Resolved | None:
    """Replace the fields of prototxt `text` that the schema of `root` lacks; None if it has them all."""
    found = strange_fields(text, root)
    if not found:
        return None
    oldest = next((strange for strange in found if strange.message.name == "V0LayerParameter"), None)
    if oldest:
        return Resolved(text, text, [Finding(oldest.line, oldest.column, V0_FORMAT, fatal=True, misplaced=True)])
    blank, new = text, text
    findings: list[Finding] = []
    # From the end, so that earlier places stay valid.
    for strange in reversed(found):
        finding, equivalent = _judge(strange, found)
        findings.insert(0, finding)
        old = text[strange.start : strange.end]
        gap = re.sub(r"[^\n]", " ", old)
        blank = blank[: strange.start] + gap + blank[strange.end :]
        new = new[: strange.start] + _replacement(strange, old, gap, equivalent) + new[strange.end :]
    return Resolved(blank, new, findings)


def summary(findings: list[Finding]) -> list[str]:
    """Return "LINE:COLUMN: text" for the first finding of each kind, with the number of the others."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind or finding.text, []).append(finding)
    lines = []
    for first, *others in kinds.values():
        more = f" (And {len(others)} more like it, the last on line {others[-1].line}.)" if others else ""
        lines.append(f"{first.line}:{first.column}: {first.text}{more}")
    return lines


def _judge(strange: StrangeField, others: list[StrangeField]) -> tuple[Finding, str | None]:
    """Return what a message says about a field, and its equivalent in Caffe 1.0, None if there is none."""
    owner, name = strange.message.name, strange.name
    key = f"{owner}.{name}"
    what = f'{owner} has no field "{name}" in Caffe 1.0'
    if strange.known and strange.known.enum_type:
        what = f'"{strange.value}" is no value of {owner}.{name} in Caffe 1.0'

    def finding(rest: str, fatal: bool = False) -> Finding:
        place = f" [{strange.layer}]" if strange.layer else ""
        misplaced = strange.unclosed is not None
        return Finding(strange.line, strange.column, f"{what}{place}{rest}", fatal, misplaced, what + rest)

    if strange.unclosed is not None:
        rest = f". The closing brace of the block that begins on line {strange.unclosed} seems to be missing before it."
        return finding(rest, fatal=True), None
    if key in RENAMED and not _is_paired(strange, others):
        return finding(". Write `dilation` twice instead, first for the height.", fatal=True), None
    if key in RENAMED:
        equivalent = RENAMED[key](strange.value)
        return finding(f": read as `{equivalent}`."), equivalent
    harmless = HARMLESS.get(key) or HARMLESS.get(f"*.{name}")
    if name.startswith("cudnn_") or (strange.known and strange.known.name == "solver_mode"):
        harmless = ENGINE
    neutral, advice = NEUTRAL.get(key, (None, ""))
    if neutral is not None and strange.value is not None and _same(strange.value, neutral):
        harmless = "Caffe does that anyway"
    if harmless:
        return finding(f": ignored, because {harmless}."), None
    if strange.layer and strange.layer.type and not _is_known(strange.layer.type) and name != "type":
        return finding(": left to the layer, whose type is a fork's."), None
    return finding(_refusal(strange, advice), fatal=True), None


def _refusal(strange: StrangeField, advice: str) -> str:
    owner, name = strange.message.name, strange.name
    if advice:
        return f". It changes the result: {advice}, and remove the field."
    if sentence := ADVICE.get(f"{owner}.{name}"):
        return f": {sentence}, and remove the field."
    if owner == "V1LayerParameter" and name == "type" and (sentence := v1_type(strange.value or "")):
        return f". {sentence}"
    if not strange.known and owner == "V1LayerParameter" and name in LayerParameter.DESCRIPTOR.fields_by_name:
        return ": it came after `layers` (V1, of 2014). Write `layer` and the type in quotes."
    if strange.known and strange.known.enum_type:
        names = [value.name for value in strange.known.enum_type.values]
        near = get_close_matches((strange.value or "").upper(), names, 3) or (names if len(names) < 9 else [])
        nearest = f". Nearest: {', '.join(near)}" if near else ""
        return f"{nearest}. Correct it; values that only forks know are not supported."
    if owner == "NetParameter" and name in SolverParameter.DESCRIPTOR.fields_by_name:
        return ". It belongs to a solver, but a net is expected here, such as the one that the solver names."
    if owner == "SolverParameter" and name in NetParameter.DESCRIPTOR.fields_by_name:
        return ". It belongs to a net, but a solver is expected here, which names a net (net: ...)."
    if owner == "NetParameter" and name == "item":
        return ". This is a map of label names for the SSD fork, but a net is expected here."
    near = get_close_matches(strange.name, strange.message.fields_by_name, 2)
    nearest = f" (nearest: {', '.join(near)})" if near else ""
    return (
        f"{nearest}. Correct the name; if it is a fork's field, remove it only if the net computes the same without it."
    )


def _is_paired(strange: StrangeField, others: list[StrangeField]) -> bool:
    """Whether a dilation of the height is followed by that of the width. Caffe 1.0 distinguishes them by order alone."""
    if strange.name[-2:] not in ("_h", "_w"):
        return True
    pair = [
        other.name[-2:] for other in others if other.layer is strange.layer and other.name[:-2] == strange.name[:-2]
    ]
    return pair == ["_h", "_w"]


def _replacement(strange: StrangeField, old: str, gap: str, equivalent: str | None) -> str:
    if equivalent is None:
        return gap
    if strange.value is None:
        return old.replace(strange.name, equivalent, 1)
    return equivalent + "\n" * gap.count("\n") + " "


def _same(value: str, neutral: str) -> bool:
    value = value.strip("\"'")
    try:
        return float(value) == float(neutral)
    except ValueError:
        return value == neutral


def _is_known(name: str) -> bool:
    """Say whether a layer type is Caffe's own, under its present or a former name, or taken over from a fork."""
    former_names = V1LayerParameter.DESCRIPTOR.enum_types_by_name["LayerType"].values_by_name
    row = LAYER_TYPES.get(name)
    return name in former_names or (row is not None and (row.trained or not row.fork))
