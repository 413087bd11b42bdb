from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.commands import run
from kits.inference import card_of
from recipes.demo.report import main, rows

# A report has figures that the table does not show, some with names like those that it does.
FIGURES = {"accuracy": 0.5, "pictures": 80, "majority_baseline": 0.25, "top_2_accuracy": 0.6, "top_3_accuracy": 0.7}

BLOB = {"file": "x.blob", "shaves": 8, "sha256": "0" * 64}


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the table is made from: lists, reports, cards; AgeNet with a blob, GenderNet without."""
    monkeypatch.chdir(tmp_path)
    for net, more, blob in (
        ("AgeNet", {"classes": ["0-9"] * 9, "one_off_accuracy": 0.75}, {"bytes": 1234567, **BLOB}),
        ("GenderNet", {"classes": ["male", "female"]}, None),
    ):
        (tmp_path / "models" / net).mkdir(parents=True)
        report = {"weights": "Net_iter_20.caffemodel", "tasks": {"task": {**FIGURES, **more}}}
        (tmp_path / "models" / net / "x_test_torch.json").write_text(json.dumps(report))
        (tmp_path / "graph").mkdir(exist_ok=True)
        (tmp_path / "graph" / f"{net}.json").write_text(json.dumps(card_of(net, blob=blob)))
    (tmp_path / "data/DEF").mkdir(parents=True)
    (tmp_path / "data/DEF/age_train.txt").write_text("a 1\nb 2\nc 3\n")
    (tmp_path / "data/DEF/age_test.txt").write_text("d 1\n")
    return tmp_path


def test_the_rows(demo: Path) -> None:
    table = rows(demo, "drawn faces", "d")
    assert table[:5] == [
        ("pictures", "3 to train (after balancing), 1 to test; drawn faces"),
        ("AgeNet", "9 classes; 50.0% of 80 right, 75.0% within one class; always the commonest: 25.0%"),
        ("", "Net_iter_20.caffemodel; blob: 1,234,567 bytes for 8 shaves"),
        ("GenderNet", "2 classes; 50.0% of 80 right; always the commonest: 25.0%"),
        ("", "Net_iter_20.caffemodel; blob: none (no tool chain)"),
    ]
    assert [name for name, _ in table[5:]] == ["one face", "models/", "graph/", "data/", "NO BLOB", "next"]


def test_the_command(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--what", "drawn faces", "--face", "d"]) == 1, "a net without a blob"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert lines[0] == "pictures      3 to train (after balancing), 1 to test; drawn faces"


def test_a_demo_with_all_blobs(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (demo / "graph/GenderNet.json").write_text(json.dumps(card_of("GenderNet", blob={"bytes": 1, **BLOB})))
    assert main(["--what", "drawn faces", "--face", "d"]) == 0
    assert "NO BLOB" not in capsys.readouterr().out


def test_the_own_net_that_learnt_from_the_user_s_faces(demo: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = demo / "own_net"
    (home / "models/FaceRes").mkdir(parents=True)
    (home / "graph").mkdir()
    tasks = {
        "years": {"pictures": 80, "mae": 4.5},
        "age by decade": {**FIGURES, "classes": ["0-9"] * 9, "one_off_accuracy": 0.75},
        "gender": {**FIGURES, "classes": ["male", "female"]},
    }
    (home / "models/FaceRes/x_test_torch_mirror.json").write_text(json.dumps({"weights": "w", "tasks": tasks}))
    (home / "graph/FaceRes.json").write_text(json.dumps(card_of("FaceRes", blob={"bytes": 1234567, **BLOB})))
    assert rows(demo, "your faces", "d")[5:8] == [
        ("FaceRes", "age: 9 classes; 50.0% of 80 right, 75.0% within one class; always the commonest: 25.0%"),
        ("", "gender: 2 classes; 50.0% of 80 right; always the commonest: 25.0%"),
        ("", "own_net/w; blob: 1,234,567 bytes for 8 shaves"),
    ]
    assert not caplog.records


@pytest.mark.parametrize(
    "missing", ["graph/GenderNet.json", "models/AgeNet/x_test_torch.json", "data/DEF/age_test.txt"]
)
def test_a_demo_that_did_not_end(demo: Path, capsys: pytest.CaptureFixture[str], missing: str) -> None:
    (demo / missing).unlink()
    with pytest.raises(SystemExit) as ended:
        run(main, ["--what", "x", "--face", "d"])
    assert ended.value.code == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and "Run demo.sh to its end first." in err


@pytest.mark.parametrize("file", ["graph/GenderNet.json", "models/AgeNet/x_test_torch.json"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON, nor any text in UTF-8"),
        (b"[]", "holds []; expected a JSON object"),
        (b"{}", "is missing; expected "),
        (b'{"name": 1, "accuracy": "half"}', "is missing; expected "),
    ],
)
def test_damaged_json(demo: Path, capsys: pytest.CaptureFixture[str], file: str, content: bytes, words: str) -> None:
    (demo / file).write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        run(main, ["--what", "x", "--face", "d"])
    assert ended.value.code == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: {file}:") and words in err and "Run demo.sh to its end first." in err
