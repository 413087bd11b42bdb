"""The command with several pictures: everybody in them is answered about, and what cannot be read is said and left out."""

from __future__ import annotations

import csv
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from common.process.signals import Terminated
from faces.face import Face
from inference import analyzer, people
from inference.analyzer import Analysis
from inference.frame import Frame
from inference.outputs import open_outputs
from inference.outputs.progress import Progress
from inference.outputs.summary import Summary
from inference.people import Session
from kits.commands import Done, run_command
from kits.inference import one_colour, write_graph
from kits.outputs import about_of, frame_of
from kits.outputs import people as answers_about

GREEN, RED, BLUE = (40, 220, 40), (40, 40, 220), (220, 40, 40)


class FindsRed:
    """A detector that finds every red or blue rectangle."""

    def detect(self, picture: np.ndarray) -> Sequence[Face]:
        coloured = (picture[..., 1] < 100).astype(np.uint8)
        _, _, boxes, _ = cv2.connectedComponentsWithStats(coloured)
        return [Face(tuple(map(float, box[:4])), 0.9) for box in boxes[1:] if box[4] > 50]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with graph/, a photo of two people, one of nobody, and a file that is no picture."""
    write_graph(tmp_path / "graph")
    photo = one_colour(GREEN, 120, 300)
    photo[20:80, 20:80], photo[20:80, 200:260] = RED, BLUE
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos/two.png"), photo)
    cv2.imwrite(str(tmp_path / "photos/nobody.png"), one_colour(GREEN, 120, 300))
    monkeypatch.setattr(analyzer, "open_detector", lambda name, graph: FindsRed())
    return tmp_path


@pytest.fixture
def ask(here: Path) -> Callable[..., Done]:
    return partial(run_command, "inference", "infer", folder=here)


def test_everybody_has_a_row(ask: Callable[..., Done], here: Path) -> None:
    done = ask("photos", "--device", "CPU", "--json", "--output", "people.csv")
    assert done.code == 0
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [(Path(row["picture"]).name, row["faces"], row["box"]) for row in rows] == [
        ("nobody.png", 0, None),
        ("two.png", 2, [20, 20, 60, 60]),
        ("two.png", 2, [200, 20, 60, 60]),
    ]
    assert [answer["answer"] for row in rows for answer in row.get("answers", [])] == ["red", "blue"]
    with (here / "people.csv").open() as file:
        assert [row["colour"] for row in csv.DictReader(file)] == ["", "red", "blue"]
    assert "2 pictures, 2 faces in 1 of them" in done.err


def test_text_and_annotated_pictures(ask: Callable[..., Done], here: Path) -> None:
    done = ask("photos/two.png", "photos/nobody.png", "--device", "CPU", "--output", "answers/")
    assert done.code == 0
    assert "photos/two.png (300 x 120): 2 faces" in done.out
    assert "photos/nobody.png (300 x 120): no face found" in done.out
    assert len(list((here / "answers").iterdir())) == 2


def test_what_cannot_be_read_is_left_out_and_the_exit_code_says_so(ask: Callable[..., Done], here: Path) -> None:
    (here / "photos/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n none")
    done = ask("photos/broken.png", "photos/two.png", "--device", "CPU")
    assert done.code == 1
    assert "photos/broken.png: left out: " in done.out
    assert "photos/two.png (300 x 120): 2 faces" in done.out
    assert "1 left out" in done.err or "two.png" in done.out


def test_no_detect_and_a_box(ask: Callable[..., Done], here: Path) -> None:
    cv2.imwrite(str(here / "face.png"), one_colour(BLUE))
    assert "colour blue" in ask("face.png", "--no-detect", "--device", "CPU").out
    boxed = ask("photos/two.png", "--box", "200,20,60,60", "--device", "CPU").out
    assert "colour blue" in boxed
    assert "60 x 60 pixels at 200, 20" in boxed
    old = ask("--image_path", "photos/two.png", "--box", "20,20,60,60", "--device", "CPU")
    assert old.out.splitlines()[2].split()[:2] == ["colour", "red"]


def test_small_faces_are_left_out(ask: Callable[..., Done]) -> None:
    assert "no face found" in ask("photos/two.png", "--min_face", "61", "--device", "CPU").out
    assert "2 faces" in ask("photos/two.png", "--min_face", "60", "--device", "CPU").out


def test_benchmark_prints_figures_alone(ask: Callable[..., Done]) -> None:
    figures = json.loads(ask("photos", "--benchmark", "--json", "--device", "CPU").out)
    assert (figures["pictures"], figures["faces"]) == (2, 2)
    assert all(figures["milliseconds"][stage]["p99"] > 0 for stage in ("read", "prepare", "compute"))
    assert "pictures and" in ask("photos", "--benchmark", "--device", "CPU").out


def test_many_pictures_are_set_up_for_throughput(
    ask: Callable[..., Done], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints = []

    class Hinted(analyzer.FaceAnalyzer):
        def __init__(self, *words: Any, hint: str, **options: Any) -> None:
            hints.append(hint)
            super().__init__(*words, hint=hint, **options)

    monkeypatch.setattr(people, "FaceAnalyzer", Hinted)
    one, two = sorted((here / "photos").glob("*.png"))[:2]
    for words in ([one], [one, two]):
        assert ask(*map(str, words), "--device", "CPU").code == 0
    assert hints == ["latency", "throughput"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no picture is given"),
        (["a.png", "--image_path", "b.png"], "--image_path asks about one picture"),
        (["--image_path", "b.png", "--no-detect"], "--no-detect is for pictures that are named without --image_path"),
        (["--image_path", "b.png", "--benchmark"], "--benchmark is for pictures"),
        (["--image_path", "b.png", "--output", "a.png", "--output", "b.png"], "--output is given several times"),
        (["a.png", "--mean_file", "m.npy"], "--mean_file is for --image_path alone"),
        (["a.png", "--box", "1,2,3"], "expected four numbers"),
        (["a.png", "--box", "1,2,0,3"], "expected a width and a height above 0"),
        (["a.png", "--box", "1,2,3,4", "--faces", "haar"], "not allowed with argument"),
        (["a.png", "--min_face", "-3"], "expected a number of pixels"),
        (["a.png", "--output", "a.doc"], "no output ends in .doc"),
    ],
)
def test_wrong_use(ask: Callable[..., Done], words: list[str], message: str) -> None:
    done = ask(*words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_people_in_a_video_keep_their_numbers(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two people who move, then another video: numbers begin again."""

    def frames(words: object, others: object) -> list[Frame]:
        pictures = []
        for step in range(3):
            picture = one_colour(GREEN, 120, 300)
            picture[20:80, 20 + 10 * step : 80 + 10 * step] = RED
            picture[20:80, 200:260] = BLUE
            pictures.append(picture)
        videos = [Frame(name, picture, index, moving=True) for name in "ab" for index, picture in enumerate(pictures)]
        return [*videos, Frame("still", pictures[0])]

    monkeypatch.setattr("inference.people.open_sources", frames)
    with analyzer.FaceAnalyzer(here / "graph", "CPU", detector="haar") as opened:
        seen = [(frame.name, [face.track for face in analysis.faces]) for frame, analysis in Session(opened, ["v"])]
    assert seen == [("a", [1, 2])] * 3 + [("b", [1, 2])] * 3 + [("still", [None, None])]


