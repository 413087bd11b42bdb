"""Verb `blob run`: compute a Myriad X blob on this machine, and say what it answers about a picture."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import CardError, UsageError
from common.messages import shape_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard
    from faces.pictures import Picture
    from myriad import Blob
    from myriad.execution import Outcome

    from ..answer import Answer

EXAMPLE = "./moka blob run graph/AgeNet.blob --image face.jpg"
SUFFIXES = (".npy", ".npz")
MOST_SHOWN = 5
"""How many numbers of an output the text shows, the largest first."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("blob", type=Path, metavar="FILE.blob", help="a blob; NAME.json beside it says what it answers")
    parser.add_argument(
        "--image",
        type=Path,
        required=True,
        metavar="FACE.jpg",
        help="the picture: a face, cropped, or what the net takes",
    )
    parser.add_argument(
        "--wide", action="store_true", help="hold all numbers in float32, where the chip rounds them to FP16"
    )
    parser.add_argument(
        "--raw", type=Path, metavar="FILE.npy", help="write the output there, or all outputs if the name ends in .npz"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--force", action="store_true", help="overwrite --raw")


def main(options: argparse.Namespace) -> None:
    """Run the blob and print its answers."""
    from common.files import refuse_existing
    from faces.pictures import read_picture
    from myriad import read_blob
    from myriad.execution import Machine

    if options.raw:
        if options.raw.suffix not in SUFFIXES:
            raise UsageError(f"--raw {options.raw}: expected a name that ends in {' or '.join(SUFFIXES)}.")
        refuse_existing(options.raw, options.force)
    blob = read_blob(options.blob)
    card, note = _card_of(options.blob)
    if options.raw and options.raw.suffix == ".npy" and len(blob.outputs) > 1:
        names = ", ".join(entry.name for entry in blob.outputs)
        raise UsageError(f"--raw {options.raw}: {options.blob} has the outputs {names}. Give a name that ends in .npz.")
    picture = read_picture(options.image)
    feed = _feed(blob, picture, card)
    start = time.perf_counter()
    outcome = Machine(blob, options.wide).run(feed)
    seconds = time.perf_counter() - start
    if options.raw:
        _write(options.raw, outcome.outputs, options.force)
    answers = _answers(card, outcome, picture) if card else []
    write = _as_json if options.json else _as_text
    print(write(options, outcome, answers, note, seconds))


def _card_of(path: Path) -> tuple[ModelCard | None, str]:
    """Return the model card beside a blob; or None, and why its answers are numbers alone."""
    from common.card import read_card

    beside = path.with_suffix(".json")
    if not beside.exists():
        return None, f"there is no {beside.name} beside it, so the answers are numbers"
    try:
        card = read_card(beside)
    except CardError as error:
        return None, f"{error} So the answers are numbers."
    if card.blob_path is None or card.blob_path.resolve() != path.resolve():
        return None, f"{beside.name} does not describe it, so the answers are numbers"
    card.check_file(card.blob_path)
    return card, ""


def _feed(blob: Blob, picture: Picture, card: ModelCard | None) -> dict[str, NDArray[np.uint8]]:
    """Return what the blob's only input takes of a picture."""
    import numpy as np

    from faces.pictures import resize

    from ..tensor import CHANNEL_ORDERS, to_tensor

    shapes = {entry.name: [entry.shape.dim(letter) for letter in "NCHW"] for entry in blob.inputs}
    (name, shape), *others = shapes.items()
    if others or shape[0] != 1 or shape[1] not in (1, 3) or blob.header.batch > 1:
        found = ", ".join(f'"{name}" of {shape_text(each)}' for name, each in shapes.items())
        raise UsageError(f"{blob.path}: takes {found}; --image gives one picture of 1 or 3 channels.")
    if card:
        if card.input.blob != name or card.input.shape != shape:
            raise CardError(
                f'{blob.path}: takes "{name}" of {shape_text(shape)}, but {card.path} describes another input.'
            )
        return {name: to_tensor(picture, card)}
    # Without a card: the whole picture, BGR as Caffe has it.
    ordered = CHANNEL_ORDERS["BGR" if shape[1] == len("BGR") else "GRAY"](resize(picture, shape[2], shape[3]))
    return {name: np.ascontiguousarray(ordered.reshape(shape[2], shape[3], -1).transpose(2, 0, 1)[None])}


def _answers(card: ModelCard, outcome: Outcome, picture: Picture) -> list[Answer]:
    """Return the answers that the card reads in the outputs, after what this machine computes of a cut net."""
    from host.rest import Rest

    from ..answer import read_outputs

    values: Mapping[str, NDArray[np.float32]] = outcome.outputs
    if card.host:
        values = Rest(card.host, card.path).finish(values)
    return read_outputs(card, values, (picture.shape[1], picture.shape[0]))


def _write(path: Path, outputs: Mapping[str, NDArray[np.float32]], force: bool) -> None:
    """Write the only output as .npy, or all of them as .npz."""
    import numpy as np

    from common.files import atomic_file

    with atomic_file(path, force) as temporary, temporary.open("wb") as file:
        if path.suffix == ".npy":
            (values,) = outputs.values()
            np.save(file, values)
        else:
            np.savez(file, **outputs)  # type: ignore[arg-type]


def _as_text(options: argparse.Namespace, outcome: Outcome, answers: list[Answer], note: str, seconds: float) -> str:
    """Return a line for each answer or output, and how they were computed."""
    from ..report import answer_rows

    rows = [("blob", str(options.blob)), ("picture", str(options.image)), *answer_rows(answers)]
    if not answers:
        rows += [(name, _largest(values)) for name, values in outcome.outputs.items()]
    formats = "float32" if options.wide else "FP16, as on the chip"
    rows.append(("computed", f"in {seconds:.2f} s, in {formats}" + (f"; {note}" if note else "")))
    rows += [("overflow", text) for text in _overflows(outcome)]
    if options.raw:
        rows.append(("wrote", str(options.raw)))
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:{width}}{text}" for name, text in rows)


