"""Says what is meant where prototxt text does not parse: common mistakes, and words of the V1 format among current ones."""

from __future__ import annotations

import re
from collections.abc import Iterable

from common.messages import known_names

from ..caffe_pb2 import V1LayerParameter
from ..layer_types import LAYER_TYPES
from .upgrade import current_type

V1_TYPES = V1LayerParameter.LayerType.keys()
_WORD = r"[\"']?(\w+)[\"']?"


def explained(reason: str, line: str, column: int) -> str:
    """Return a better sentence than the parser's `reason` about what stands at `column` (from 1) of a line, or ""."""
    before, here = line[: column - 1], line[column - 1 :]
    if found := re.match(rf'Enum type "caffe\.V1LayerParameter\.LayerType" has no value named {_WORD}', reason):
        return v1_type(found[1])
    if found := re.match(r"Enum type .* has no value named \"(\w+)\"", reason):
        return f"{found[1]} is a word, not a text. Write it without the quotes."
    if re.match("[\u201c\u201d\u2018\u2019]", here):
        return "These quotes are typographic ones. Write straight quotes."
    if here.startswith("/"):
        return "A comment begins with #."
    if found := re.match(r"Expected string but found: '(\w+)'", reason):
        return _unquoted(found[1], before)
    if reason.startswith('Expected ":"') and re.search(r"\bparam\s*$", before):
        return (
            "`layers` (V1, of 2014) has no blocks `param`. Write `layer` and the type in quotes; "
            "or, as V1 does, blobs_lr: 1 weight_decay: 1 for each blob."
        )
    if reason.startswith('Expected "{"') and re.search(r"\bparam\s*:?\s*$", before):
        return 'Only `layers` (V1, of 2014) names a blob this way. Write param { name: "NAME" }.'
    return ""


def v1_type(value: str) -> str:
    """Say what to write in place of `layers { type: VALUE }`, whose type V1 does not have."""
    if value in V1_TYPES:
        return f"`layers` (V1, of 2014) has its types without quotes. Write type: {value}."
    current = next((name for name in LAYER_TYPES if name.lower() == value.lower()), "")
    if not current:
        return ""
    old = next((name for name in V1_TYPES if current_type(name) == current), "")
    way_back = f", or keep `layers` and write type: {old}" if old else ""
    return f'`layers` (V1, of 2014) has no type {current}. Write `layer` and type: "{current}"{way_back}.'


def former_type(value: str) -> str:
    """Say the current name of a layer type that is written as V1 wrote it; "" if it is not."""
    if value not in V1_TYPES or value == "NONE" or value in LAYER_TYPES:
        return ""
    return f'{value} is a type of `layers` (V1, of 2014). In `layer`, write type: "{current_type(value)}".'


def unknown_type(value: str, known: Iterable[str]) -> str:
    """Say what may be meant by a layer type that is none of the `known` ones, and what to do."""
    if sentence := former_type(value):
        return sentence
    names = known_names(value, known)
    if names.endswith("?"):
        return names
    return (
        f"{names} If it is a fork's, compute it in a layer of type Python of your own (docs/pycaffe.md), or take the net up to "
        "the layer before it."
    )


def _unquoted(word: str, before: str) -> str:
    if re.search(r"\btype\s*:\s*$", before) and (sentence := former_type(word)):
        return sentence
    return f'{word} is a text, which needs quotes. Write "{word}".'
