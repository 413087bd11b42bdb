"""Writes the table of stages into docs/myriad_blob.md, from the tables of myriad.

python -m tools.stage_table
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import textwrap
from collections.abc import Sequence

from common.commands import Parser, run
from common.errors import MokaError
from common.files import atomic_file
from common.places import ROOT
from myriad.execution.table import FUNCTIONS
from myriad.kinds import KINDS, UNIT, Kind

PAGE = ROOT / "docs" / "myriad_blob.md"
BEGIN, END = "<!-- begin: written by tools/stage_table.py -->\n", "<!-- end -->\n"
_TYPES = {"I": "u32", "i": "i32", "f": "f32", "e": "f16"}

_COMPILED = (
    "AvgPool Bias BiasLeakyRelu BiasRelu Ceiling Clamp Conv Convert Copy Deconvolution DepthConv DepthDeconv DetectionOutput "
    "Elu Equal Erf Exp FC Floor Floor_mod GEMM GRN Gather Gelu GlobalMaxPool Greater HSwish Im2ColConvolution InnerLRN Interp "
    "LRN LSTMCell LeakyRelu Less Log Logical_AND Logical_NOT MVN Max MaxPool Min Mish MyriadXHwOp Normalize PRelu PSROIPooling "
    "Pad Permute PoolND Pow Power Prod Proposal ROIPooling ReduceMax ReduceMean ReduceMin RegionYolo Relu ReorgYolo Resample "
    "Round Scale ScaleShift ScatterUpdate Select Sigmoid SoftMax SoftPlus Squared_diff StridedSlice Sum Swish Tanh Tile TopK "
    "Upsampling"
)
COMPILED = set(_COMPILED.split())
"""Kinds that were in blobs compiled here with OpenVINO 2021.4.2."""
_PUBLISHED = (
    "CTCDecoder CTCGreedyDecoderSeqLen Concat Convert_u8f16 Div GlobalAvgPool Greater_equal OutShapeOfReshape "
    "StaticShapeNMS"
)
PUBLISHED = set(_PUBLISHED.split())
"""Kinds that were only in other people's blobs."""


def main(argv: Sequence[str]) -> None:
    """Write the table."""
    Parser("python -m tools.stage_table", "python -m tools.stage_table", "write the table of stages").parse_args(argv)
    text = with_table(PAGE.read_text(encoding="utf-8"))
    with atomic_file(PAGE, force=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def with_table(page: str) -> str:
    """Return the page with the table as it should be."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise MokaError(f"{PAGE}: expected one line each: {BEGIN.strip()} and {END.strip()}")
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def table() -> str:
    """Return a row for each kind of stage. Kinds whose parameters are not known, and that no blob had, share the last line."""
    rows = ["| no. | name | parameters | data | seen | run |", "|---|---|---|---|---|---|"]
    others = []
    for number, kind in sorted(KINDS.items()):
        seen = "C" if kind.name in COMPILED else "P" if kind.name in PUBLISHED else ""
        if kind.parameters is None and not seen:
            others.append(f"{kind.name} {number}")
            continue
        data = kind.roles.replace("*", "...") or ("any" if kind.roles else "none")
        run = "yes" if number in FUNCTIONS else ""
        rows.append(f"| {number} | {kind.name} | {_parameters(number, kind)} | {data} | {seen} | {run} |")
    known = textwrap.fill(f"Only the numbers of these are known: {', '.join(others)}.", 138)
    return "\n".join([*rows, "", known, ""])


def _parameters(number: int, kind: Kind) -> str:
    if number == UNIT:
        return "see below"
    if kind.parameters is None:
        return "not known"
    words: list[str] = []
    last = ""
    for name, letter in kind.parameters:
        kindly = _TYPES[letter]
        words.append(name if kindly == last else f"{kindly} {name}")
        last = kindly
    return ", ".join(words) or "none"


if __name__ == "__main__":
    run(main)
