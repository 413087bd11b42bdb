"""Devices that are unplugged, and programs that die, hang and write nonsense: a real worker process does all that on purpose."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.card import ModelCard, read_cards
from common.commands import LOGGER
from inference.devices import worker_device, workers
from inference.devices.myriad import MyriadDevice
from inference.devices.workers import DeviceLost, Workers
from inference.errors import DeviceError
from kits.inference import sysfs_with, write_graph

# What each next call does is a line of the file "infer" or "load" beside it, shared by all of its processes. Without a line
# it answers: the sum of the tensor.
BAD_WORKER = """
import fcntl, os, time
from pathlib import Path
import numpy as np

FOLDER = Path(__file__).parent

def next_word(name):
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = (FOLDER / name).read_text().split()
        (FOLDER / name).write_text(" ".join(words[1:]))
        with (FOLDER / "done").open("a") as done:
            done.write(name + " " + (words or ["answer"])[0] + "\\n")
    return (words or ["answer"])[0]

def misbehave(word):
    if word == "die":
        os.kill(os.getpid(), 9)
    if word == "exit":
        os._exit(3)
    if word == "hang":
        for _ in range(6000):
            if (FOLDER / "wake").exists():
                break
            time.sleep(0.1)
    if word == "gone":
        raise RuntimeError("Failed to read output: X_LINK_ERROR")
    if word == "refuse":
        raise RuntimeError("no such picture")
    if word == "garbage":
        for descriptor in range(3, 12):
            try:
                os.write(descriptor, b"nonsense, and more of it\\n" * 20)
            except OSError:
                pass

def load(values, arrays):
    word = next_word("load")
    misbehave(word)
    if word == "empty":
        return {}, {}
    network = {"source": "xml", "inputs": {"data": [1, 3, 24, 20]}, "outputs": ["prob"]}
    return {"runtime": "1", "networks": {path: network for path in values["networks"]}}, {}

def infer(values, arrays):
    word = next_word("infer")
    misbehave(word)
    results = {
        name + "/prob": np.array([np.asarray(tensor).sum(), 0, 0], np.float32) for name, tensor in arrays.items()
    }
    if word == "few":
        results.pop("0/prob")
    if word == "unknown":
        results["77/prob"] = results["0/prob"]
    return {"ticket": -1 if word == "stale" else values["ticket"]}, results

FUNCTIONS = {"load": load, "infer": infer}
"""


class Bench:
    """A folder with the bad worker, and what it is to do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.worker = folder / "bad_worker.py"
        self.worker.write_text(BAD_WORKER)
        self.do("", "")
        self.cards = read_cards(write_graph(folder / "graph"))
        self.sysfs = sysfs_with(folder / "sys", "03e7:2485")
        self.opened: list[MyriadDevice] = []

    def do(self, infer: str, load: str = "") -> None:
        (self.folder / "infer").write_text(infer)
        (self.folder / "load").write_text(load)

    def done(self) -> list[str]:
        return (self.folder / "done").read_text().splitlines()

    def open(self) -> MyriadDevice:
        device = MyriadDevice(self.cards, Path(sys.executable), worker=self.worker, sysfs=self.sysfs)
        self.opened.append(device)
        return device

    def tensors(self, count: int) -> list[Any]:
        return [np.full(self.card.input.shape, number, np.uint8) for number in range(count)]

    @property
    def card(self) -> ModelCard:
        return self.cards[0]

    def sums(self, values: Sequence[Any]) -> list[int]:
        """The numbers of the tensors that were answered, in their order."""
        return [int(each["prob"][0]) // (3 * 24 * 20) for each in values]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(workers, "PAUSE", 0.01)
    made = Bench(tmp_path)
    yield made
    for device in made.opened:
        device.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


def until(happened: Callable[[], object]) -> None:
    """Wait for something that another thread does."""
    for _ in range(6000):
        if happened():
            return
        time.sleep(0.01)
    pytest.fail("it never happened")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("die", "was ended by signal 9 (SIGKILL)"),
        ("exit", "ended with exit code 3"),
        ("garbage", "wrote something that is no answer"),
        ("gone", "is missing or does not open (NC_ERROR)"),
        ("stale", "gave an answer to another question"),
        ("few", "gave an answer to another question"),
        ("unknown", "gave an answer to another question"),
    ],
)
def test_nothing_is_lost_or_answered_twice(
    bench: Bench, caplog: pytest.LogCaptureFixture, word: str, said: str
) -> None:
    """The worker fails at its first call and at its third, and each time goes on from there."""
    bench.do(f"{word} answer {word}")
    device = bench.open()
    assert bench.sums(device.infer_many(bench.card, bench.tensors(30))) == list(range(30))
    told = warnings(caplog)
    assert len(told) == 4
    assert said in told[0]
    assert told[0].endswith(" Waiting up to 120 s for it.")
    assert told[1].startswith("The stick is back after ")
    assert "\n" not in "".join(told)
    assert bench.done().count("load answer") == 3


