"""A picture of the scratch memories over the stages, as SVG: a box for each tensor, as long as it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from common.messages import printable

from ..blob import Blob
from ..data import Place
from . import memory
from .text import size

WIDTH, LEFT, RIGHT = 1200, 90, 20
HEIGHT = 320
"""Of each memory."""
_TOP, _GAP, _LINE = 56, 56, 18
# Characters of a file's name in the title.
_LONGEST = 90
_COLOURS = (
    "#4878a8",
    "#e08a3c",
    "#5a9f5a",
    "#c05058",
    "#8a70b0",
    "#8c6a56",
    "#cf86b4",
    "#7f7f7f",
    "#b0a83c",
    "#46a6b4",
)
_NAMES = {Place.CMX: "CMX (fast memory)", Place.BSS: "BSS (scratch memory in DDR)"}


def picture(blob: Blob) -> str:
    """Return the picture. Raises BlobError if a blob has far too many tensors for one."""
    spans = memory.spans(blob)
    kinds = _kinds(blob)
    top = _TOP + _LINE * ((len(kinds) + 4) // 5)
    lines: list[str] = []
    for place, bytes in memory.sizes(blob).items():
        here = [span for span in spans if span.place is place]
        if bytes and here:
            lines += _memory(blob, place, bytes, here, kinds, top)
            top += HEIGHT + _GAP
    name = Path(blob.path).name
    name = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."
    title = f"{name}: memory over {len(blob.stages)} stages"
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>',
        _text(LEFT, 24, title, 'font-size="15" font-weight="bold"'),
        *_legend(kinds),
    ]
    return "\n".join([*head, *lines, "</svg>", ""])


def _kinds(blob: Blob) -> dict[str, str]:
    """Return a colour for each kind of stage that writes scratch memory, the most frequent first; the rest share the last."""
    counts: dict[str, int] = {}
    for stage in blob.stages:
        if any(data.place in memory.SCRATCH for data in stage.outputs):
            counts[stage.name] = counts.get(stage.name, 0) + 1
    names = sorted(counts, key=lambda name: -counts[name])
    return {name: _COLOURS[min(number, len(_COLOURS) - 1)] for number, name in enumerate(names)}


def _legend(kinds: dict[str, str]) -> Iterator[str]:
    width = (WIDTH - LEFT - RIGHT) // 5
    for number, (name, colour) in enumerate(kinds.items()):
        x, y = LEFT + number % 5 * width, 36 + number // 5 * _LINE
        yield f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>'
        yield _text(x + 18, y + 10, f"written by {name}")


def _memory(
    blob: Blob, place: Place, bytes: int, spans: Sequence[memory.Span], kinds: dict[str, str], top: int
) -> Iterator[str]:
    """Draw one memory: addresses upwards, stages from left to right."""
    step = (WIDTH - LEFT - RIGHT) / len(blob.stages)
    # Damaged blobs reach past the memory's end.
    scale = HEIGHT / max(bytes, *(span.end for span in spans))
    bottom = top + HEIGHT
    used = max(span.end for span in spans) - min(span.begin for span in spans)
    yield _text(LEFT, top - 8, f"{_NAMES[place]}: {size(bytes)}, {size(used)} of it used", 'font-weight="bold"')
    yield f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT}" fill="#f4f4f4"/>'
    for span in spans:
        stage = blob.stages[span.first]
        shape = "x".join(map(str, span.shape))
        until = f"until stage {span.last}" if span.last > span.first else "never read"
        said = f"stage {span.first}, {stage.name}: {shape}, bytes {span.begin} to {span.end}, {until}"
        x, y = LEFT + span.first * step, bottom - span.end * scale
        width, height = (span.last - span.first + 1) * step, (span.end - span.begin) * scale
        yield (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{kinds[stage.name]}" '
            f'fill-opacity="0.75" stroke="#fff" stroke-width="0.5"><title>{_escaped(said)}</title></rect>'
        )
    for part in range(5):
        y = bottom - part * HEIGHT / 4
        yield f'<line x1="{LEFT - 4}" y1="{y:.1f}" x2="{LEFT}" y2="{y:.1f}" stroke="#444"/>'
        yield _text(LEFT - 8, y + 4, size(round(part * HEIGHT / 4 / scale)), 'text-anchor="end"')
    for number in range(0, len(blob.stages), max(1, -(-len(blob.stages) // 20))):
        x = LEFT + (number + 0.5) * step
        yield _text(x, bottom + 16, str(number), 'text-anchor="middle"')
    yield _text((LEFT + WIDTH - RIGHT) / 2, bottom + 32, "stage", 'text-anchor="middle"')


def _text(x: float, y: float, words: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="#222" {style}>{_escaped(words)}</text>'


def _escaped(words: str) -> str:
    return escape(printable(words), quote=False)
