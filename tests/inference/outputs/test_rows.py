"""Text, JSON lines and CSV: a row for each face, and one for a picture without any."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faces.face import Face
from inference.analyzer import Analysis, AnalyzedFace
from inference.answer import Answer
from inference.frame import Unreadable
from inference.outputs import Outputs, open_outputs
from kits.outputs import ANSWERS, GENDER, TIMES, about_of, cropped, frame_of, people

Write = Callable[[Outputs], None]


def lines_of(kind: str, tmp_path: Path, write: Write) -> list[str]:
    path = tmp_path / "out"
    with open_outputs([(kind, path)], about_of()) as outputs:
        write(outputs)
    return path.read_text("utf-8").splitlines()


def everything(outputs: Outputs) -> None:
    """Two faces, none, a whole picture, a tracked face in a video, and a damaged file."""
    photo, empty, crop = frame_of(), frame_of("wall.jpg"), frame_of("crop.jpg")
    film = frame_of("film.mp4", index=12, seconds=0.48, moving=True)
    outputs.write(photo, people(photo, (50.4, 60, 90, 100), (200, 60, 80, 90)))
    outputs.write(empty, people(empty))
    outputs.write(crop, cropped(crop))
    outputs.write(film, Analysis(400, 300, (AnalyzedFace(ANSWERS, Face((1, 2, 30, 40), 0.75), 7),), "", dict(TIMES)))
    outputs.left_out(Unreadable("bad.jpg", "an empty file (0 bytes)"))


def test_text(tmp_path: Path) -> None:
    times = "(FaceRes, Marks on CPU: read 2.0, detect 3.0, prepare 0.5, compute 4.2 ms)"
    answers = "years 31.4 +/- 5.2; gender female 98.7 %; marks x 0.25, y 0.5"
    assert lines_of("text", tmp_path, everything) == [
        f"photo.jpg (400 x 300): 2 faces {times}",
        f"  1: {answers}; 90 x 100 pixels at 50, 60 (score 0.90)",
        f"  2: {answers}; 80 x 90 pixels at 200, 60 (score 0.90)",
        f"wall.jpg (400 x 300): no face found {times}",
        f"crop.jpg (400 x 300): 1 face {times}",
        "  taken whole: the only face fills 95 %",
        f"  1: {answers}",
        f"film.mp4, frame 12, 0.48 s (400 x 300): 1 face {times}",
        f"  1: {answers}; 30 x 40 pixels at 1, 2 (score 0.75); person 7",
        "bad.jpg: left out: an empty file (0 bytes)",
    ]


def test_text_does_not_command_the_terminal(tmp_path: Path) -> None:
    frame = frame_of("a\x1b[2J\nb.jpg")
    (line,) = lines_of("text", tmp_path, lambda outputs: outputs.write(frame, people(frame)))
    assert line.startswith("a\\x1b[2J\\nb.jpg (")


def test_json_lines(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines_of("json", tmp_path, everything)]
    assert [(row["picture"], row["face"], row["note"]) for row in rows] == [
        ("photo.jpg", 1, ""),
        ("photo.jpg", 2, ""),
        ("wall.jpg", None, "no face found"),
        ("crop.jpg", 1, "the only face fills 95 %"),
        ("film.mp4", 1, ""),
        ("bad.jpg", None, "left out: an empty file (0 bytes)"),
    ]
    first, _, empty, crop, film, _ = rows
    assert first["box"] == [50, 60, 90, 100]
    assert (first["score"], first["track"], first["faces"], first["width"], first["height"]) == (0.9, None, 2, 400, 300)
    assert first["device"] == {"device": "CPU", "runtime": "OpenVINO 2026.4", "precision": "f32"}
    assert first["milliseconds"] == {"read": 2.0, "detect": 3.0, "prepare": 0.5, "compute": 4.25}
    years, gender, marks = first["answers"]
    assert (years["network"], years["value"], years["standard_deviation"]) == ("FaceRes", 31.4267, 5.2)
    assert (gender["answer"], gender["probability"]) == ("female", 0.987)
    assert gender["probabilities"] == {"male": 0.013, "female": 0.987}
    assert marks["values"] == {"x": 0.25, "y": 0.5}
    assert empty["answers"] == [] and empty["box"] is None and empty["faces"] == 0
    assert crop["box"] is None and len(crop["answers"]) == 3
    assert (film["frame"], film["seconds"], film["track"]) == (12, 0.48, 7)


def test_csv(tmp_path: Path) -> None:
    lines = lines_of("csv", tmp_path, everything)
    assert lines[0] == (
        "picture,frame,seconds,width,height,faces,face,left,top,box_width,box_height,score,track,"
        "years,years_network,years_deviation,gender,gender_network,gender_probability,marks,marks_network,marks_x,marks_y,"
        "device,runtime,precision,read_ms,detect_ms,prepare_ms,compute_ms,note"
    )
    assert lines[1] == (
        "photo.jpg,0,0.0,400,300,2,1,50,60,90,100,0.9,,31.4267,FaceRes,5.2,female,FaceRes,0.987,"
        '"x 0.25, y 0.5",Marks,0.25,0.5,CPU,OpenVINO 2026.4,f32,2.0,3.0,0.5,4.25,'
    )
    rows = list(csv.DictReader(lines))
    assert [row["face"] for row in rows] == ["1", "2", "", "1", "1", ""]
    assert rows[2]["note"] == "no face found" and rows[2]["gender"] == ""
    assert rows[3]["left"] == "" and rows[3]["gender"] == "female"
    assert (rows[4]["frame"], rows[4]["seconds"], rows[4]["track"]) == ("12", "0.48", "7")
    assert (rows[5]["picture"], rows[5]["note"]) == ("bad.jpg", "left out: an empty file (0 bytes)")


def test_csv_without_one_network(tmp_path: Path) -> None:
    """A network that could not answer leaves its cells empty. Times that CSV does not know are left out."""
    frame = frame_of()
    analysis = people(frame, (50, 60, 90, 100), answers=(GENDER,))
    analysis.milliseconds["follow"] = 1.0
    (row,) = csv.DictReader(lines_of("csv", tmp_path, lambda outputs: outputs.write(frame, analysis)))
    assert (row["years"], row["years_network"], row["gender"]) == ("", "", "female")


def test_csv_names_the_networks_of_one_task(tmp_path: Path) -> None:
    about = about_of()
    about = type(about)(
        *[getattr(about, name) for name in ("device", "runtime", "precision", "why", "load", "warm_up")],
        [about.cards[0], about.cards[0].model_copy(update={"name": "Other"})],
    )
    other = Answer("Other", "gender", "argmax", "male", {}, 0.6)
    frame = frame_of()
    with open_outputs([("csv", tmp_path / "a.csv")], about) as outputs:
        outputs.write(frame, people(frame, (50, 60, 90, 100), answers=(GENDER, other)))
    (row,) = csv.DictReader((tmp_path / "a.csv").read_text().splitlines())
    assert (row["gender (FaceRes)"], row["gender (Other)"]) == ("female", "male")


@pytest.mark.parametrize("kind", ["text", "json", "csv"])
def test_standard_output_has_each_picture_at_once(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    frame = frame_of()
    with open_outputs([(kind, None)], about_of()) as outputs:
        capsys.readouterr()
        outputs.write(frame, people(frame))
        assert "no face found" in capsys.readouterr().out
