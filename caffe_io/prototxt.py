"""Nets and solvers as text and in binary form; older ones come out as current ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import DecodeError, Message

from .caffe_pb2 import NetParameter, SolverParameter
from .errors import CaffeIOError, PrototxtError, WeightsError
from .upgrade import upgrade_net, upgrade_solver

M = TypeVar("M", bound=Message)


def read_net(path: str | os.PathLike[str]) -> NetParameter:
    """Read a net from prototxt text; V1 layers, input fields and older BatchNorm params come out in current form.

    Raises PrototxtError (with line and column) for text that is no net, CaffeIOError if the file cannot be read.
    """
    net = parse_text(read_text(path), NetParameter(), str(path))
    return upgrade_net(net, str(path))


def read_binary_net(path: str | os.PathLike[str]) -> NetParameter:
    """Read a net with its weights from a caffemodel, upgraded like `read_net`. Raises WeightsError if it is damaged."""
    net = parse_binary(path, NetParameter(), "a caffemodel")
    return upgrade_net(net, str(path))


def read_solver(path: str | os.PathLike[str]) -> SolverParameter:
    """Read a solver from prototxt text. The enumeration `solver_type` becomes the string `type`, and a missing
    snapshot_prefix, or one that is a folder, is completed from the file's name, as Caffe does."""
    solver = parse_text(read_text(path), SolverParameter(), str(path))
    return upgrade_solver(solver, str(path))


def to_text(message: Message) -> str:
    """The message as prototxt text."""
    return text_format.MessageToString(message)


def parse_text(text: str, message: M, name: str) -> M:
    """Parse prototxt `text` into `message`; `name` is the file's name for error messages."""
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        where = f"{name}:{error.GetLine()}:{error.GetColumn()}" if error.GetLine() else name
        reason = str(error).split(" : ", 1)[-1]
        line = _line(text, error.GetLine())
        raise PrototxtError(
            f"{where}: {reason}{line}\n  This should be prototxt text of a {message.DESCRIPTOR.name}. "
            "Correct the line; a caffemodel (binary) is given with --weights."
        ) from error


def parse_binary(path: str | os.PathLike[str], message: M, what: str) -> M:
    """Parse the binary file at `path` into `message`; `what` says what the file should be, for error messages."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); wanted {what}.") from error
    if not data:
        raise WeightsError(f"{path}: is empty (0 bytes); wanted {what}.")
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise WeightsError(
            f"{path}: {len(data)} bytes that are not {what}: damaged, cut short or of another kind. "
            "Copy it again, or take an earlier snapshot."
        ) from error
    return message


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a prototxt file. Raises CaffeIOError if it is missing, PrototxtError if it is not text."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CaffeIOError(f"{path}: cannot be read ({error.strerror}); wanted a prototxt file.") from error
    except UnicodeDecodeError as error:
        raise PrototxtError(f"{path}: is not text. A prototxt is wanted here; a caffemodel goes to --weights.") from error


def _line(text: str, number: int | None) -> str:
    lines = text.splitlines()
    return f"\n    {lines[number - 1].strip()}" if number and number <= len(lines) else ""
