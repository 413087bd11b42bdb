"""Published figures beside the means of folds; and the files of published figures that the recipes have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.commands import run
from common.places import ROOT
from common.tasks import TASKS
from recipes import beside

PUBLISHED = sorted((ROOT / "recipes/published").glob("*.json"))
FOLDS = {
    "folds": ["0", "1"],
    "tasks": {
        "smile": {"accuracy": {"mean": 0.852, "standard_deviation": 0.032, "folds": 2, "values": {}}},
        "years": {"mae": {"mean": 8.171, "standard_deviation": None, "folds": 1, "values": {}}},
    },
}


def published(task: str, figure: str, value: float) -> dict[str, object]:
    return {"task": task, "figure": figure, "value": value, "source": f"{task} of someone"}


def test_both_values_and_the_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folds.json").write_text(json.dumps(FOLDS))
    rows = [
        published("smile", "accuracy", 0.9228),
        published("years", "mae", 4.2),
        published("gender", "accuracy", 0.9),
    ]
    (tmp_path / "published.json").write_text(json.dumps(rows))
    out = tmp_path / "report.txt"
    beside.main([str(tmp_path / "folds.json"), str(tmp_path / "published.json"), "--out", str(out)])
    text = out.read_text()
    assert text.splitlines() == [
        "published figures beside ours, the mean over 2 folds (± their standard deviation)",
        "  smile, accuracy: ours 85.2 % ± 3.2 %; published 92.3 %",
        "    smile of someone",
        "  years, mae: ours 8.17 years; published 4.20 years",
        "    years of someone",
        "  gender, accuracy: ours not measured; published 90.0 %",
        "    gender of someone",
    ]
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    ("folds", "rows", "words"),
    [
        ("{", "[]", "folds.json: cannot be read as JSON"),
        ("{}", '[{"task": "smile", "figure": "accuracy", "value": 1, "source": "s"}]', "another form than expected"),
        (json.dumps(FOLDS), '[{"task": "smile", "figure": "accuracy"}]', "another form than expected"),
        (json.dumps(FOLDS), "[3]", "another form than expected"),
        ("[]", "[]", "another form than expected"),
    ],
)
def test_other_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], folds: str, rows: str, words: str) -> None:
    (tmp_path / "folds.json").write_text(folds)
    (tmp_path / "published.json").write_text(rows)
    with pytest.raises(SystemExit) as ended:
        run(beside.main, [str(tmp_path / "folds.json"), str(tmp_path / "published.json"), "--out", str(tmp_path / "t")])
    assert ended.value.code == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_the_published_figures_are_of_our_tasks_and_say_when(path: Path) -> None:
    rows = json.loads(path.read_text())
    assert rows
    # A file is for a recipe, or for one of the nets of a recipe that trains several.
    assert (ROOT / f"recipes/{path.stem}.sh").exists() or (ROOT / f"prototxt/{path.stem}/card.json").exists()
    for row in rows:
        assert set(row) == {"task", "figure", "value", "source"}
        assert row["task"].removesuffix(" by decade") in TASKS
        assert row["figure"] in ("accuracy", "one_off_accuracy", "mean_recall", "mae")
        assert (row["value"] > 1) == (row["figure"] == "mae")
        assert any(f"20{year}" in row["source"] for year in range(12, 30))
