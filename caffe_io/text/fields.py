"""Finds the fields of prototxt text that the schema does not know, each with its place in the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor, FieldDescriptor

TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<string>"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*')
      | (?P<word>[A-Za-z0-9_.+-]+)
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"{": "}", "<": ">", "[": "]"}
_LAYERS = ("LayerParameter", "V1LayerParameter")


@dataclass
class LayerHead:
    """Name and type of the layer that a field belongs to; filled while its block is read."""

    name: str = ""
    type: str = ""

    def __str__(self) -> str:
        return f'layer "{self.name}" ({self.type or "no type"})'


@dataclass(frozen=True)
class StrangeField:
    """A field that the schema lacks, or, if `known` is set, an enumeration with a value that it lacks.

    Lines and columns count from 1. `start` and `end` bound the field, its value and a separator after it. `value` is
    the text of a scalar value, None for a block or a list. A field that only an outer block knows suggests a missing
    brace: `unclosed` is then the line on which the inner block begins.
    """

    message: Descriptor
    name: str
    value: str | None
    line: int
    column: int
    start: int
    end: int
    layer: LayerHead | None
    known: FieldDescriptor | None
    unclosed: int | None


def strange_fields(text: str, root: Descriptor) -> list[StrangeField]:
    """Return the unknown fields and enumeration values of prototxt `text` of a `root` message, in the order of the text.

    Stops where the text is not prototxt; the parser reports that.
    """
    scan = _Scan(text)
    found = []
    try:
        for strange in scan.block([root], 0, None):
            found.append(strange)
            if strange.unclosed is not None:
                # Everything after a missing brace is out of place.
                break
    except _NoPrototxt:
        pass
    return found


def unclosed_line(text: str) -> int | None:
    """Return the line (from 1) of the last opening brace without a closing one; None if all have one."""
    opened: list[int] = []
    for token in TOKEN.finditer(text):
        if token.group() in ("{", "<"):
            opened.append(token.start())
        elif token.group() in ("}", ">") and opened:
            opened.pop()
    return text.count("\n", 0, opened[-1]) + 1 if opened else None


class _NoPrototxt(Exception):
    pass


class _Scan:
    """Walks once over the text's tokens. Recursion is only as deep as the schema: unknown blocks are skipped by a loop."""

    def __init__(self, text: str) -> None:
        tokens = [found for found in TOKEN.finditer(text) if found.lastgroup != "space"]
        self._texts = [token.group() for token in tokens]
        self._starts = [token.start() for token in tokens]
        # Where each line begins.
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._at = 0

    def block(self, messages: list[Descriptor], line: int, layer: LayerHead | None) -> Iterator[StrangeField]:
        """Read the fields of a message up to its closing brace. `messages` holds the root, and so on down to this message."""
        while self._at < len(self._texts):
            token = self._here()
            if token in ("}", ">"):
                if len(messages) > 1:
                    self._at += 1
                return
            if token in (",", ";"):
                self._at += 1
            else:
                yield from self._field(messages, line, layer)

    def _field(self, messages: list[Descriptor], block_line: int, layer: LayerHead | None) -> Iterator[StrangeField]:
        name, first = self._here(), self._at
        if not re.match(r"\w", name):
            raise _NoPrototxt
        start = self._starts[first]
        line = bisect_right(self._lines, start)
        known = messages[-1].fields_by_name.get(name)
        self._at += 1
        colon = self._here() == ":"
        self._at += colon
        opens = self._here() in ("{", "<")
        if known and known.message_type and opens:
            self._at += 1
            inner = LayerHead() if known.message_type.name in _LAYERS else layer
            yield from self.block([*messages, known.message_type], line, inner)
            return
        if not colon and not opens:
            raise _NoPrototxt
        value = self._value()
        if known and layer and messages[-1].name in _LAYERS and name in ("name", "type"):
            setattr(layer, name, (value or "").strip("\"'"))
        self._at += self._here() in (",", ";")
        if known and not _is_strange(known, value):
            return
        outer = not known and any(name in message.fields_by_name for message in messages[:-1])
        last = self._at - 1
        yield StrangeField(
            message=messages[-1],
            name=name,
            value=value,
            line=line,
            column=start - self._lines[line - 1] + 1,
            start=start,
            end=self._starts[last] + len(self._texts[last]),
            layer=layer,
            known=known,
            unclosed=block_line if outer else None,
        )

    def _value(self) -> str | None:
        """Skip a value and return its text; None for a block or a list."""
        first = self._at
        if self._here() in _CLOSING:
            self._pass_brackets()
            return None
        if self._here()[:1] in ("'", '"'):
            while self._here()[:1] in ("'", '"'):
                self._at += 1
        else:
            self._at += self._here() == "-"
            if not re.match(r"[\w.+-]", self._here()):
                raise _NoPrototxt
            self._at += 1
        return "".join(self._texts[first : self._at])

    def _pass_brackets(self) -> None:
        expected = []
        while self._at < len(self._texts):
            token = self._here()
            self._at += 1
            if token in _CLOSING:
                expected.append(_CLOSING[token])
            elif token == expected[-1]:
                expected.pop()
                if not expected:
                    return
        raise _NoPrototxt

    def _here(self) -> str:
        return self._texts[self._at] if self._at < len(self._texts) else "\0"


def _is_strange(known: FieldDescriptor, value: str | None) -> bool:
    """Whether `value` is a name that the enumeration `known` lacks."""
    if known.enum_type is None or not value or not re.fullmatch(r"[A-Za-z_]\w*", value):
        return False
    return value not in known.enum_type.values_by_name
