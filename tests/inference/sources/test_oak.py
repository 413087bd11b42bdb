"""The camera of an OAK as a source: alone, with the networks beside it, and with the networks elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from common.errors import UsageError
from faces.face import Face
from inference import FaceAnalyzer
from inference.analyzer import Found
from inference.devices import oak, workers
from inference.frame import Frame, Unreadable
from inference.page.build import source_of
from inference.people import Session, _Answered, device_for, own_cameras
from inference.sources import open_sources
from kits.commands import run_command
from kits.inference import write_graph
from kits.oak import Camera, plugged_in


class Finds:
    """A detector that finds one face in each frame."""

    def detect(self, picture: object) -> list[Face]:
        return [Face((200, 100, 60, 60), 0.9)]


@pytest.fixture(params=["2", "3"])
def camera(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Camera]:
    with plugged_in(tmp_path, request.param, monkeypatch) as made:
        made.network("Colour")
        yield made


def some(session: Session, count: int = 3) -> list[_Answered]:
    with closing(iter(session)) as items:
        return [item for item in islice(items, count) if isinstance(item, _Answered)]


def first_value(answered: _Answered) -> float:
    """The first byte that the network was given, as it is told by the fake."""
    return answered.analysis.faces[0].answers[0].values["first"]


def test_the_camera_alone(camera: Camera) -> None:
    with closing(open_sources(["oak"])) as frames:  # type: ignore[type-var]
        found = [frame for frame in islice(frames, 3) if isinstance(frame, Frame)]
    assert [(frame.name, frame.index, frame.live, frame.moving) for frame in found] == [
        ("oak", number, True, True) for number in range(3)
    ]
    assert {frame.picture.shape for frame in found} == {(720, 1280, 3)}
    assert found[0].outputs is None


def test_without_a_camera_or_depthai_the_others_go_on(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    (camera.folder / "camera").unlink()
    found = list(open_sources(["oak", "absent.jpg"]))
    assert [type(each) for each in found] == [Unreadable, Unreadable]
    assert "The OAK camera is missing" in found[0].reason  # type: ignore[union-attr]
    monkeypatch.setattr(oak, "depthai_version", lambda: "")
    (missing,) = open_sources(["oak"])
    assert "pip install 'depthai>=2.30,<4'" in missing.reason  # type: ignore[union-attr]


def test_auto_is_the_oak_itself() -> None:
    """On USB it looks like a stick, whose program would take it."""
    assert device_for("auto", ["a.jpg", "oak"]) == device_for("AUTO", ["oak"]) == "OAK"
    assert device_for("auto", ["a.jpg"]) == "auto"
    assert device_for("CPU", ["oak"]) == "CPU"


def test_faces_are_found_here_and_answered_about_there(camera: Camera) -> None:
    with FaceAnalyzer(camera.graph, "OAK", detector="none") as analyzer:
        analyzer._detector, analyzer.detector_name = Finds(), "finds"
        found = some(Session(analyzer, ["oak"]))
    assert [each.frame.picture.shape for each in found] == [(720, 1280, 3)] * 3
    assert [each.analysis.faces[0].box for each in found] == [(200, 100, 60, 60)] * 3
    assert found[0].analysis.faces[0].track == 1
    # Blue is the number of the frame.
    assert first_value(found[0]) == found[0].frame.index


def test_with_a_box_the_whole_frames_come(camera: Camera) -> None:
    with FaceAnalyzer(camera.graph, "OAK", detector="none") as analyzer:
        found = some(Session(analyzer, ["oak"], Found((Face((10, 10, 50, 50)),))))
    assert found[0].analysis.faces[0].box == (10, 10, 50, 50)
    assert found[0].frame.picture.shape == (720, 1280, 3)


def test_where_nobody_looks_for_faces_the_camera_feeds_the_networks(camera: Camera) -> None:
    with FaceAnalyzer(camera.graph, "OAK", detector="none") as analyzer:
        found = some(Session(analyzer, ["oak"]))
        with pytest.raises(UsageError, match="Name it alone, or leave --no-detect out"):
            own_cameras(analyzer, ["oak", "a.jpg"], square=True)
    assert [each.frame.picture.shape for each in found] == [(720, 720, 3)] * 3
    assert [(len(each.analysis.faces), each.analysis.faces[0].box) for each in found] == [(1, None)] * 3
    assert [first_value(each) for each in found] == [each.frame.index for each in found]


def test_networks_that_were_cut_are_finished_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fed by the camera or from here, their answers are those of the whole network."""
    steps = [{"kind": "reshape", "inputs": ["prob"], "output": "whole", "shape": [1, 3]}]
    outputs = [{"blob": "whole", "task": "numbers", "read": "values", "names": ["first", "width", "height"]}]
    with plugged_in(tmp_path, "2", monkeypatch) as camera:
        camera.network("Cut", host=steps, outputs=outputs)
        for box in (None, Found((Face((10, 10, 50, 50)),))):
            with FaceAnalyzer(camera.graph, "OAK", detector="none") as analyzer:
                found = some(Session(analyzer, ["oak"], box))
            # Later answers about a face in a box are averaged over the frames.
            assert first_value(found[0]) == found[0].frame.index
            assert box or [first_value(each) for each in found] == [each.frame.index for each in found]
            assert (found[0].frame.outputs is None) is (box is not None)


def test_the_networks_elsewhere_see_the_same_square(camera: Camera, tmp_path: Path) -> None:
    """As the camera would hand it to networks of its own."""
    with FaceAnalyzer(write_graph(tmp_path / "nets"), "CPU", detector="none") as analyzer:
        found = some(Session(analyzer, ["oak"]))
    assert [each.frame.picture.shape for each in found] == [(720, 720, 3)] * 3
    assert found[0].frame.outputs is None
    assert found[0].analysis.faces[0].answers


def test_the_page_shows_it_and_answers_about_photographs_meanwhile(camera: Camera) -> None:
    """Even where every picture is a face: the networks have to take photographs too."""
    with FaceAnalyzer(camera.graph, "OAK", detector="none") as analyzer:
        _, open_source = source_of("oak", analyzer)
        for _ in range(2):
            with closing(open_source()) as frames:  # type: ignore[type-var]
                frame = next(frames)
                assert isinstance(frame, Frame) and frame.picture.shape == (720, 1280, 3)
            photo = np.full((60, 60, 3), 7, np.uint8)
            assert analyzer.analyze(photo).faces[0].answers[0].values["first"] == 7


@pytest.mark.parametrize("words", [(), ("--no-detect",)])
def test_the_command(camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    """The camera leaves for good after some frames; the answers about those are there."""
    monkeypatch.setattr(workers, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr("inference.analyzer.open_detector", lambda *_: Finds())
    (camera.folder / "frames").write_text("3")
    done = run_command("inference", "infer", "oak", *words, "--json", "--graph", camera.graph, folder=tmp_path)
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert rows and {(row["picture"], row["device"]["device"]) for row in rows} == {("oak", "OAK")}
    assert {(row["width"], bool(row["box"])) for row in rows} == {(720, False) if words else (1280, True)}
    assert done.code == 1
    assert "error: The OAK camera did not come back in 0.2 s." in done.err
