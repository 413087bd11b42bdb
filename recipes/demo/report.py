"""Prints the closing table of demo.sh: what was made, how good it is, where it is. Reads the files in the current folder.

python -m recipes.demo.report --what "your faces" --face data/faces/30_0_1_2017.jpg
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.commands import Parser, run
from common.errors import MokaError

if TYPE_CHECKING:
    from common.card import BlobEntry

NO_BLOB = "NO BLOB"
_AGAIN = "Run demo.sh to its end first."
NETS = ("AgeNet", "GenderNet")
OWN = "own_net"
"""The folder in which recipes/utkface.sh worked."""
FOLDERS = {
    "models": "caffemodels, curves (*_curves.png), confusion matrices (*_confusion.png)",
    "graph": "IR (.xml, .bin), Myriad X blobs (.blob), cards (.json)",
    "data": "lists, databases, mean image",
}
NEXT = "your own faces: ./demo.sh --images DIR; the stick: run_inference.py --device MYRIAD; everything else: README.md"


def rows(folder: Path, what: str, face: str) -> list[tuple[str, str]]:
    """Return the rows of the table, read from the lists, the reports of the two tests and the cards in graph/."""
    from common.card import ModelCard
    from common.cards.typed_json import read_model

    from .reports import OneTask

    train, test = (len(_read(folder / f"data/DEF/age_{part}.txt").splitlines()) for part in ("train", "test"))
    blobs = []
    table = [("pictures", f"{train} to train (after balancing), {test} to test; {what}")]
    for net in NETS:
        path = next((folder / "models" / net).glob("*_test_torch.json"), folder / f"models/{net}/report")
        report = read_model(OneTask, path, _AGAIN)
        card = read_model(ModelCard, folder / f"graph/{net}.json", _AGAIN)
        blobs.append(card.blob)
        (figures,) = report.tasks.values()
        table.append((net, figures.text()))
        table.append(("", f"{report.weights}; blob: {blob_text(card.blob)}"))
    table += own_net(folder)
    table.append(("one face", f"{face}: answer above, picture in {(folder / 'answer.png').resolve()}"))
    for name, contents in FOLDERS.items():
        table.append((f"{name}/", f"{contents}: {(folder / name).resolve()}"))
    if None in blobs:
        table.append((NO_BLOB, "there is no compiler for the stick: tools/toolchain.sh movidius says why"))
    table.append(("next", NEXT))
    return table


def own_net(folder: Path) -> list[tuple[str, str]]:
    """Return the rows of FaceRes, which demo.sh trains on the user's faces by recipes/utkface.sh. With drawn faces: none."""
    from common.card import ModelCard
    from common.cards.typed_json import read_model

    from .reports import TwoTasks

    home = folder / OWN / "models/FaceRes"
    if not home.exists():
        return []
    report = read_model(TwoTasks, next(home.glob("*_test_torch_mirror.json"), home / "report"), _AGAIN)
    card = read_model(ModelCard, folder / OWN / "graph/FaceRes.json", _AGAIN)
    return [
        ("FaceRes", f"age: {report.tasks.age.text()}"),
        ("", f"gender: {report.tasks.gender.text()}"),
        ("", f"{OWN}/{report.weights}; blob: {blob_text(card.blob)}"),
    ]


def blob_text(blob: BlobEntry | None) -> str:
    """Describe a blob by its entry in the card."""
    return f"{blob.bytes or 0:,} bytes for {blob.shaves or 0} shaves" if blob else "none (no tool chain)"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MokaError(f"{path}: cannot be read ({error.strerror}). {_AGAIN}") from error


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
