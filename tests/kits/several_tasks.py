"""What docs/several_tasks.md says, as files: its commands, its net, and small made-up data sets for them."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from common.places import ROOT
from kits.commands import inside
from kits.lmdb_build import verb, write_picture
from kits.training import write_solver

PAGE = ROOT / "docs/several_tasks.md"
INFOGAIN, PEAKS, SIGMOID = range(3)
"""How the page's net learns years."""
SETS = {
    "smile": ["smile"],
    "faces": ["gender", "years"],
}
"""The two data sets, and the tasks of each."""


def commands(word: str) -> list[list[str]]:
    """Return the page's commands with this verb, without `./moka`."""
    lines = re.findall(rf"^    \./moka ({word} .*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    return [shlex.split(line) for line in lines]


def net_blocks() -> list[str]:
    """Return the page's blocks of prototxt: data, shared layers, smile and gender, and three ways to learn years."""
    return [block for block in PAGE.read_text("utf-8").split("\n\n") if block.startswith("    layer {")]


def net(years: int, absent: int) -> str:
    """Return the page's net."""
    data, shared, heads, *ways = net_blocks()
    return "\n".join((data, shared, heads.replace("ignore_label: -1", f"ignore_label: {absent}"), ways[years]))


def write_tables(folder: Path, counts: Sequence[int] = (12, 30), parts: Sequence[str] = ("train", "test")) -> None:
    """Write the tables and the pictures of the page's data sets. Every fourth gender and every third age is absent."""
    for part in parts:
        for name, count in zip(SETS, counts, strict=True):
            rows = []
            for index in range(count):
                seed = 1000 * (part == "test") + 100 * (name == "faces") + index
                path = write_picture(folder / f"data/{name}/{part}{index}.png", seed, 48, 48)
                label: dict[str, object] = {"picture": path.relative_to(folder), "person": f"p{index}"}
                if name == "smile":
                    label["smile"] = index % 2
                else:
                    label["gender"] = "" if index % 4 == 3 else seed // 3 % 2
                    label["years"] = "" if index % 3 == 2 else seed * 7 % 97
                rows.append(label)
            with (folder / f"data/{name}/{part}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0], lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


def follow(folder: Path, years: int) -> Path:
    """Do in `folder` what the page says, and return the solver of its net."""
    absent = -1 if years == INFOGAIN else 121
    write_tables(folder)
    with inside(folder):
        for words in commands("create_lmdb"):
            verb(words[0])([str(absent) if word == "-1" else word for word in words[1:]])
        Path("data/soft").mkdir()
        Path("data/soft/weights.txt").write_text("".join(f"{1 + index % 5}\n" for index in range(60)))
        for words in commands("soft_labels"):
            verb(words[0])(words[1:])
        Path("data/soft/peaks.txt").write_text("data/soft/peaks.h5\n")
    (folder / "net.prototxt").write_text(net(years, absent))
    return write_solver(
        folder / "solver.prototxt", net="net.prototxt", snapshot_prefix="several", base_lr=0.01, lr_policy="fixed",
        momentum=0.9, weight_decay=0.0005, max_iter=12, display=1, random_seed=1, snapshot=0, test_iter=3, test_interval=6,
    )  # fmt: skip
