"""The command as a user runs it: exit codes, one line for an error, JSON on stdout and nothing else there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.messages import known_names
from common.places import ROOT
from faces.detectors import open_detector
from inference import command
from inference.__main__ import ROOM
from kits.commands import Done, run_command, run_process
from kits.faces import portrait
from kits.inference import COLOURS, card_of, one_colour, with_mean, write_card, write_graph


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with graph/ and a green face."""
    write_graph(tmp_path / "graph")
    cv2.imwrite(str(tmp_path / "face.png"), one_colour((40, 220, 40)))
    return tmp_path


def run(here: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "run_inference.py", *arguments],
        cwd=here,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.fixture
def ask(here: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Done]]:
    """Call the command in this process, which is quick. What a library prints by itself fails the test at its end."""
    yield partial(run_command, "inference", folder=here)
    assert capfd.readouterr() == ("", "")


def test_a_prediction(here: Path) -> None:
    done = run(here, "--image_path", "face.png", "--output", "out/annotated.png")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["picture", "colour", "device", "time", "wrote"]
    assert lines[1].split()[1] == "green"
    assert cv2.imread(str(here / "out/annotated.png")).shape[1] == 480
    again = run(here, "--image_path", "face.png", "--output", "out/annotated.png")
    assert (again.returncode, again.stdout) == (2, "")
    assert run(here, "--image_path", "face.png", "--output", "out/annotated.png", "--force").returncode == 0


def test_json_is_all_of_stdout(here: Path) -> None:
    done = run(here, "--image_path", "face.png", "--device", "CPU", "--json", "--output", "a.png")
    assert done.returncode == 0
    content = json.loads(done.stdout)
    assert content["answers"][0]["answer"] == "green"
    assert list(content["answers"][0]["probabilities"]) == COLOURS
    assert content["device"]["why"] == "asked for"
    assert done.stderr == "wrote a.png\n"


def test_as_a_module_gives_the_same(here: Path) -> None:
    arguments = ["--image_path", "face.png", "--json"]
    module = run_process("-m", "inference", *arguments, folder=here)
    assert json.loads(module.stdout)["answers"] == json.loads(run(here, *arguments).stdout)["answers"]


