"""An OAK camera: the worker process for real, with a depthai that the test makes, of version 2 and of version 3.

What depthai and a camera really do is not shown here. tests/oracle/test_inference_stick.py takes the real depthai as far as the
camera.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.card import read_cards
from common.commands import LOGGER
from common.errors import CardError
from inference.devices import oak, open_device, workers
from inference.devices.oak import OakDevice
from inference.errors import DeviceError
from kits.inference import card_of, sysfs_with, write_card

COMMON = """
import json, os
from pathlib import Path
import numpy as np

FOLDER = Path(__file__).parent
assert os.environ["DEPTHAI_DISABLE_FEEDBACK"] == os.environ["DEPTHAI_DISABLE_CRASHDUMP_COLLECTION"] == "1"
assert os.environ["DEPTHAI_PROTOCOL"] == "usb"

class Named:
    def __init__(self, name):
        self.name = name

class Info:
    def __init__(self, kind, dims):
        self.dataType, self.dims = Named(kind), dims

class OpenVINO:
    class Blob:
        def __init__(self, path):
            if not Path(path).read_bytes().startswith(b"{"):
                raise RuntimeError("BlobReader error: File does not seem to be a supported neural network blob")
            read = json.loads(Path(path).read_text())
            self.networkInputs = {name: Info(*info) for name, info in read["inputs"].items()}
            self.networkOutputs = {name: Info(*info) for name, info in read["outputs"].items()}

class ImgFrame:
    class Type:
        BGR888p, GRAY8 = 1, 2
    def setType(self, kind): self.kind = kind
    def setWidth(self, width): self.width = width
    def setHeight(self, height): self.height = height
    def setSequenceNum(self, number): self.number = number
    def setData(self, data): self.data = data

class Answer:
    def __init__(self, frame):
        planes = 3 if frame.kind == ImgFrame.Type.BGR888p else 1
        assert len(frame.data) == planes * frame.width * frame.height
        self.numbers, self.number = [float(frame.data[0]), float(frame.width), float(frame.height)], frame.number
    def getSequenceNum(self): return self.number

class Queue:
    def __init__(self, size, blocking):
        assert blocking, "it would drop pictures"
        self.size, self.waiting = size, []
    def get(self):
        return self.waiting.pop(0)

def work(frame, after):
    plan = FOLDER / "plan"
    word = plan.read_text()
    plan.write_text("")
    assert len(after.waiting) < after.size, "the camera would wait for ever"
    if word == "drop":
        return
    if word == "leave":
        raise RuntimeError("Communication exception - possible device error (X_LINK_ERROR)")
    after.waiting.append(Answer(frame))
    if word == "unnumbered":
        after.waiting[-1].number = 0

class Sender:
    def __init__(self, after):
        self.after = after
    def send(self, frame):
        work(frame, self.after)
"""
TWO = """
__version__ = "2.30.0.0"
Answer.getLayerFp16 = lambda self, name: self.numbers

class Port:
    def __init__(self): self.links = []
    def link(self, other): self.links.append(other)
    def setBlocking(self, blocking): assert blocking

class node:
    class NeuralNetwork:
        def __init__(self): self.input, self.out = Port(), Port()
        def setBlobPath(self, path): OpenVINO.Blob(path)
    class XLinkIn:
        def __init__(self): self.out = Port()
        def setStreamName(self, name): self.name = name
    class XLinkOut:
        def __init__(self): self.input = Port()
        def setStreamName(self, name): self.name = name

class Pipeline:
    def __init__(self): self.nodes = []
    def create(self, kind):
        self.nodes.append(kind())
        return self.nodes[-1]

class Device:
    def __init__(self, pipeline):
        if not (FOLDER / "camera").exists():
            raise RuntimeError("No available devices")
        assert all(each.out.links for each in pipeline.nodes if hasattr(each, "out"))
        self.outputs = {}
    def getOutputQueue(self, name, size, blocking):
        return self.outputs.setdefault(name, Queue(size, blocking))
    def getInputQueue(self, name, size, blocking):
        return Sender(self.getOutputQueue(name.replace("in", "out"), size, blocking))
"""
THREE = """
__version__ = "3.12.0"
Answer.getTensor = lambda self, name: np.array([self.numbers], np.float32)

class Input:
    def createInputQueue(self, size, blocking): return Sender(self.out.queue)

class Output:
    queue = None
    def createOutputQueue(self, size, blocking):
        self.queue.size = size
        return self.queue

class node:
    class NeuralNetwork:
        def __init__(self):
            self.input, self.out = Input(), Output()
            self.out.queue, self.input.out = Queue(8, True), self.out
        def setBlobPath(self, path): OpenVINO.Blob(path)

class Device:
    def __init__(self):
        if not (FOLDER / "camera").exists():
            raise RuntimeError("No available devices")
    def getPlatformAsString(self): return (FOLDER / "camera").read_text()

class Pipeline:
    def __init__(self, device): self.started = False
    def create(self, kind): return kind()
    def start(self): self.started = True
