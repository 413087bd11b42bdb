"""Networks that look for things in a whole picture: what their rows mean, and where they are said."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from common.card import check_fits, describe_input, plain_card
from common.errors import CardError
from inference import FaceAnalyzer, Runner
from inference.answer import averaged, read_outputs
from inference.outputs.drawing import draw_faces
from inference.page.schemas import people
from kits.inference import card_of, detector_card, one_colour, write_card, write_detector, write_graph

CAT = [0, 1, 0.9, 0.25, 0.5, 0.5, 1.0]
DOG = [0, 2, 0.6, -0.1, 0.0, 0.5, 0.5]
RED = (40, 40, 220)


def answer(rows: list[list[float]], tmp_path: Path, **changes: Any) -> Any:
    from common.card import read_card

    card = read_card(write_card(tmp_path, detector_card(**changes)))
    (found,) = read_outputs(card, {"found": np.array(rows, np.float32)}, (200, 100))
    return found


def test_rows_become_boxes_of_the_picture(tmp_path: Path) -> None:
    weak = [0, 2, 0.49, 0, 0, 1, 1]
    found = answer([DOG, CAT, weak, [-1, 0, 0, 0, 0, 0, 0]], tmp_path)
    assert [(each.name, each.label, round(each.score, 3)) for each in found.detections] == [
        ("cat", 1, 0.9),
        ("dog", 2, 0.6),
    ]
    assert np.allclose([each.box for each in found.detections], [(50, 50, 50, 50), (-20, 0, 120, 50)], atol=1e-4)
    assert found.detections[1].rounded_box == (-20, 0, 120, 50)
    assert found.text == "1 x cat, 1 x dog"


def test_what_follows_the_end_is_not_read(tmp_path: Path) -> None:
    nan = [0, 1, np.nan, 0, 0, 1, 1]
    assert [each.name for each in answer([CAT, [-1] * 7, DOG, nan], tmp_path).detections] == ["cat"]
    assert answer([[-1] * 7] * 4, tmp_path).text == "nothing"


def test_a_device_may_give_fewer_rows(tmp_path: Path) -> None:
    assert len(answer([CAT], tmp_path).detections) == 1
    with pytest.raises(CardError, match="gives 35 values; the card describes at most 4 rows of 7 numbers"):
        answer([CAT] * 5, tmp_path)
    with pytest.raises(CardError, match="gives 6 values"):
        answer([CAT[:6]], tmp_path)


def test_other_pictures_and_boxes_outside_are_left_out(tmp_path: Path) -> None:
    second = [1, 1, 0.9, 0, 0, 1, 1]
    outside = [0, 1, 0.9, 2.0, 2.1, 2.5, 2.6]
    flat = [0, 1, 0.9, 0.5, 0.5, 0.5, 0.9]
    assert answer([second, outside, flat], tmp_path).detections == ()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([0, 3, 0.9, 0, 0, 1, 1], "found a thing of label 3; the card names 3 classes"),
        ([0, -1, 0.9, 0, 0, 1, 1], "found a thing of label -1"),
        ([0, 1, np.nan, 0, 0, 1, 1], "gives 1 of 7 numbers that are infinite or NaN"),
        ([0, 1, 0.9, 0, -np.inf, 1, 1], "infinite or NaN"),
        ([np.nan, 1, 0.9, 0, 0, 1, 1], "infinite or NaN"),
    ],
)
def test_rows_that_mean_nothing_are_refused(tmp_path: Path, row: list[float], words: str) -> None:
    with pytest.raises(CardError, match=words):
        answer([row], tmp_path)


def test_pixels_are_those_of_the_input(tmp_path: Path) -> None:
    # The input is 24 high and 20 wide.
    found = answer([[0, 1, 0.9, 5, 12, 10, 24]], tmp_path, output={"coordinates": "pixels"})
    assert np.allclose(found.detections[0].box, (50, 50, 50, 50))


def test_an_input_that_is_a_centre(tmp_path: Path) -> None:
    """The picture is brought to 48 x 40, of which the net sees the middle 24 x 20."""
    entry = {"blob": "data", "shape": [1, 3, 24, 20], "layout": "NCHW", "precision": "U8", "resize_to": [48, 40]}
    found = answer([[0, 1, 0.9, 0, 0, 1, 1]], tmp_path, input=entry)
    assert np.allclose(found.detections[0].box, (50, 25, 100, 50))


def test_detections_are_not_averaged(tmp_path: Path) -> None:
    now = answer([CAT], tmp_path)
    assert averaged(answer([DOG], tmp_path), now, 0.3) is now


def test_a_net_that_detects_sees_whole_pictures(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r'"crop_margin" is 0\.4; expected 0'):
        answer([CAT], tmp_path, crop_margin=0.4)


def test_the_runner_asks_it_about_the_picture(tmp_path: Path) -> None:
    write_graph(tmp_path, card_of())
    write_detector(tmp_path, detector_card(), [CAT])
    picture = one_colour((200, 0, 0), 100, 200)
    picture[:, :100] = RED
    with Runner(tmp_path, "CPU") as runner:
        colour, pets = runner.answer(picture, (0, 0, 100, 100)).answers
        assert [card.name for card in runner.face_cards] == ["ColourNet"]
    assert colour.text == "red"
    assert pets.detections[0].rounded_box == (50, 50, 50, 50)


@pytest.fixture
def finder(tmp_path: Path) -> Path:
    write_detector(tmp_path / "finder", detector_card(), [CAT, DOG])
    return tmp_path / "finder"


def test_nobody_looks_for_faces_where_no_net_asks_about_them(finder: Path) -> None:
    with FaceAnalyzer(finder, "CPU", detector="haar") as analyzer:
        assert analyzer.analyze(one_colour(RED)).sought
    with FaceAnalyzer(finder, "CPU") as analyzer:
        found = analyzer.analyze(one_colour(RED, 100, 200))
        described = people(found, analyzer.runner)
    assert (found.faces, found.sought) == ((), False)
    assert [(each.task, thing.name) for each, thing in found.detections] == [("pet", "cat"), ("pet", "dog")]
    assert described.detections[0].model_dump() == {
        "network": "Finder",
        "task": "pet",
        "name": "cat",
        "label": 1,
        "score": 0.9,
        "box": {"left": 50, "top": 50, "width": 50, "height": 50},
    }


def test_faces_and_things_of_a_picture(finder: Path) -> None:
    write_graph(finder, card_of())
    with FaceAnalyzer(finder, "CPU", detector="none") as analyzer:
        found = analyzer.analyze(one_colour(RED, 100, 200))
    assert [answer.text for answer in found.faces[0].answers] == ["red"]
    assert len(found.detections) == 2


def test_what_the_command_writes(finder: Path, tmp_path: Path, run_command: Callable[..., Any]) -> None:
    picture = tmp_path / "pets.png"
    cv2.imwrite(str(picture), one_colour(RED, 100, 200))
    files = [tmp_path / "pets.csv", tmp_path / "pets.jsonl", tmp_path / "drawn.png"]
    outputs = [word for file in files for word in ("--output", str(file))]
    done = run_command("inference", "infer", str(picture), "--graph", str(finder), "--device", "CPU", *outputs)
    assert done.code == 0
    assert "pets.png (200 x 100): pet 1 x cat, 1 x dog (Finder on CPU" in done.out
    assert "  pet: cat 90.0 %; 50 x 50 pixels at 50, 50\n" in done.out
    rows = list(csv.DictReader(io.StringIO(files[0].read_text())))
    assert [(row["class"], row["label"], row["left"], row["box_width"], row["face"]) for row in rows] == [
        ("cat", "1", "50", "50", ""),
        ("dog", "2", "-20", "120", ""),
    ]
    lines = [json.loads(line) for line in files[1].read_text().splitlines()]
    assert [(line["detection"], line["class"], line["box"], line["detections"]) for line in lines] == [
        (1, "cat", [50, 50, 50, 50], 2),
        (2, "dog", [-20, 0, 120, 50], 2),
    ]
    whole = run_command(
        "inference", "infer", "--image_path", str(picture), "--graph", str(finder), "--device", "CPU", "--json"
    )
    (said,) = json.loads(whole.out)["answers"]
    assert said["detections"][0] == {"class": "cat", "label": 1, "score": 0.9, "box": [50, 50, 50, 50]}


def test_the_figures_count_things(finder: Path, tmp_path: Path, run_command: Callable[..., Any]) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), one_colour(RED, 100, 200))
    words = [tmp_path, "--graph", finder, "--device", "CPU", "--benchmark"]
    done = run_command("inference", "infer", *words)
    assert "3 pictures, 6 detections\n" in done.out
    assert "faces" not in done.out
    assert json.loads(run_command("inference", "infer", *words, "--json").out)["detections"] == 6


def test_nothing_found_is_said(tmp_path: Path, run_command: Callable[..., Any]) -> None:
    write_detector(tmp_path / "finder", detector_card(), [])
    picture = tmp_path / "pets.png"
    cv2.imwrite(str(picture), one_colour(RED, 100, 200))
    done = run_command(
        "inference", "infer", str(picture), "--graph", str(tmp_path / "finder"), "--device", "CPU", "--json"
    )
    (line,) = done.out.splitlines()
    assert json.loads(line)["note"] == "nothing found"


def test_boxes_are_drawn_where_they_are(finder: Path) -> None:
    picture = np.full((700, 900, 3), 128, np.uint8)
    with FaceAnalyzer(finder, "CPU") as analyzer:
        sheet = draw_faces(picture, analyzer.analyze(picture))
    changed = np.argwhere((sheet != picture).any(axis=2))
    assert sheet.shape == picture.shape
    # The cat's frame: left 225, right 450, top 350.
    assert (sheet[500, 222:229] != 128).any()
    assert (sheet[500, 447:454] != 128).any()
    assert (sheet[347:354, 300] != 128).any()
    assert not (sheet[500, 600:] != 128).any()
    assert changed.min(axis=0)[1] == 0


def test_plain_card_of_a_detector() -> None:
    card = plain_card("N", 3, {"a": [1, 1, 200, 7]}, (), {"a": 21})
    (entry,) = card.model_dump(exclude_unset=True)["outputs"]
    assert entry["classes"] == [str(number) for number in range(21)]
    assert (entry["rows"], entry["coordinates"]) == (200, "relative")
    check_fits(card, describe_input("data", (1, 3, 8, 8), "N"), {"a": [1, 1, 200, 7]}, "N")
    with pytest.raises(CardError, match="at most 200 rows of 7 numbers"):
        check_fits(card, describe_input("data", (1, 3, 8, 8), "N"), {"a": [1, 1, 100, 7]}, "N")
