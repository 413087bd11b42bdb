"""The estimate as text and as JSON: of one blob by stage, of several side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..listing.text import table, work
from ..work import multiply_adds
from .advice import CHIPS, SAME, Chip, best
from .constants import LATENCIES, RATES
from .effort import Trust
from .estimate import Cost, StageCost


def one(cost: Cost) -> str:
    """Return the estimate for a blob: in all, by kind of stage, and by stage."""
    return "\n".join([*_head(cost), "", *trust([cost]), "", *_kinds(cost), "", *_stages(cost)])


def several(costs: Sequence[Cost]) -> str:
    """Return the estimates for several blobs side by side, and which one is best for what."""
    head = ["blob", "SHAVEs", "CMX", "multiply-adds", "alone ms", "1/s", "two: 1/s"]
    rows = [[*head, *(f"on {chip.name}" for chip in CHIPS)]]
    rows += [_row(cost) for cost in costs]
    return "\n".join([*table(rows, right=range(1, 7)), "", *_advice(costs), "", *trust(costs)])


def as_json(cost: Cost) -> dict[str, Any]:
    """Return the estimate for a blob. Times are in ms."""
    header = cost.blob.header
    return {
        "file": cost.blob.path,
        "shaves": header.shaves,
        "cmx_slices": header.cmx_slices,
        "multiply_adds": sum(map(multiply_adds, cost.blob.stages)),
        "latency_ms": cost.latency * 1e3,
        "per_second": cost.rate,
        "two_fit": cost.two_fit,
        "latency_of_two_ms": cost.latency_of_two * 1e3,
        "per_second_of_two": cost.rate_of_two,
        "usb3_ms": cost.transfer * 1e3,
        "nine_in_ten_within": {"per_second_of_two": RATES.most, "latency": LATENCIES.most},
        "rough": cost.names(Trust.ROUGH),
        "not_estimated": cost.names(Trust.UNKNOWN),
        "stages": [
            {
                "number": stage.stage.number,
                "name": stage.stage.name,
                "trust": stage.trust.value,
                "ms": stage.seconds * 1e3,
                "of_two_ms": stage.of_two * 1e3,
                "unit_ms": stage.unit * 1e3,
                "memory_ms": stage.memory * 1e3,
                "shaves_ms": stage.shaves * 1e3,
                "start_ms": stage.start * 1e3,
            }
            for stage in cost.stages
        ],
    }


def trust(costs: Sequence[Cost]) -> Iterator[str]:
    """Say how sure the estimate is, and what it does not know of these blobs."""
    yield (
        f"How sure: frames/s of {RATES.nets} published nets come out within a factor of {RATES.most:.2f} for nine in ten "
        f"(half within {RATES.median:.2f}, worst {RATES.worst:.2f}),"
    )
    yield (
        f"latencies of {LATENCIES.nets} within {LATENCIES.worst:.2f}. All are of OAK cameras with 8 SHAVEs; an NCS2 has the same "
        "chip, but none was there."
    )
    for level, words in (
        (Trust.ROUGH, "Rough, because none of those nets has such stages"),
        (Trust.UNKNOWN, "Not estimated, so that the real time is longer"),
    ):
        names = list(dict.fromkeys(name for cost in costs for name in cost.names(level)))
        if names:
            yield f"{words}: {', '.join(names)}."


def _head(cost: Cost) -> Iterator[str]:
    header = cost.blob.header
    yield f"{cost.blob.path}: estimate for a Myriad X"
    yield f"  each inference has {header.shaves} SHAVEs and {header.cmx_slices} CMX slices"
    yield f"  one alone      {cost.latency * 1e3:8.2f} ms       {cost.rate:7.1f} a second"
    if cost.two_fit:
        yield f"  two at a time  {cost.latency_of_two * 1e3:8.2f} ms each  {cost.rate_of_two:7.1f} a second"
    else:
        yield f"  two at a time  do not fit: {2 * header.shaves} SHAVEs and {2 * header.cmx_slices} CMX slices"
    if header.batch > 1:
        yield f"  for {header.batch} pictures at once"
    yield f"  and {cost.transfer * 1e3:.2f} ms for inputs and outputs over USB 3, which pass while another inference computes"
    scaled = cost.scaled
    yield f"  {scaled * 1e3:.2f} ms ({scaled / (cost.latency or 1):.0%}) are of stages that more SHAVEs would shorten"


def _kinds(cost: Cost) -> list[str]:
    rows = [["kind", "stages", "ms", "share", "unit", "memory", "SHAVEs", "start"]]
    kinds: dict[str, list[StageCost]] = {}
    for stage in cost.stages:
        kinds.setdefault(stage.stage.name, []).append(stage)
    whole = sum(stage.seconds for stage in cost.stages) or 1.0
    for name, stages in sorted(kinds.items(), key=lambda item: -sum(stage.seconds for stage in item[1])):
        total = sum(stage.seconds for stage in stages)
        parts = zip(*((stage.unit, stage.memory, stage.shaves, stage.start) for stage in stages), strict=True)
        rows.append(
            [name, str(len(stages)), _ms(total), f"{total / whole:.1%}", *(_ms(sum(column)) for column in parts)]
        )
    return table(rows, right=range(1, 8))


def _stages(cost: Cost) -> list[str]:
    rows = [["stage", "kind", "SHAVEs", "multiply-adds", "ms", "share", "mostly"]]
    whole = sum(stage.seconds for stage in cost.stages) or 1.0
    for part in cost.stages:
        stage = part.stage
        mostly = "not estimated" if part.trust is Trust.UNKNOWN else part.bound
        rows.append(
            [
                str(stage.number),
                stage.name,
                str(stage.shaves or ""),
                work(multiply_adds(stage)) if multiply_adds(stage) else "",
                _ms(part.seconds),
                f"{part.seconds / whole:.1%}",
                mostly if part.trust is not Trust.ROUGH else f"{mostly} (rough)",
            ]
        )
    return table(rows, right=(0, 2, 3, 4, 5))


def _row(cost: Cost) -> list[str]:
    header = cost.blob.header
    return [
        cost.blob.path,
        str(header.shaves),
        str(header.cmx_slices),
        work(sum(map(multiply_adds, cost.blob.stages))),
        f"{cost.latency * 1e3:.2f}",
        f"{cost.rate:.1f}",
        f"{cost.rate_of_two:.1f}" if cost.two_fit else "–",
        *(_fits(cost, chip) for chip in CHIPS),
    ]


def _fits(cost: Cost, chip: Chip) -> str:
    return ("does not fit", "one at a time", "two at a time")[chip.inferences(cost)]


def _advice(costs: Sequence[Cost]) -> Iterator[str]:
    """Name the best blob for each use, or all of them if the estimate cannot tell them apart."""
    for chip in CHIPS:
        for use, value in (("latency", chip.latency), ("frames/s", chip.rate)):
            found = best(costs, value)
            if not found:
                yield f"{chip.words}, {use}: none fits."
                continue
            names = " or ".join(cost.blob.path for cost in found)
            yield f"{chip.words}, {use}: {names}" + (f" (within {SAME:.0%} of each other)" if len(found) > 1 else "")
    yield "How times change with SHAVEs is computed, not measured: all published figures are of 8."


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"
