"""Reads nets and solvers from text and binary files, and upgrades older ones to the current form."""

from __future__ import annotations

import codecs
import logging
import os
import re
from pathlib import Path
from typing import TypeVar, cast

from google.protobuf import text_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, EncodeError, Message

from common.commands import LOGGER
from common.file_kinds import HEAD, foreign_kind
from common.inputs import read_input

from .binary_kinds import what_binary_it_is
from .caffe_pb2 import LayerParameter, NetParameter, SolverParameter, V1LayerParameter
from .errors import CaffeIOError, PrototxtError, WeightsError
from .text.fields import unclosed_line
from .text.fork_fields import resolve_fork_fields, summary
from .text.mistakes import explained
from .text.upgrade import upgrade_net, upgrade_solver
from .transform_param import warn_of_ignored

M = TypeVar("M", bound=Message)

# How many findings one message lists.
_MOST_FINDINGS = 10
# How much of a line a message shows; some generated files are one line.
_WIDTH = 110
# Bytes; more cannot be a prototxt that somebody wrote, or a message that protobuf can hold.
_LARGEST_TEXT = 1 << 28
_LARGEST_MESSAGE = 2**31 - 1
_logger = logging.getLogger(LOGGER)


def read_net(path: str | os.PathLike[str]) -> NetParameter:
    """Read a net from prototxt text, with V1 layers, input fields and older BatchNorm params in current form.

    Warns of a transform_param that Caffe ignores. Raises PrototxtError (with line and column) for text that is not a
    net, CaffeIOError if the file cannot be read.
    """
    net = upgrade_net(parse_text(read_text(path), NetParameter(), str(path)), str(path))
    warn_of_ignored(net, str(path))
    return net


def read_binary_net(path: str | os.PathLike[str]) -> NetParameter:
    """Read a net with its weights from a caffemodel, upgraded like `read_net`. Raises WeightsError if it is damaged."""
    net = parse_binary(path, NetParameter(), "a caffemodel")
    _mend_names(net)
    upgrade_net(net, str(path))
    for layer in net.layer:
        # Forks write other settings under the number of clip_param, which has required fields.
        if layer.type != "Clip":
            layer.ClearField("clip_param")
    try:
        _require(net, str(path))
    except PrototxtError as error:
        raise WeightsError(f"{error} The file is damaged, or from a fork with other layers.") from error
    return net


def read_solver(path: str | os.PathLike[str]) -> SolverParameter:
    """Read a solver from prototxt text.

    The enumeration `solver_type` becomes the string `type`. If snapshot_prefix is missing, or is a folder, it is
    completed from the file's name, as in Caffe. Warns of a transform_param that Caffe ignores in a net inside the solver.
    """
    solver = parse_text(read_text(path), SolverParameter(), str(path))
    upgrade_solver(solver, str(path))
    for net in (solver.net_param, solver.train_net_param, *solver.test_net_param):
        warn_of_ignored(net, str(path))
    return solver


def to_text(message: Message) -> str:
    """Write a message as prototxt text."""
    return text_format.MessageToString(message)


def parse_text(text: str, message: M, name: str) -> M:
    """Parse prototxt `text` into `message`; `name` is the file's name for error messages.

    Warns of fields that only forks know if they change nothing. Raises PrototxtError if they may change something, for
    text that does not parse, and for required fields that are missing.
    """
    error = _try_parse(text, message)
    resolved = resolve_fork_fields(text, cast(Descriptor, message.DESCRIPTOR)) if error else None
    if resolved:
        error = _try_parse(resolved.blank, message)
        fatal = [finding for finding in resolved.findings if finding.fatal]
        if fatal and (error is None or fatal[-1].misplaced or fatal[0].line <= (error.GetLine() or 0)):
            raise PrototxtError("\n".join(f"{name}:{line}" for line in summary(fatal)[:_MOST_FINDINGS]))
        if error is None:
            for line in summary(resolved.findings):
                _logger.warning("%s:%s", name, line)
            error = _try_parse(resolved.text, message)
    if error:
        raise _syntax_error(error, text, message, name) from error
    _require(message, name)
    return message


