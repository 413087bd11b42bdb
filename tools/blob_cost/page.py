"""The tables of docs/blob_cost.md, and their places there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from common.places import ROOT
from myriad.cost import Cost
from myriad.work import multiply_adds
from tools.net_table.page import between

from .fit import Fitted
from .published import Published

__all__ = ["PAGE", "between", "published_table", "zoo_table"]

PAGE = ROOT / "docs" / "blob_cost.md"


def published_table(nets: Sequence[Published], found: Fitted) -> Iterator[str]:
    """Give the lines of the table of published nets, each estimated by a fit that has not seen it."""
    yield _row(["net", "multiply-adds, G", "published 1/s", "estimated 1/s", "published ms", "estimated ms", "source"])
    yield _row(["---"] * 7)
    for net in nets:
        if net.left_out:
            continue
        rate = net.rate / found.rates[net.net]
        latency = found.latencies.get(net.net, 0.0) * net.latency
        cells = [net.net, f"{net.multiply_adds / 1e9:.2f}", f"{net.rate:.1f}", f"{rate:.1f}"]
        times = [f"{net.latency:.1f}", f"{latency:.1f}"] if net.latency else ["", ""]
        yield _row([*cells, *times, "table" if "rvc2" in net.source else "zoo"])


def zoo_table(costs: Mapping[str, Cost]) -> Iterator[str]:
    """Give the lines of the table of our own nets."""
    yield _row(["net", "input", "multiply-adds, G", "blob MB", "stages", "alone ms", "alone 1/s", "two: 1/s"])
    yield _row(["---"] * 8)
    for name, cost in costs.items():
        blob = cost.blob
        shape = "x".join(map(str, blob.inputs[0].shape.dims[1:]))
        total = sum(map(multiply_adds, blob.stages))
        yield _row(
            [
                name,
                shape,
                f"{total / 1e9:.3f}",
                f"{blob.header.bytes / 1e6:.1f}",
                str(len(blob.stages)),
                f"{cost.latency * 1e3:.1f}",
                f"{cost.rate:.0f}",
                f"{cost.rate_of_two:.0f}",
            ]
        )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
