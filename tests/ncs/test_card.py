"""Net cards and model cards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_io.mean import mean_hash
from common.errors import CardError
from common.places import ROOT
from kits.ncs import values
from ncs.card import check_fits, mean_entry, plain_card, read_net_card

OUTPUT = {"blob": "prob", "task": "age", "read": "argmax", "classes": ["young", "old"]}
GOOD: dict[str, Any] = {
    "name": "N",
    "channel_order": "BGR",
    "resize": "stretch",
    "crop_margin": 0.0,
    "outputs": [OUTPUT],
}


def write(path: Path, card: object) -> Path:
    path.write_text(card if isinstance(card, str) else json.dumps(card))
    return path


def test_good_card(tmp_path: Path) -> None:
    assert read_net_card(write(tmp_path / "N.json", GOOD)) == GOOD


@pytest.mark.parametrize(("name", "classes"), [("AgeNet", 9), ("GenderNet", 2)])
def test_the_projects_own_cards(name: str, classes: int) -> None:
    card = read_net_card(ROOT / f"prototxt/{name}/card.json")
    check_fits(card, {"prob": classes}, name)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ('{"name": "N",\n "outputs": [}', r"N\.json:2:14"),
        ([], "lacks one of the texts"),
        ({**GOOD, "name": None}, "lacks one of the texts"),
        ({**GOOD, "outputs": []}, "missing or empty"),
        ({**GOOD, "outputs": [{"blob": "prob"}]}, "lacks"),
        ({**GOOD, "outputs": [{**OUTPUT, "read": "median"}]}, "median.*argmax, expected_value"),
        ({**GOOD, "outputs": [{**OUTPUT, "read": "expected_value"}]}, "bins"),
    ],
)
def test_bad_card(tmp_path: Path, card: object, words: str) -> None:
    with pytest.raises(CardError, match=words):
        read_net_card(write(tmp_path / "N.json", card))


def test_missing_and_binary_card(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="cannot be read"):
        read_net_card(tmp_path / "N.json")
    (tmp_path / "N.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CardError, match="not text"):
        read_net_card(tmp_path / "N.json")


def test_card_of_another_net() -> None:
    with pytest.raises(CardError, match=r'"prob".*has probability'):
        check_fits(GOOD, {"probability": 2}, "N.json")
    with pytest.raises(CardError, match=r'names 2 classes for "prob", which has 9'):
        check_fits(GOOD, {"prob": 9}, "N.json")


def test_plain_card_fits_its_net() -> None:
    card = plain_card("N", {"a": 2, "b": 3})
    check_fits(card, {"a": 2, "b": 3}, "N")
    assert card["outputs"][1]["classes"] == ["0", "1", "2"]


def test_mean_entry() -> None:
    mean = values(3, 6, 6) + 100
    inside = mean[:, 1:5, 1:5]
    entry = mean_entry(mean, inside)
    assert (entry["inside"], entry["kind"], entry["sha256"]) == (True, "image", mean_hash(mean))
    np.testing.assert_allclose(entry["channel_means"], inside.mean(axis=(1, 2)), atol=1e-3)
    assert mean_entry(inside.mean((1, 2), keepdims=True), inside)["kind"] == "values"
    assert mean_entry(None, np.zeros((3, 1, 1), np.float32)) == {
        "inside": True,
        "kind": "none",
        "sha256": None,
        "channel_means": [0, 0, 0],
    }
