"""Writes a net's folder: prototxts, solver for fine-tuning, card and caffemodel, all of them or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from caffe_io.caffe_pb2 import NetParameter, SolverParameter
from caffe_io.prototxt import read_text, to_text
from caffe_io.weights import write_weights
from common.files import Recognise, atomic_folder

from .model import Model

TEXTS = {"train_test.prototxt", "deploy.prototxt", "solver.prototxt", "card.json", "training.json"}
"""The names of the files that the folder may hold besides the caffemodel."""
MARK = "Written by moka compress"
"""How each prototxt begins, after the sign of a comment."""


def recogniser(out: Path) -> Recognise:
    """Return what says of the names in `out` whether this module wrote them; the first line of the deploy prototxt says so."""

    def is_ours(names: set[str]) -> bool:
        weights = {name for name in names if name.endswith(".caffemodel")}
        if "deploy.prototxt" not in names or len(weights) != 1 or not names - weights <= TEXTS:
            return False
        return read_text(out / "deploy.prototxt").startswith(f"# {MARK}")

    return is_ours


def write_folder(
    out: Path,
    model: Model,
    solver: SolverParameter | None,
    cards: dict[str, dict[str, Any]],
    sources: str,
    force: bool,
) -> Path:
    """Write the net, called as the folder is, into `out`; return the path of the caffemodel.

    `cards` are JSON files by name. `sources` are the files that it was made of, for a comment at the top of each prototxt.
    """
    name = out.resolve().name
    remark = f"{MARK} from {sources}."
    with atomic_folder(out, force, recogniser(out)) as folder:
        for net, file in ((model.deploy, "deploy"), (model.train_test, "train_test")):
            if net is not None:
                net.name = name
                _write_text(folder / f"{file}.prototxt", remark, to_text(net))
        if solver is not None:
            _write_text(folder / "solver.prototxt", remark, to_text(solver))
        for file, content in cards.items():
            (folder / file).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        weights = f"{name}.caffemodel"
        write_weights(folder / weights, NetParameter(name=name, layer=model.layers()), model.weights)
    return out / weights


def _write_text(path: Path, remark: str, text: str) -> None:
    path.write_text("".join(f"# {line}\n" for line in remark.splitlines()) + text, encoding="utf-8")
