"""`python -m inference serve` as a user calls it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest

from inference import UsageError
from inference.page import command
from inference.page.build import check_source
from kits.commands import run_command, start_process
from kits.inference import one_colour, write_graph
from kits.page import GREEN, photo


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], list[str], int]]:
    """A page that was started as a process: the process, the lines that it printed, its port."""
    write_graph(folder / "graph")
    process = start_process("-m", "inference", "serve", "--port", "0", "--device", "CPU", *words, folder=folder)
    try:
        assert process.stdout and process.stderr
        lines = []
        while line := process.stdout.readline():
            lines.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                break
        port = re.search(r":(\d+)/", lines[0]) if lines else None
        assert port, process.stderr.read()
        yield process, lines, int(port[1])
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_page_from_start_to_end(tmp_path: Path, number: signal.Signals, code: int) -> None:
    cv2.imwrite(str(tmp_path / "door.png"), one_colour(GREEN, 100, 100))
    words = ("--faces", "none", "--source", "door.png", "--capture", "captures")
    with serving(tmp_path, *words) as (process, lines, port):
        names = [line.split()[0] for line in lines]
        assert names == ["page", "device", "networks", "faces", "source", "capture", "Ctrl-C"]
        address = f"http://127.0.0.1:{port}"
        request = urllib.request.Request(f"{address}/capture", photo(), {"Content-Type": "image/png"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["faces"][0]["answers"][0]["answer"] == "green"
        stream = urllib.request.urlopen(f"{address}/events", timeout=60)
        assert stream.readline().startswith(b"data: {")
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        stream.close()
    assert (process.returncode, out, err) == (code, "", "stopped\n")
    assert len(list((tmp_path / "captures").iterdir())) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0: everybody in the network could use the page"),
        (["--token", "short"], "--token: found 5 characters, expected at least 16"),
        (["--port", "70000"], "--port 70000: expected 0 to 65535."),
        (["--capture", "ftp://x/y"], "--capture ftp://x/y: expected a folder, or s3://BUCKET/PREFIX."),
        (["--source", "-"], "--source -: standard input can be read only once."),
        (["--source", "no.mp4"], "--source no.mp4: "),
        (["--source", "webcam:x"], "webcam:x: expected webcam"),
        (["--graph", "nowhere"], "nowhere"),
        (["--faces", "eyes"], "eyes"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, words: list[str], message: str) -> None:
    done = run_command("inference", "serve", "--port", "0", *words, folder=tmp_path)
    assert (done.code in (1, 2), done.out, done.err.count("\n")) == (True, "", 1), done.err
    assert done.err.startswith("error: ")
    assert message in done.err


def test_sources_that_may_come_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for word in ("webcam:97", "rtsp://cam.example/1", "oak"):
        check_source(word)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="--source empty: "):
        check_source("empty")


def test_without_its_packages_the_page_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "s3fs" else object())
    done = run_command("inference", "serve", "--port", "0", folder=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "not installed (s3fs). Install them: " in done.err
    assert done.err.endswith("locks/page.txt\n")