def parse_binary(path: str | os.PathLike[str], message: M, what: str) -> M:
    """Parse the binary file at `path` into `message`; `what` says what the file should be, for error messages."""
    try:
        data = read_input(path, _LARGEST_MESSAGE)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); expected {what}.") from error
    if not data:
        raise WeightsError(f"{path}: is empty (0 bytes); expected {what}.")
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        advice = what_binary_it_is(data) or "Copy it again, or take an earlier snapshot."
        raise WeightsError(
            f"{path}: {len(data)} bytes that are not {what}; the file is damaged, cut short or of another kind. {advice}"
        ) from error
    return message


def read_text(path: str | os.PathLike[str]) -> str:
    """Read the text of a prototxt file. Raises CaffeIOError if it is missing, PrototxtError if it is not text.

    Lines that are not UTF-8, such as comments in older encodings, are read as Latin-1.
    """
    try:
        data = read_input(path, _LARGEST_TEXT)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and not Path(path).is_absolute()
        hint = f" File names are relative to the folder where the command runs: {Path.cwd()}." if missing else ""
        raise CaffeIOError(f"{path}: cannot be read ({error.strerror}); expected a prototxt file.{hint}") from error
    if b"\0" in data:
        advice = what_binary_it_is(data) or "Pass a caffemodel with --weights."
        raise PrototxtError(f"{path}: is not text; expected a prototxt file. {advice}")
    lines = data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").split(b"\n")
    return "\n".join(_decode(line) for line in lines)


def _decode(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _mend_names(net: NetParameter) -> None:
    """Decode the names that the parser leaves as bytes because they are not UTF-8, as `read_text` does."""
    layers: list[LayerParameter | V1LayerParameter] = [*net.layer, *net.layers]
    for layer in layers:
        for field in ("name", "type"):
            value = getattr(layer, field)
            if isinstance(value, bytes):
                setattr(layer, field, _decode(value))
        for names in (layer.bottom, layer.top):
            if any(isinstance(name, bytes) for name in names):
                names[:] = [_decode(name) if isinstance(name, bytes) else name for name in names]


def _try_parse(text: str, message: Message) -> text_format.ParseError | None:
    message.Clear()
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        return error
    return None


def _syntax_error(error: text_format.ParseError, text: str, message: Message, name: str) -> PrototxtError:
    if kind := foreign_kind(text[:HEAD].encode()):
        return PrototxtError(f"{name}: is no prototxt. {kind} Expected prototxt text of a {message.DESCRIPTOR.name}.")
    number, column = error.GetLine() or 0, error.GetColumn() or 0
    reason = str(error).split(" : ", 1)[-1]
    lines = text.split("\n")
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    # The parser quotes the line, which the message shows below.
    reason = reason.removeprefix(f"'{line}': ")
    if (twice := re.search(r'multiple "(\w+)" fields', reason)) and twice[1] in line[:column]:
        # The column of the field itself; the parser gives the one after it.
        column = line.rindex(twice[1], 0, column) + 1
    reason = explained(reason, line, column) or _cut(reason)
    if opened := unclosed_line(text):
        reason += f" The brace of line {opened} is never closed."
    first = max(0, column - _WIDTH // 2)
    part = line[first : first + _WIDTH].replace("\t", " ")
    return PrototxtError(
        f"{name}:{number}:{column}: {reason}\n    {part}\n    {' ' * (column - 1 - first)}^\n"
        f"  Expected prototxt text of a {message.DESCRIPTOR.name}. Correct the line."
    )


def _cut(reason: str) -> str:
    return reason if len(reason) <= _WIDTH else reason[:_WIDTH] + "..."


def _require(message: Message, name: str) -> None:
    if not message.IsInitialized():
        try:
            message.SerializeToString()
        except EncodeError as error:
            # The error names the missing fields.
            raise PrototxtError(f"{name}: {error}. Add what is missing.") from error