def _as_json(options: argparse.Namespace, outcome: Outcome, answers: list[Answer], note: str, seconds: float) -> str:
    """Return the same as one JSON object. Without a card it holds all numbers; infinite ones and NaN are null."""
    import numpy as np

    from ..report import answer_fields

    content: dict[str, Any] = {
        "blob": str(options.blob),
        "picture": str(options.image),
        "answers": [answer_fields(answer) for answer in answers],
        "outputs": {
            name: {
                "shape": list(values.shape),
                "numbers": [float(number) if np.isfinite(number) else None for number in values.ravel()],
            }
            for name, values in outcome.outputs.items()
        },
        "wide": options.wide,
        "seconds": round(seconds, 3),
        "overflows": [
            {"stage": overflow.stage.number, "type": overflow.stage.name, "numbers": overflow.count}
            for overflow in outcome.overflows
        ],
        "note": note,
    }
    return json.dumps(content, indent=2)


def _largest(values: NDArray[np.float32]) -> str:
    """Write the shape, and the largest numbers with their places in a row."""
    import numpy as np

    flat = values.ravel()
    best = np.argsort(-np.nan_to_num(flat, nan=-np.inf), kind="stable")[:MOST_SHOWN]
    return f"{shape_text(values.shape)}: " + ", ".join(f"{flat[place]:.4g} at {place}" for place in best.tolist())


def _overflows(outcome: Outcome) -> list[str]:
    """Say which stages gave numbers that are too large."""
    found = []
    for overflow in outcome.overflows:
        made = ", ".join(shape_text(data.shape.dims) for data in overflow.stage.outputs)
        found.append(
            f"{overflow.stage}, which makes {made}, gives {overflow.count} numbers that are infinite or NaN: beyond 65504 in FP16"
        )
    return found
