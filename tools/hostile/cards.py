"""Cards with absurd values, which the compiler and the runner must refuse alike."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .cases import Case, Ends
from .paths import Prepare, file_of
from .world import CARD, WEIGHTS

Card = dict[str, Any]


def _output(**values: Any) -> Callable[[Card], object]:
    return lambda card: card["outputs"][0].update(values)


def _set(**values: Any) -> Callable[[Card], object]:
    return lambda card: card.update(values)


_CARDS: dict[str, Callable[[Card], object]] = {
    "twice the same class": _output(classes=["a", "a", "b"]),
    "no classes": _output(classes=None),
    "two classes for three values": _output(classes=["a", "b"]),
    "classes of lists": _output(classes=[["a"], ["b"], ["c"]]),
    "empty class name": _output(classes=["", "b", "c"]),
    "escapes in a class name": _output(classes=["\x1b[2Ja", "b", "c"]),
    "bins that are NaN": _output(read="expected_value", bins=["NaN", 1, 2]),
    "bins beyond a float": _output(read="expected_value", bins=[10**400, 1, 2]),
    "unknown way to read": _output(read="frobnicate"),
    "blob that is not there": _output(blob="nowhere"),
    "outputs of one blob": lambda card: card["outputs"].append(dict(card["outputs"][0])),
    "no outputs": _set(outputs=[]),
    "outputs that are a number": _set(outputs=5),
    "margin of words": _set(crop_margin="wide"),
    "huge margin": _set(crop_margin=1e308),
    "margin beyond a float": _set(crop_margin=10**400),
    "grey for a net in colour": _set(channel_order="GRAY"),
    "unknown order": _set(channel_order="BRG"),
    "unknown resize": _set(resize="frobnicate"),
    "name that is a path": _set(name="../x\0y"),
    "unknown key": _set(frobnicate=1),
}
# It may be a note of the user's own.
_READ = "unknown key"
_MODEL_CARDS: dict[str, Callable[[Card], object]] = {
    "NUL in the file's name": lambda card: card["ir"].update(xml="a\0b"),
    "file in another folder": lambda card: card["ir"].update(xml="../graph/Tiny.xml"),
    "inputs that are a number": _set(inputs=5),
    "input of another shape": lambda card: card["input"].update(shape=[1, 3, 99999, 99999]),
    "hash of another file": lambda card: card["ir"].update(xml_sha256="0" * 64),
    "format of the future": _set(format=99),
}
_TEXTS: dict[str, str] = {
    "deep JSON": "[" * 100_000,
    "half of it": CARD[: len(CARD) // 2],
    "not an object": "[1, 2]",
    "NaN": CARD.replace("0.0", "NaN"),
    "a key twice": CARD.replace('"name"', '"name": "x", "name"'),
}


def _changed(change: Callable[[Card], object]) -> Prepare:
    def prepare(folder: Path) -> None:
        card = json.loads(CARD)
        change(card)
        (folder / "it").write_text(json.dumps(card))

    return prepare


def _compiled(change: Callable[[Card], object]) -> Prepare:
    def prepare(folder: Path) -> None:
        card = json.loads((folder / "graph/Tiny.json").read_text())
        change(card)
        (folder / "graph/Tiny.json").write_text(json.dumps(card))

    return prepare


def _compiled_text(text: str) -> Prepare:
    return lambda folder: (folder / "graph/Tiny.json").write_text(text)


def _second(folder: Path) -> None:
    """Give a second card the name of the first."""
    shutil.copy(folder / "graph/Tiny.json", folder / "graph/Other.json")


def cases() -> list[Case]:
    """Return the cases."""
    compile_ = (
        "compile",
        "--out",
        "new",
        "--model",
        "prototxt/Tiny/deploy.prototxt",
        "--weights",
        WEIGHTS,
        "--card",
        "it",
    )
    evaluate = ("evaluate", "--model", "prototxt/Tiny/train_test.prototxt", "--weights", WEIGHTS, "--card", "it")
    infer = ("infer", "--device", "CPU", "--image_path", "face.jpg")
    found = []
    for name, change in _CARDS.items():
        ends = Ends.EITHER if name == _READ else Ends.REFUSED
        found.append(Case(f"compile card/{name}", compile_, ends, _changed(change)))
        # Some of it is no business of evaluate's.
        found.append(Case(f"evaluate card/{name}", evaluate, Ends.EITHER, _changed(change)))
        found.append(Case(f"infer card/{name}", infer, ends, _compiled(change)))
    for name, change in _MODEL_CARDS.items():
        found.append(Case(f"infer card/{name}", infer, prepare=_compiled(change)))
    for name, text in _TEXTS.items():
        found.append(Case(f"compile card/{name}", compile_, prepare=file_of(text.encode())))
        found.append(
            Case(
                f"infer card/{name}",
                infer,
                prepare=_compiled_text(text),
            )
        )
    found.append(Case("infer card/two of one name", infer, Ends.EITHER, _second))
    return found