def test_mean_file(here: Path, ask: Callable[..., Done]) -> None:
    mean = np.full((3, 24, 20), 100, np.float32)
    write_card(here / "graph", with_mean(card_of(), mean))
    np.save(here / "mean.npy", mean)
    np.save(here / "other.npy", mean + 1)
    assert ask("--image_path", "face.png", "--mean_file", "mean.npy").code == 0
    done = ask("--image_path", "face.png", "--mean_file", "other.npy")
    assert done.code == 1
    assert done.err.startswith("error: other.npy: is not the mean that ColourNet")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--image_path", "no.jpg"], 1, "no.jpg: no such file or directory"),
        (["--image_path", "graph"], 1, "graph: a folder, not an ordinary file"),
        (["--image_path", "text.jpg"], 1, "text.jpg: not a picture"),
        (["--image_path", "empty.jpg"], 1, "empty.jpg: an empty file (0 bytes)"),
        (["--image_path", "dot.png"], 1, "dot.png: 1x1 pixels"),
        (["--image_path", "cut.jpg"], 1, "cut.jpg: cut short"),
        (["--image_path", "face.png", "--graph", "none"], 1, "./demo.sh"),
        (["--image_path", "face.png", "--mean_file", "no.npy"], 1, "no.npy"),
        (["--image_path", "face.png", "--output", "face.png"], 2, "face.png: already there"),
        (["--image_path", "face.png", "--output", "a.jpg"], 2, "expected a name that ends in .png"),
        (["--image_path", "face.png", "--device", "FPU"], 2, "--device FPU: unknown. Known: auto, "),
    ],
)
def test_bad_input_is_one_line_and_a_code(
    here: Path, ask: Callable[..., Done], arguments: list[str], code: int, words: str
) -> None:
    (here / "text.jpg").write_text("hello")
    (here / "empty.jpg").touch()
    (here / "cut.jpg").write_bytes(cv2.imencode(".jpg", one_colour((1, 2, 3)))[1].tobytes()[:-9])
    cv2.imwrite(str(here / "dot.png"), one_colour((1, 2, 3), 1, 1))
    before = sorted(here.rglob("*"))
    done = ask(*arguments)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert words in done.err
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments", [["--image_path"], ["--image_path", "a", "--precision", "int8"], ["face.jpg", "--box", "1"]]
)
def test_wrong_use(here: Path, arguments: list[str]) -> None:
    done = run(here, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: python run_inference.py: ")
    assert done.stderr.endswith("See python run_inference.py --help.\n")
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(here: Path) -> None:
    done = run(here, "--image_path", "no.jpg", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: no.jpg")


def test_a_python_without_what_it_needs(here: Path) -> None:
    """Such as the system's: the message names it and says which one to use."""
    (here / "cv2.py").write_text("raise ModuleNotFoundError(\"No module named 'cv2'\", name='cv2')")
    done = run(here, "--image_path", "face.png", PYTHONPATH=str(here))
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {sys.executable}: has no module cv2. Use ")
    assert "locks/runner.txt" in done.stderr


def test_no_telemetry_is_loaded(here: Path) -> None:
    """OpenVINO's model converter brings it along. The runner needs neither, and both take long to import."""
    script = (
        "import sys; from inference.__main__ import ROOM; ROOM.main(['--image_path', 'face.png']); "
        "assert 'openvino' in sys.modules; assert sys.modules.get('openvino_telemetry') is None"
    )
    done = run_process("-c", script, folder=here)
    assert done.returncode == 0, done.stderr


def test_a_file_name_that_is_no_text(here: Path) -> None:
    path = os.fsencode(here) + b"/f\xe9.png"
    Path(os.fsdecode(path)).write_bytes((here / "face.png").read_bytes())
    for extra in ([], ["--json"]):
        done = run(here, "--image_path", os.fsdecode(path), *extra)
        assert (done.returncode, done.stderr) == (0, "")


def test_stopped_by_the_user(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stopped(options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "main", stopped)
    with pytest.raises(SystemExit) as caught:
        ROOM.run(["--image_path", "a"])
    assert caught.value.code == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [("cpu", 'Known: A, CPU. Did you mean "CPU"?'), ("xyz", "Known: A, CPU."), ("7", "Known: A, CPU.")],
)
def test_known_names(name: str, text: str) -> None:
    assert known_names(name, ["CPU", "A"]) == text


def test_a_face_is_found_first(here: Path, ask: Callable[..., Done]) -> None:
    """The face is green and the rest of the picture is not: without --faces the answer is another."""
    picture = portrait()
    (face,) = open_detector("haar").detect(picture)
    left, top, width, height = face.rounded_box()
    large = np.full((500, 600, 3), (220, 40, 40), np.uint8)
    large[180:480, 220:580] = picture
    cv2.imwrite(str(here / "large.png"), large)
    assert ask("--image_path", "large.png").out.splitlines()[1].split()[1] == "blue"
    done = ask("--image_path", "large.png", "--faces", "haar", "--json", "--output", "a.png")
    assert done.code == 0, done.err
    content = json.loads(done.out)
    assert content["face"]["box"] == pytest.approx([left + 220, top + 180, width, height], abs=25)
    assert content["answers"][0]["answer"] != "blue"
    text = ask("--image_path", "large.png", "--faces", "haar").out.splitlines()[1]
    assert text.split()[0] == "face" and text.endswith("from the top")


def test_no_face_is_found(ask: Callable[..., Done]) -> None:
    done = ask("--image_path", "face.png", "--faces", "haar")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: face.png: haar finds no face. Try another detector, or leave --faces out")
    done = ask("--image_path", "face.png", "--faces", "harr")
    assert done.code == 2 and "--faces harr: no such detector" in done.err
