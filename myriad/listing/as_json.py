"""The contents of a blob as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from ..blob import Blob
from ..data import Data, Entry, Shape
from ..stage import Stage
from ..unit import Descriptor
from ..work import multiply_adds


def contents(blob: Blob) -> dict[str, Any]:
    """Return the header, inputs, outputs and stages with their data. Dims and strides begin with the outermost one."""
    return {
        "file": blob.path,
        "header": asdict(blob.header),
        "more_bytes": blob.more,
        "constant_bytes": len(blob.constants),
        "multiply_adds": sum(map(multiply_adds, blob.stages)),
        "inputs": [_entry(entry) for entry in blob.inputs],
        "outputs": [_entry(entry) for entry in blob.outputs],
        "stages": [_stage(stage) for stage in blob.stages],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {"name": entry.name, "offset": entry.offset, **_shape(entry.shape)}


def _stage(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": stage.number,
        "type": stage.type,
        "name": stage.name,
        "shaves": stage.shaves,
        "multiply_adds": multiply_adds(stage),
        **({"beside": stage.injected_in} if stage.injected_in >= 0 else {}),
        "parameters": {name: _number(value) for name, value in stage.parameters.items()},
    }
    if stage.jobs:
        found["jobs"] = [_job(job) for job in stage.jobs]
    elif stage.kind.parameters is None:
        found["raw_parameters"] = stage.raw.hex()
    found["data"] = [{"role": role, **_datum(data)} for role, data in zip(stage.roles, stage.data, strict=True)]
    return found


def _datum(data: Data) -> dict[str, Any]:
    entry = {"entry": data.entry} if data.entry >= 0 else {}
    return {**_shape(data.shape), "place": data.place.name.lower(), **entry, "offset": data.offset}


def _shape(shape: Shape) -> dict[str, Any]:
    return {
        "element": shape.element,
        "order": shape.letters,
        "dims": list(shape.dims),
        "strides": list(shape.strides),
        **({} if shape.fixed else {"fixed": False}),
        "bytes": shape.bytes,
    }


def _job(job: Descriptor) -> dict[str, Any]:
    found = asdict(job)
    found["clamp"] = None if job.clamp is None else _number(job.clamp)
    found["job"] = job.job.name.lower()
    found["sides"] = [side.name.lower() for side in type(job.sides) if side in job.sides and side.name]
    return found


def _number(value: float) -> float | str:
    """Return a parameter; JSON has no numbers that are not finite."""
    return value if math.isfinite(value) else str(value)