"""


class Camera:
    """A folder with a depthai, a camera and networks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.graph = folder / "graph"
        self.graph.mkdir()
        self.plan("")
        (folder / "camera").write_text("RVC2")
        self.sysfs = sysfs_with(folder / "sys", "03e7:2485")
        self.opened: list[OakDevice] = []

    def plan(self, word: str) -> None:
        (self.folder / "plan").write_text(word)

    def network(self, name: str, kinds: tuple[str, str] = ("U8F", "FP16"), channels: int = 3) -> None:
        blob = {"inputs": {"data": [kinds[0], [20, 24, channels, 1]]}, "outputs": {"prob": [kinds[1], [3, 1]]}}
        data = json.dumps(blob).encode()
        (self.graph / f"{name}.blob").write_bytes(data)
        shape = [1, channels, 24, 20]
        write_card(
            self.graph,
            card_of(
                name,
                channel_order="BGR" if channels == 3 else "GRAY",
                input={"blob": "data", "shape": shape, "layout": "NCHW", "precision": "U8"},
                blob={"file": f"{name}.blob", "sha256": hashlib.sha256(data).hexdigest()},
            ),
        )

    def open(self) -> OakDevice:
        device = OakDevice(read_cards(self.graph), sysfs=self.sysfs)
        self.opened.append(device)
        return device


@pytest.fixture(params=["2", "3"])
def camera(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Camera]:
    (tmp_path / "depthai.py").write_text(COMMON + {"2": TWO, "3": THREE}[request.param])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv(oak.PROTOCOL, raising=False)
    monkeypatch.setattr(workers, "PAUSE", 0.01)
    made = Camera(tmp_path)
    yield made
    for device in made.opened:
        device.close()


def ask(device: OakDevice, count: int, channels: int = 3) -> list[list[float]]:
    (card,) = [
        card for card in device._cards.values() if card.path in device.sources and card.input.shape[1] == channels
    ]
    tensors = [np.full(card.input.shape, number, np.uint8) for number in range(count)]
    return [list(values["prob"].ravel()) for values in device.infer_many(card, tensors)]


def expected(count: int) -> list[list[float]]:
    return [[number, 20, 24] for number in range(count)]


def test_two_networks_answer_in_order(camera: Camera) -> None:
    camera.network("Colour")
    camera.network("Grey", channels=1)
    device = camera.open()
    assert device.runtime.startswith("depthai ")
    assert set(device.sources.values()) == {"blob"}
    for count in (1, 3, 21):
        assert ask(device, count) == expected(count)
        assert ask(device, count, channels=1) == expected(count)


@pytest.mark.parametrize(("word", "losses"), [("drop", 1), ("leave", 1), ("unnumbered", 0)])
def test_no_picture_is_lost(camera: Camera, caplog: pytest.LogCaptureFixture, word: str, losses: int) -> None:
    """A camera that drops a picture, or leaves, is opened again; one that does not number its answers keeps their order."""
    camera.network("Colour")
    device = camera.open()
    camera.plan(word)
    assert ask(device, 21) == expected(21)
    told = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert len(told) == 2 * losses
    assert all("OAK camera" in text for text in told)


def test_networks_that_it_cannot_run(camera: Camera) -> None:
    camera.network("Good")
    camera.network("Floats", ("FP16", "FP16"))
    camera.network("Odd", ("U8F", "FP64"))
    write_card(camera.graph, card_of("None"))
    device = camera.open()
    reasons = {path.stem: str(error) for path, error in device.refused.items()}
    assert 'its input "data" takes FP16; expected bytes (U8)' in reasons["Floats"]
    assert 'its output "prob" gives FP64' in reasons["Odd"]
    assert "has no blob, which an OAK camera needs" in reasons["None"]
    assert ask(device, 2)[1] == [1, 20, 24]


def test_no_camera(camera: Camera) -> None:
    camera.network("Colour")
    (camera.folder / "camera").unlink()
    with pytest.raises(DeviceError, match=r"The OAK camera is missing or does not answer \(No available devices\)"):
        camera.open()


def test_a_camera_of_another_kind(camera: Camera) -> None:
    camera.network("Colour")
    (camera.folder / "camera").write_text("RVC4")
    if "3.12" in (camera.folder / "depthai.py").read_text():
        with pytest.raises(DeviceError, match="of the kind RVC4; a Myriad X blob needs one of the kind RVC2"):
            camera.open()


def test_without_depthai_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oak, "depthai_version", lambda: "")
    with pytest.raises(DeviceError, match=r"Install depthai: .* -m pip install 'depthai>=2\.30,<4'"):
        open_device("OAK", [])


def test_a_network_without_a_blob_names_the_compiler(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    write_card(tmp_path, card_of())
    device: Any = OakDevice.__new__(OakDevice)
    with pytest.raises(CardError, match=r"tools/toolchain\.sh movidius"):
        device.files(read_cards(tmp_path)[0])
