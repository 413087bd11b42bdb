"""The annotated video: frames, rate, sizes, and cameras that dropped frames."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import MokaError, UsageError
from common.places import ROOT
from inference.frame import Frame
from inference.outputs import open_outputs, video
from inference.outputs.video import CODECS, OF_STILLS, fitted, rate_of
from kits.inference import one_colour
from kits.outputs import about_of, frame_of, people


def film(count: int, rate: float = 12.5, live: bool = False, size: tuple[int, int] = (48, 64)) -> list[Frame]:
    """Frames that get lighter."""
    return [
        Frame("film", one_colour((20 + 3 * n,) * 3, *size), n, n / rate, live)
        for n in range(count)  # type: ignore[arg-type]
    ]


def write(path: Path, frames: list[Frame]) -> None:
    with open_outputs([("video", path)], about_of()) as outputs:
        for frame in frames:
            outputs.write(frame, people(frame))


def read(path: Path) -> tuple[float, list[np.ndarray]]:
    opened = cv2.VideoCapture(str(path))
    frames = []
    while (found := opened.read())[0]:
        frames.append(found[1])
    return opened.get(cv2.CAP_PROP_FPS), frames


@pytest.mark.parametrize("suffix", CODECS)
def test_every_frame_is_there(suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"a{suffix}"
    write(path, film(20))
    rate, frames = read(path)
    assert rate == pytest.approx(12.5, abs=0.1)
    assert len(frames) == 20
    # A picture of 64 x 48 is drawn larger.
    assert frames[0].shape == (480, 640, 3)
    assert [frame[400:].mean() for frame in frames] == pytest.approx([20 + 3 * n for n in range(20)], abs=6)
    assert capfd.readouterr().err == ""


def test_fewer_frames_than_the_rate_is_measured_over(tmp_path: Path) -> None:
    write(tmp_path / "a.avi", film(3))
    assert len(read(tmp_path / "a.avi")[1]) == 3


def test_without_a_frame_there_is_no_video(tmp_path: Path) -> None:
    write(tmp_path / "a.avi", [])
    assert list(tmp_path.iterdir()) == []


def test_a_camera_keeps_its_time(tmp_path: Path) -> None:
    """Of 60 frames in 2.4 s, 20 in the middle were dropped: the video still takes 2.4 s. A gap of an hour is cut short."""
    frames = film(60, 25, live=True)
    write(tmp_path / "a.avi", frames[:20] + frames[40:])
    shown = [frame[400:].mean() for frame in read(tmp_path / "a.avi")[1]]
    assert len(shown) == 60
    assert shown[20:39] == pytest.approx([shown[19]] * 19, abs=3)
    later = [Frame("film", frame.picture, frame.index, frame.seconds + 3600, True) for frame in frames[40:]]
    write(tmp_path / "b.avi", frames[:20] + later)
    assert len(read(tmp_path / "b.avi")[1]) == 20 + 50 + 20


def test_a_file_keeps_all_frames(tmp_path: Path) -> None:
    """However uneven their times are."""
    frames = film(30)
    uneven = [Frame("film", frame.picture, n, (n / 25) ** 2) for n, frame in enumerate(frames)]
    write(tmp_path / "a.avi", uneven)
    assert len(read(tmp_path / "a.avi")[1]) == 30


def test_other_sizes_are_fitted_in(tmp_path: Path) -> None:
    write(tmp_path / "a.avi", [frame_of(size=(640, 480)), frame_of(size=(480, 640)), frame_of(size=(700, 701))])
    rate, frames = read(tmp_path / "a.avi")
    assert rate == OF_STILLS
    assert [frame.shape for frame in frames] == [(640, 480, 3)] * 3
    assert frames[1][10].mean() > 220 and frames[1][320].mean() == pytest.approx(128, abs=6)


def test_fitted() -> None:
    odd = one_colour((1, 2, 3), 41, 61)
    assert fitted(odd, (60, 40)).shape == (40, 60, 3)
    assert (fitted(odd, (60, 40)) == (1, 2, 3)).all()
    assert fitted(one_colour((1, 2, 3), 1000, 10), (60, 40)).shape == (40, 60, 3)


def test_rates() -> None:
    assert rate_of(film(8, 29.97)) == pytest.approx(29.97, abs=0.01)
    assert rate_of(film(8, 1e6)) == 120
    assert rate_of([frame_of("a"), frame_of("b")]) == OF_STILLS
    assert rate_of(film(1)) == OF_STILLS


def test_few_frames_wait_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "WAIT_BYTES", 1 << 20)
    with open_outputs([("video", tmp_path / "a.avi")], about_of()) as outputs:
        output = outputs._outputs[0]
        for number, frame in enumerate(film(4)):
            outputs.write(frame, people(frame))
            assert len(output._waiting) == (number + 1 if number < 1 else 0)  # type: ignore[attr-defined]


def test_a_name_that_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.gif: expected the name of a video that ends in \.mp4"):
        write(tmp_path / "a.gif", film(1))


def test_a_codec_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CODECS, ".avi", "zzzz")
    with pytest.raises(MokaError, match=r"a\.avi: OpenCV cannot write \.avi of 640x480 here"):
        write(tmp_path / "a.avi", film(2))
    assert list(tmp_path.iterdir()) == []


def write_noise(folder: Path) -> None:
    """Write a video of each kind with a limit to the size of a file, and print what is said."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3)).astype(np.uint8)
    frames = [Frame("film", np.roll(noise, n, 1), n, n / 25) for n in range(12)]
    for suffix in CODECS:
        try:
            write(folder / f"a{suffix}", frames)
        except MokaError as error:
            print(error)


def test_a_video_that_grows_too_large(tmp_path: Path) -> None:
    """As by a quota, OpenCV does not say that nothing more could be written. In a process of its own, which the limit is for."""
    script = f"import pathlib, test_video; test_video.write_noise(pathlib.Path({str(tmp_path)!r}))"
    paths = os.pathsep.join(map(str, (Path(__file__).parent, ROOT, ROOT / "tests")))
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stdout.splitlines() if "Is the disk full" in line]
    assert len(lines) == len(CODECS)
    for suffix, line in zip(CODECS, lines, strict=True):
        assert re.search(rf"a\{suffix}: \d frames were written instead of 12\. Is the disk full", line)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_noticed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=video.RESERVE - 1))
    with pytest.raises(MokaError, match=r"a\.avi: the disk is full; nothing was left behind"):
        write(tmp_path / "a.avi", film(20))
    assert list(tmp_path.iterdir()) == []