def test_a_worker_that_hangs(bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    device = bench.open()
    bench.do("hang")
    monkeypatch.setattr(worker_device, "INFER_SECONDS", 4)
    assert bench.sums(device.infer_many(bench.card, bench.tensors(9))) == list(range(9))
    assert warnings(caplog)[0].startswith("The stick gave no answer in 4 s. Unplug it")


def test_it_is_waited_for_until_it_is_plugged_in_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Once it is back, it refuses at first, as a stick does that is still starting."""
    device = bench.open()
    bench.do("answer die", "gone refuse")
    plug, away = bench.sysfs / "bus/usb/devices/1-3", bench.folder / "away"
    shutil.move(plug, away)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.extend(device.infer_many(bench.card, bench.tensors(20))))
    thread.start()
    until(lambda: warnings(caplog))
    assert bench.done().count("load answer") == 1
    shutil.move(away, plug)
    thread.join()
    assert bench.sums(found) == list(range(20))
    assert [line for line in bench.done() if "load" in line] == [
        "load answer",
        "load gone",
        "load refuse",
        "load answer",
    ]
    assert len(warnings(caplog)) == 2


def test_one_that_stays_away_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "WAIT_SECONDS", 0.2)
    device = bench.open()
    shutil.rmtree(bench.sysfs / "bus/usb/devices/1-3")
    bench.do("die")
    for _ in range(2):
        with pytest.raises(DeviceError, match=r"The stick did not come back in 0\.2 s\. .* was ended by signal 9"):
            device.infer_many(bench.card, bench.tensors(20))


def test_pictures_that_end_the_program_each_time_are_given_up(bench: Bench) -> None:
    device = bench.open()
    bench.do("die die die")
    with pytest.raises(DeviceError, match="The stick was lost 3 times with the same pictures"):
        device.infer(bench.card, bench.tensors(1)[0])
    assert bench.sums(device.infer_many(bench.card, bench.tensors(3))) == [0, 1, 2]


def test_a_question_that_is_refused_is_no_loss(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    device = bench.open()
    bench.do("refuse")
    with pytest.raises(DeviceError, match="The stick's OpenVINO says: no such picture"):
        device.infer(bench.card, bench.tensors(1)[0])
    assert bench.sums(device.infer_many(bench.card, bench.tensors(3))) == [0, 1, 2]
    assert warnings(caplog) == []


@pytest.mark.parametrize(
    ("load", "said"), [("garbage", "no answer"), ("empty", "load that is none"), ("die", "signal 9")]
)
def test_a_program_that_fails_at_the_start_is_an_error(bench: Bench, load: str, said: str) -> None:
    """Nothing is waited for: the user is there and can plug it in."""
    bench.do("", load)
    with pytest.raises(DeviceError, match=said):
        bench.open()


def test_several_sticks_share_the_work(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """One of the three is lost on the way; the others go on with what it had."""
    shutil.rmtree(bench.sysfs)
    sysfs_with(bench.folder / "sys", "03e7:2485", "03e7:f63b", "03e7:2485")
    device = bench.open()
    assert bench.done().count("load answer") == 3
    bench.do("answer die answer stale")
    for count in (1, 2, 50):
        assert bench.sums(device.infer_many(bench.card, bench.tensors(count))) == list(range(count))


def test_a_second_stick_that_does_not_open_is_left_out(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(bench.sysfs)
    sysfs_with(bench.folder / "sys", "03e7:2485", "03e7:2485")
    bench.do("", "answer gone")
    device = bench.open()
    assert warnings(caplog)[0].startswith("The stick 2 of 2 is left out: ")
    assert bench.sums(device.infer_many(bench.card, bench.tensors(9))) == list(range(9))


def test_closing_does_not_wait_for_one_that_hangs(bench: Bench) -> None:
    device = bench.open()
    bench.do("hang")
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            device.infer(bench.card, bench.tensors(1)[0])
        except DeviceError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: "infer hang" in bench.done())
    device.close()
    thread.join()
    assert [str(error) for error in errors] == ["The stick was closed."]
    with pytest.raises(DeviceError, match="was closed"):
        device.infer(bench.card, bench.tensors(1)[0])


def test_closing_does_not_wait_for_one_that_is_being_started(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    device = bench.open()
    bench.do("die", "hang")
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            device.infer(bench.card, bench.tensors(1)[0])
        except DeviceError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: "load hang" in bench.done())
    hanging = next(iter(device._workers._threads))
    device.close()
    thread.join()
    assert [str(error) for error in errors] == ["The stick was closed."]
    assert hanging.is_alive()
    (bench.folder / "wake").touch()
    hanging.join()


class Plain:
    """A worker without a process."""

    pid = -1

    def work(self, question: int) -> int:
        if question < 0:
            raise ZeroDivisionError("ours")
        return question + 1

    def close(self) -> None:
        """Nothing to release."""


def test_a_mistake_of_ours_is_heard_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    shared = Workers("The thing", Plain, 2)
    assert shared.ask(range(40)) == list(range(1, 41))
    with pytest.raises(DeviceError, match="The thing: ZeroDivisionError: ours"):
        shared.ask([1, -1])
    assert shared.ask([5]) == [6]
    assert issubclass(DeviceLost, DeviceError)
    shared.close()


def test_interrupted_at_the_start_nothing_is_left_running() -> None:
    started: list[Plain] = []
    closed: list[Plain] = []

    def start() -> Plain:
        if started:
            raise KeyboardInterrupt
        started.append(Plain())
        started[0].close = lambda: closed.append(started[0])  # type: ignore[method-assign]
        return started[0]

    with pytest.raises(KeyboardInterrupt):
        Workers("The thing", start, 2)
    assert closed == started
