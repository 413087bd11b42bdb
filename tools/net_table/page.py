"""The tables of docs/networks.md, and their places there."""

from __future__ import annotations

import importlib.util
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence

from common.errors import MokaError
from common.messages import shape_text
from common.places import ROOT
from tools.bench.machine import machine

from .measure import PRECISIONS, THREADS, Measured

PAGE = ROOT / "docs" / "networks.md"


def size_table(nets: Sequence[Measured]) -> Iterator[str]:
    """Give the lines of the table of sizes and times."""
    times = [f"{precision} ms" for precision in PRECISIONS]
    head = ["net", "input", "multiply-adds, M", "weights", "caffemodel MB", "INT8 IR MB", "blob MB", "stages", *times]
    yield from (_row(head), _row(["---"] * len(head)))
    for net in nets:
        yield _row(
            [
                net.name,
                shape_text(net.shape[1:]),
                f"{net.multiply_adds / 1e6:,.1f}",
                f"{net.weights:,}",
                *(_number(each) for each in (net.caffemodel, net.ir.get("INT8"), net.blob)),
                str(net.stages or "–"),
                *(_times(net.times.get(precision)) for precision in PRECISIONS),
            ]
        )


def accuracy_table(nets: Sequence[Measured]) -> Iterator[str]:
    """Give the lines of the table of figures by precision."""
    head = ["net", "input", "precision", "figures", "IR MB"]
    yield from (_row(head), _row(["---"] * len(head)))
    for net in nets:
        for precision, figures in net.figures.items():
            yield _row([net.name, shape_text(net.shape[1:]), precision, figures, _number(net.ir[precision])])


def conditions() -> str:
    """Say on what machine and with which programs the tables were made."""
    import openvino

    programs = [f"OpenVINO {openvino.__version__.split('-')[0]}"]
    if importlib.util.find_spec("nncf"):
        import nncf

        programs.append(f"NNCF {nncf.__version__}")
    return f"Measured on {time.strftime('%Y-%m-%d')}: {machine()}, {os.cpu_count()} cores, {', '.join(programs)}."


def between(page: str, mark: str, text: str) -> str:
    """Return the page with `text` between the two comments that name `mark`."""
    pattern = re.compile(f"(<!-- {mark}[^>]*-->\n).*?(<!-- end of {mark} -->)", re.DOTALL)
    if not pattern.search(page):
        raise MokaError(
            f"The page lacks the comments of {mark}, between which the table stands. Take the page of a fresh clone."
        )
    return pattern.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", page)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _times(times: Mapping[int, float] | None) -> str:
    return "–" if times is None else " / ".join(_time(times[threads]) for threads in THREADS)


def _time(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
