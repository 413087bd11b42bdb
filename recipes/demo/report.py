"""Prints the closing table of demo.sh: what was made, how good it is, where it is. Reads the files in the current folder.

python -m recipes.demo.report --what "your faces" --face data/faces/30_0_1_2017.jpg
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.commands import Parser, run
from common.errors import MokaError

NO_BLOB = "NO BLOB"
NETS = ("AgeNet", "GenderNet")
FOLDERS = {
    "models": "caffemodels, curves (*_curves.png), confusion matrices (*_confusion.png)",
    "graph": "IR (.xml, .bin), Myriad X blobs (.blob), cards (.json)",
    "data": "lists, databases, mean image",
}
NEXT = "your own faces: ./demo.sh --images DIR; the stick: run_inference.py --device MYRIAD; everything else: README.md"


def rows(folder: Path, what: str, face: str) -> list[tuple[str, str]]:
    """Return the rows of the table, read from the lists, the reports of the two tests and the cards in graph/."""
    train, test = (len(_read(folder / f"data/DEF/age_{part}.txt").splitlines()) for part in ("train", "test"))
    blobs = []
    table = [("pictures", f"{train} to train (after balancing), {test} to test; {what}")]
    for net in NETS:
        report = _read_json(next((folder / "models" / net).glob("*_test_torch.json"), folder / f"models/{net}/report"))
        card = _read_json(folder / f"graph/{net}.json")
        blobs.append(card["blob"])
        (figures,) = report["tasks"].values()
        table.append((net, accuracy_text(figures)))
        table.append(("", f"{report['weights']}; blob: {blob_text(card['blob'])}"))
    table.append(("one face", f"{face}: answer above, picture in {(folder / 'answer.png').resolve()}"))
    for name, contents in FOLDERS.items():
        table.append((f"{name}/", f"{contents}: {(folder / name).resolve()}"))
    if None in blobs:
        table.append((NO_BLOB, "there is no compiler for the stick: tools/toolchain.sh movidius says why"))
    table.append(("next", NEXT))
    return table


def accuracy_text(figures: dict[str, Any]) -> str:
    """Say how good a net is, and how good it would be to answer the commonest class every time."""
    text = f"{len(figures['classes'])} classes; {figures['accuracy']:.1%} of {figures['pictures']} right"
    if "one_off_accuracy" in figures:
        text += f", {figures['one_off_accuracy']:.1%} within one class"
    return f"{text}; always the commonest: {figures['majority_baseline']:.1%}"


def blob_text(blob: dict[str, Any] | None) -> str:
    """Describe a blob by its entry in the card."""
    return f"{blob['bytes']:,} bytes for {blob['shaves']} shaves" if blob else "none (no tool chain)"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise MokaError(f"{path}: cannot be read ({error.strerror}). Run demo.sh to its end first.") from error


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(_read(path))
    return content


def main(argv: Sequence[str]) -> int:
    """Parse the command line and print the table. Returns 1 if a net has no blob."""
    example = 'python -m recipes.demo.report --what "your faces" --face data/faces/30_0_1_2017.jpg'
    parser = Parser("python -m recipes.demo.report", example, "print what a demo made in the current folder")
    parser.add_argument("--what", required=True, help="what the pictures are")
    parser.add_argument("--face", required=True, help="the face that the nets were asked about")
    options = parser.parse_args(argv)
    table = rows(Path(), options.what, options.face)
    for name, value in table:
        print(f"{name:14}{value}")
    # The demo is complete only with the blobs.
    return 1 if any(name == NO_BLOB for name, _ in table) else 0


if __name__ == "__main__":
    run(main)