def test_frames_that_nobody_took_from_a_camera_count_as_dropped(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaps in a camera's numbers; those of a file, which was cut, are no drops."""
    picture = one_colour(GREEN, 120, 300)
    camera = [Frame("a", picture, index, live=True, moving=True) for index in (0, 1, 4, 5)]
    other = [Frame("b", picture, index, live=True, moving=True) for index in (1, 2)]
    video = [Frame("v", picture, index, moving=True) for index in (0, 7)]
    with analyzer.FaceAnalyzer(here / "graph", "CPU", detector="haar") as opened:
        for frames, gaps in ((camera, 2), (camera + other, 3), (video, 0)):
            monkeypatch.setattr("inference.people.open_sources", lambda words, others, given=frames: iter(given))
            session = Session(opened, ["v"])
            assert len(list(session)) + session.dropped - gaps == len(frames)
            # Frames are also dropped where the session itself is slow.
            assert session.dropped >= gaps


def test_an_error_ends_the_run_and_leaves_no_file(ask: Callable[..., Done], here: Path) -> None:
    (here / "people.csv").write_text("mine\n")
    done = ask("photos", "--device", "CPU", "--output", "people.csv")
    assert done.code == 2
    assert (here / "people.csv").read_text() == "mine\n"


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), Terminated(signal.SIGTERM)])
@pytest.mark.parametrize("live", [True, False])
def test_what_a_camera_gave_stays_when_one_leaves_it(ending: BaseException, live: bool, tmp_path: Path) -> None:
    """A run over files that is stopped leaves nothing: its output would look complete."""
    frame = frame_of("webcam", live=live, moving=True)

    def session() -> Iterator[tuple[Frame, Analysis]]:
        yield people._Answered(frame, answers_about(frame, (50, 60, 90, 100)))
        raise ending

    expected = nullcontext() if live else pytest.raises(type(ending))
    with (
        expected,
        open_outputs([("csv", tmp_path / "a.csv")], about_of()) as outputs,
        Progress(shown=False) as progress,
    ):
        people._write_all(Given(session()), outputs, Summary(), progress)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == (["a.csv"] if live else [])


class Given:
    """A session that gives what it is given."""

    dropped = 0

    def __init__(self, items: Iterator[tuple[Frame, Analysis]]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[tuple[Frame, Analysis]]:
        return self.items
