"""The forms in which scripts call pycaffe's Net."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import PycaffeRuntimeError, PycaffeTypeError

FORMS = "expected Net(network_file, phase, level=0, stages=None, weights=None), or Net(network_file, weights, phase)"


@dataclass
class NetArguments:
    """What a net is made from."""

    network_file: str
    phase: int
    level: int
    stages: tuple[str, ...]
    weights: str | None

    @classmethod
    def of(cls, network_file: str | os.PathLike[str], given: Sequence[Any], named: dict[str, Any]) -> NetArguments:
        """Sort the arguments after network_file. Raises PycaffeTypeError for other forms, and PycaffeRuntimeError for no file."""
        names = ["phase", "level", "stages", "weights"]
        if given and isinstance(given[0], str | os.PathLike):
            # The older form.
            names = ["weights", "phase"]
        if len(given) > len(names):
            raise PycaffeTypeError(f"Net: {len(given) + 1} arguments; {FORMS}.")
        values = dict(zip(names, given, strict=False))
        for name, value in named.items():
            if name in values or name not in ("phase", "level", "stages", "weights"):
                raise PycaffeTypeError(f"Net: the argument {name} is not known, or was given twice; {FORMS}.")
            values[name] = value
        phase, level, weights = (values.get(name) for name in ("phase", "level", "weights"))
        if phase is None:
            raise PycaffeTypeError(f"Net: the phase is missing (caffe.TRAIN or caffe.TEST); {FORMS}.")
        for file in filter(None, (network_file, weights)):
            if not Path(file).exists():
                raise PycaffeRuntimeError(
                    f"{os.fspath(file)}: there is no such file. The current folder is {Path.cwd()}."
                )
        return cls(
            os.fspath(network_file),
            int(phase),
            int(level or 0),
            tuple(values.get("stages") or ()),
            None if weights is None else os.fspath(weights),
        )
