"""The closing table of demo.sh: what was made, how good it is, where it lies. Reads the files in the current folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--what", required=True, help="what the pictures are")
    parser.add_argument("--face", required=True, help="the face that was asked about")
    options = parser.parse_args()
    for name, value in rows(Path(), options.what, options.face):
        print(f"{name:14}{value}")


def rows(folder: Path, what: str, face: str) -> list[tuple[str, str]]:
    """The lines of the table, from the reports of the two tests and the cards in graph/."""
    lists = {part: (folder / f"data/DEF/age_{part}.txt").read_text().splitlines() for part in ("train", "test")}
    table = [("pictures", f"{len(lists['train'])} to train (after balancing), {len(lists['test'])} to test; {what}")]
    for net in ("AgeNet", "GenderNet"):
        report = json.loads(next((folder / "models" / net).glob("*_test_torch.json")).read_text())
        accuracy = f"{report['accuracy']:.1%} of {report['pictures']} right"
        if "one_off_accuracy" in report:
            accuracy += f", {report['one_off_accuracy']:.1%} within one class"
        table.append(
            (
                net,
                f"{len(report['classes'])} classes; {accuracy}; always the commonest: {report['majority_baseline']:.1%}",
            )
        )
        card = json.loads((folder / "graph" / f"{net}.json").read_text())
        blob = card["blob"]
        made = f"{blob['bytes']:,} bytes for {blob['shaves']} shaves" if blob else "none (no tool chain)"
        table.append(("", f"{report['weights']}; blob: {made}"))
    table.append(("one face", f"{face}: answer above, picture in {(folder / 'answer.png').resolve()}"))
    for where, text in (
        ("models", "caffemodels, curves (*_curves.png), confusion matrices (*_confusion.png)"),
        ("graph", "IR (.xml, .bin), Myriad X blobs (.blob), cards (.json)"),
        ("data", "lists, databases, mean image"),
    ):
        table.append((where + "/", f"{text}: {(folder / where).resolve()}"))
    table.append(
        (
            "next",
            "your own faces: ./demo.sh --images DIR; the stick: run_inference.py --device MYRIAD; all of it: README.md",
        )
    )
    return table


if __name__ == "__main__":
    main()
