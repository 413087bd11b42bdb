"""The published frame rates, and what the blobs of those nets ask of the chip: myriad/cost/published.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.places import ROOT
from myriad.blob import Blob
from myriad.cost.effort import COPY, Effort, Trust, effort
from myriad.kinds import UNIT
from myriad.work import multiply_adds

PATH = ROOT / "myriad" / "cost" / "published.json"


@dataclass(frozen=True)
class Published:
    """A net with a published frame rate, of `threads` inferences at a time on `shaves` SHAVEs each.

    `latency` is in ms, 0 where none is published. `left_out` says why the fit does not use it, "" if it does.
    """

    net: str
    source: str
    shaves: int
    threads: int
    rate: float
    latency: float
    left_out: str
    multiply_adds: int
    efforts: tuple[Effort, ...]


def read() -> list[Published]:
    """Read all published figures, those that the fit leaves out as well."""
    return [_entry(row) for row in json.loads(PATH.read_text())["nets"]]


def _entry(row: dict[str, Any]) -> Published:
    asks = row["asks"]
    return Published(
        net=row["net"],
        source=row["source"],
        shaves=row["shaves"],
        threads=row["threads"],
        rate=row["frames_per_second"],
        latency=row.get("latency_ms", 0.0),
        left_out=row.get("left_out", ""),
        multiply_adds=asks["multiply_adds"] if asks else 0,
        efforts=efforts(asks) if asks else (),
    )


def asks(blob: Blob) -> dict[str, Any]:
    """Return what a blob asks of the chip, as it stands in the file.

    What the unit and copies ask for is added up. The stages of the SHAVEs are listed: each takes the time of the memory or of
    the SHAVEs, whichever is longer.
    """
    shaves = []
    cycles = bytes_ = stages = 0
    for stage in blob.stages:
        work = effort(stage)
        if work.trust is Trust.UNKNOWN:
            continue
        stages += 1
        if stage.type in (UNIT, COPY):
            cycles, bytes_ = cycles + work.cycles, bytes_ + work.bytes
        else:
            shaves.append([work.bytes, round(work.plain), round(work.hard), round(work.multiply_adds)])
    total = sum(map(multiply_adds, blob.stages))
    return {"multiply_adds": total, "cycles": cycles, "bytes": bytes_, "stages": stages, "shaves": shaves}


def efforts(asks: dict[str, Any]) -> tuple[Effort, ...]:
    """Return efforts that take as long as the stages of the blob."""
    fitted = Trust.FITTED
    listed = [Effort(fitted, 0, bytes_, plain, hard, software) for bytes_, plain, hard, software in asks["shaves"]]
    return (Effort(fitted, asks["cycles"], asks["bytes"], stages=asks["stages"] - len(listed)), *listed)


def write(rows: Sequence[dict[str, Any]], about: str, path: Path = PATH) -> None:
    """Write the file, one net a line."""
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    path.write_text(f'{{\n "about": {json.dumps(about)},\n "nets": [\n{lines}\n ]\n}}\n')
