"""What compression did: weights, multiply-adds and bytes of each layer, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from caffe_io.caffe_pb2 import TEST, NetParameter
from caffe_io.net_state import filter_net

from ..drawing.net_table import aligned, make_table
from ..layers import Context
from .goal import BYTES


@dataclass
class Count:
    """Weights and multiply-adds of a layer, before and after."""

    weights: list[int] = field(default_factory=lambda: [0, 0])
    multiply_adds: list[int] = field(default_factory=lambda: [0, 0])


def report(before: NetParameter, after: NetParameter, halves: Mapping[str, str], notes: Mapping[str, str]) -> str:
    """Return the table of two deploy nets.

    `halves` maps the names of new layers to the one whose place they took. `notes` says what was done to a layer.
    """
    counts: dict[str, Count] = {}
    for when, net in enumerate((before, after)):
        for row in make_table(filter_net(net, TEST), "deploy", Context(TEST)).rows:
            count = counts.setdefault(halves.get(row.layer.name, row.layer.name), Count())
            count.weights[when] += row.weights
            count.multiply_adds[when] += row.multiply_adds
    counts = {name: count for name, count in counts.items() if any(count.weights + count.multiply_adds)}
    lines = [["layer", "weights", "now", "multiply-adds", "now", "FP16 MB", "now", ""]]
    total = Count()
    for name, count in counts.items():
        lines.append([name, *_numbers(count), notes.get(name, "")])
        for sums, numbers in ((total.weights, count.weights), (total.multiply_adds, count.multiply_adds)):
            sums[:] = [a + b for a, b in zip(sums, numbers, strict=True)]
    lines.append(["total", *_numbers(total), ""])
    return "\n".join(aligned(lines, right=set(range(1, 7))))


def _numbers(count: Count) -> list[str]:
    megabytes: Sequence[float] = [number * BYTES / 1e6 for number in count.weights]
    whole = [*count.weights, *count.multiply_adds]
    return [*(f"{number:,}" for number in whole), *(f"{number:.2f}" for number in megabytes)]
