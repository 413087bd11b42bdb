"""The detector res10: our compiled net against OpenCV's reader of Caffe nets, and what is said where it is not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from common.places import ROOT
from faces.align import EYE_DISTANCE, EYE_LEVEL
from faces.detectors import open_detector
from faces.detectors.files import require_files
from faces.detectors.res10 import face_of
from faces.errors import DetectorError
from inference import FaceAnalyzer, Runner
from inference.analyzer import NetDetector, default_detector
from kits.faces import compiled_res10, need_files, portrait
from kits.inference import card_of, detector_card, write_card, write_detector, write_graph


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled_res10(tmp_path_factory.mktemp("graph"))


def pictures() -> list[NDArray[np.uint8]]:
    drawn = [portrait(seed) for seed in (3, 5, 7, 8)]
    return [*drawn, np.hstack(drawn[:2]), np.vstack(drawn[1:3]), np.full((200, 300, 3), 90, np.uint8)]


def opencv_rows(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Score and corners (0 to 1) of what OpenCV finds with the same net and weights, surest first."""
    need_files("res10")
    (weights,) = require_files("res10")
    net = cv2.dnn.readNetFromCaffe(str(ROOT / "prototxt/face_detector/deploy.prototxt"), str(weights))
    small = cv2.resize(picture, (300, 300))
    net.setInput(cv2.dnn.blobFromImage(small, 1, (300, 300), (104, 177, 123)), "data")
    rows = np.asarray(net.forward("detection_out"), np.float32)[0, 0]
    return rows[rows[:, 2] >= 0.5][:, 2:]


def test_boxes_are_those_of_opencv(graph: Path) -> None:
    count = 0
    with Runner(graph, "CPU") as runner:
        for picture in pictures():
            height, width = picture.shape[:2]
            (found,) = runner.answer(picture).answers
            expected = opencv_rows(picture)
            assert len(found.detections) == len(expected)
            for thing, (score, *corners) in zip(found.detections, expected.tolist(), strict=True):
                left, top, across, down = thing.box
                ours = (left / width, top / height, (left + across) / width, (top + down) / height)
                # The weights are in FP16.
                assert np.abs(np.subtract(ours, corners)).max() < 1e-3
                assert abs(thing.score - score) < 1e-3
                count += 1
    assert count >= 8


def test_the_net_on_the_device_finds_the_same_faces(graph: Path) -> None:
    detector = open_detector("res10", graph)
    with Runner(graph, "CPU") as runner:
        assert runner.face_finder
        on_device = NetDetector(runner, runner.face_finder)
        for picture in pictures():
            ours, theirs = detector.detect(picture), on_device.detect(picture)
            assert [face.box for face in ours] == [pytest.approx(face.box, abs=0.05) for face in theirs]


def test_a_face_has_its_eyes_where_those_of_other_detectors_are() -> None:
    """A box of 80x100 has the eyes 41.4 below its top, and 34.3 apart."""
    (left, top, width, height), score, _ = face_of((10, 20, 80, 100), 0.75)
    assert (width, score) == (height, 0.75)
    assert top + EYE_LEVEL * height == pytest.approx(20 + 41.4)
    assert EYE_DISTANCE * width == pytest.approx(34.3)
    assert left + width / 2 == pytest.approx(50)


def test_the_net_finds_faces_and_is_not_asked_again(graph: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    write_graph(both, card_of())
    for file in graph.iterdir():
        (both / file.name).symlink_to(file)
    picture = np.hstack([portrait(), portrait()])
    with FaceAnalyzer(both, "CPU", detector="res10") as analyzer:
        found = analyzer.analyze(picture)
        assert isinstance(analyzer._detector, NetDetector)
    assert [[answer.network for answer in face.answers] for face in found.faces] == [["ColourNet"]] * 2
    assert found.frame == ()
    # Whoever names another detector wants no second one.
    with FaceAnalyzer(both, "CPU", detector="haar") as analyzer:
        assert analyzer.analyze(picture).frame == ()
        assert [answer.network for answer in analyzer.runner.answer(picture).answers] == ["ColourNet"]


def test_alone_it_says_what_it_finds(graph: Path) -> None:
    with FaceAnalyzer(graph, "CPU") as analyzer:
        found = analyzer.analyze(portrait())
    assert (len(found.faces), len(found.detections), found.sought) == (0, 1, False)
    with FaceAnalyzer(graph, "CPU", detector="res10") as analyzer:
        found = analyzer.analyze(portrait())
    assert (len(found.faces), len(found.detections), found.sought) == (1, 0, True)


def test_it_is_taken_where_it_is_and_blazeface_is_not(
    graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.analyzer.has_files", lambda name: name != "blazeface")
    assert (default_detector(graph), default_detector(tmp_path)) == ("res10", "haar")


def test_without_the_net_the_commands_are_said(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faces.detectors.res10.ROOT", working_folder)
    words = r"graph/face_detector\.json: not found\..*tools/detectors\.sh res10 && \./compile2Movidius\.sh --net face_detector"
    with pytest.raises(DetectorError, match=words):
        open_detector("res10")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "face_detector.bin").write_bytes(b"other"), "is not the file that .* describes"),
        (lambda folder: (folder / "face_detector.json").write_text("{"), "The detector res10 cannot be used"),
        (lambda folder: write_card(folder, card_of("face_detector")), "is not the card of face_detector"),
        (
            lambda folder: write_detector(folder, detector_card("face_detector"), []),
            "is not the card of face_detector",
        ),
    ],
)
def test_another_net_of_that_name(graph: Path, tmp_path: Path, damage: Callable[[Path], Any], words: str) -> None:
    for file in graph.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damage(tmp_path)
    with pytest.raises(DetectorError, match=words):
        open_detector("res10", tmp_path)


def test_the_card_says_what_the_weights_are(graph: Path) -> None:
    card = json.loads((graph / "face_detector.json").read_text())
    assert card["source"]["sha256"].startswith("2a56a11a57a4")
    assert card["mean"]["channel_means"] == [104, 177, 123]
