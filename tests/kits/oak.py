"""A depthai that the tests make, of version 2 and of version 3, with a camera and networks.

What depthai and a camera really do is not shown by it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.card import read_cards
from inference.devices import oak, workers
from inference.devices.oak import OakDevice
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

class CameraBoardSocket:
    CAM_A, CAM_B = 0, 1

class ImgFrame:
    class Type:
        BGR888p, GRAY8, RGB888p = 1, 2, 3
    def getCvFrame(self): return self.array.copy()
    def getSequenceNum(self): return self.number
    def setType(self, kind): self.kind = kind
    def setWidth(self, width): self.width = width
    def setHeight(self, height): self.height = height
    def setSequenceNum(self, number): self.number = number
    def setData(self, data): self.data = data

class Answer:
    def __init__(self, frame):
        planes = 1 if frame.kind == ImgFrame.Type.GRAY8 else 3
        assert len(frame.data) == planes * frame.width * frame.height
        self.numbers, self.number = [float(frame.data[0]), float(frame.width), float(frame.height)], frame.number
    def getSequenceNum(self): return self.number

def taken(number, size):
    # A picture of the camera: blue is its number, green says how far to the right, and red how far down.
    frame = ImgFrame()
    frame.number, frame.array = number, np.zeros((size[1], size[0], 3), np.uint8)
    frame.array[..., 0] = number
    frame.array[..., 1] = np.arange(size[0]) // 8
    frame.array[..., 2] = np.arange(size[1])[:, None] // 8
    return frame

def cut(frame, box, size, kind):
    # A part of a picture, left, top, right and bottom in pixels, with its pixels in planes.
    left, top, right, bottom = map(round, box)
    part = frame.array[top:bottom, left:right]
    part = part[np.arange(size[1]) * part.shape[0] // size[1]][:, np.arange(size[0]) * part.shape[1] // size[0]]
    made = ImgFrame()
    made.kind, made.number, made.width, made.height = kind, frame.number, *size
    order = {1: [0, 1, 2], 2: [2], 3: [2, 1, 0]}[kind]
    made.data = np.ascontiguousarray(part[..., order].transpose(2, 0, 1)).ravel()
    return made

class Sensor:
    # What a camera does: each look at it takes the next picture, and hands it to `feed`.
    def __init__(self, size, feed):
        self.size, self.feed, self.number = size, feed, -1
    def tryGet(self):
        word = (FOLDER / "plan").read_text()
        if word == "silent":
            import time
            now = time.monotonic
            time.monotonic = lambda: now() + 10
            return None
        if word in ("leave", "skip"):
            (FOLDER / "plan").write_text("")
        if (FOLDER / "frames").exists() and self.number + 1 >= int((FOLDER / "frames").read_text()):
            (FOLDER / "camera").unlink()
            word = "leave"
        if word == "leave":
            raise RuntimeError("Communication exception - possible device error (X_LINK_ERROR)")
        self.number += 3 if word == "skip" else 1
        frame = taken(self.number, self.size)
        self.feed(frame)
        return frame

class Queue:
    def __init__(self, size, blocking):
        assert blocking, "it would drop pictures"
        self.size, self.waiting = size, []
    def get(self):
        if not self.waiting:
            raise RuntimeError("Communication exception: nothing to wait for")
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

class ColorCameraProperties:
    class SensorResolution:
        THE_1080_P, THE_800_P, THE_720_P = 1080, 800, 720
    class ColorOrder:
        BGR = "BGR"

class Port:
    def __init__(self, owner=None): self.owner, self.links, self.blocking, self.size = owner, [], True, 8
    def link(self, other): self.links.append(other)
    def setBlocking(self, blocking): self.blocking = blocking
    def setQueueSize(self, size): self.size = size

class ImageManipConfig:
    def __init__(self): self.shares = (0, 0, 1, 1)
    def setCropRect(self, left, top, right, bottom): self.shares = (left, top, right, bottom)
    def setResize(self, width, height): self.size = (width, height)
    def setKeepAspectRatio(self, keep): assert keep is False
    def setFrameType(self, kind): self.kind = kind

class node:
    class ColorCamera:
        def __init__(self): self.preview, self.scale = Port(), (1, 1)
        def setBoardSocket(self, socket): assert socket == CameraBoardSocket.CAM_A
        def setResolution(self, rows): self.rows = rows
        def setIspScale(self, above, below): self.scale = (above, below)
        def setPreviewSize(self, width, height): self.size = (width, height)
        def setInterleaved(self, interleaved): assert interleaved is False
        def setColorOrder(self, order): assert order == "BGR"
    class ImageManip:
        def __init__(self): self.inputImage, self.out, self.initialConfig = Port(self), Port(), ImageManipConfig()
        def setMaxOutputFrameSize(self, size): self.most = size
    class NeuralNetwork:
        def __init__(self): self.input, self.out = Port(self), Port()
        def setBlobPath(self, path): OpenVINO.Blob(path)
    class XLinkIn:
        def __init__(self): self.out = Port()
        def setStreamName(self, name): self.name = name
    class XLinkOut:
        def __init__(self): self.input = Port(self)
        def setStreamName(self, name): self.name = name

class Pipeline:
    def __init__(self): self.nodes = []
    def create(self, kind):
        self.nodes.append(kind())
        return self.nodes[-1]

class Features:
    def __init__(self, socket, height): self.socket, self.height = socket, height

class Device:
    def __init__(self, pipeline=None):
        if not (FOLDER / "camera").exists():
            raise RuntimeError("No available devices")
        self.outputs = {}
        if pipeline:
            self.startPipeline(pipeline)
    def getConnectedCameraFeatures(self):
        rows = (FOLDER / "rows").read_text() if (FOLDER / "rows").exists() else "3040"
        return [Features(1, 800), *([Features(0, int(rows))] if rows else [])]
    def startPipeline(self, pipeline):
        assert all(each.out.links for each in pipeline.nodes if hasattr(each, "out"))
        self.pipeline = pipeline
    def feed(self, frame):
        (camera,) = [each for each in self.pipeline.nodes if isinstance(each, node.ColorCamera)]
        for port in camera.preview.links:
            if isinstance(port.owner, node.ImageManip):
                config, (width, height) = port.owner.initialConfig, camera.size
                box = [share * side for share, side in zip(config.shares, (width, height) * 2)]
                made = cut(frame, box, config.size, config.kind)
                assert len(made.data) <= port.owner.most
                (network,) = port.owner.out.links
                (sink,) = network.owner.out.links
                work(made, self.getOutputQueue(sink.owner.name, 8, True))
    def getOutputQueue(self, name, size, blocking):
        if name == "frames":
            (camera,) = [each for each in self.pipeline.nodes if isinstance(each, node.ColorCamera)]
            assert camera.scale == ((2, 3) if camera.rows == 1080 else (1, 1))
            (sink,) = [port for port in camera.preview.links if isinstance(port.owner, node.XLinkOut)]
            fed = len(camera.preview.links) > 1
            assert (sink.owner.name, sink.size, sink.blocking, blocking) == ("frames", 1, fed, fed)
            return Sensor(camera.size, self.feed)
        return self.outputs.setdefault(name, Queue(size, blocking))
    def getInputQueue(self, name, size, blocking):
        return Sender(self.getOutputQueue(name.replace("in", "out"), size, blocking))
"""
THREE = """
__version__ = "3.12.0"
Answer.getTensor = lambda self, name: np.array([self.numbers], np.float32)

class ImgResizeMode:
    CROP = "crop"

class ImageManipConfig:
    class ResizeMode:
        STRETCH = "stretch"
    def __init__(self): self.box = None
    def addCrop(self, x, y, w, h): self.box = (x, y, x + w, y + h)
    def setOutputSize(self, width, height, mode):
        assert mode == "stretch"
        self.size = (width, height)
    def setFrameType(self, kind): self.kind = kind

class Input:
    def __init__(self, owner): self.owner = owner
    def createInputQueue(self, size, blocking): return Sender(self.owner.out.queue)
    def setBlocking(self, blocking): assert blocking

class Output:
    def __init__(self): self.queue, self.links = Queue(8, True), []
    def link(self, port): self.links.append(port)
    def createOutputQueue(self, size, blocking):
        self.queue.size = size
        return self.queue

class Frames(Output):
    def __init__(self, size):
        super().__init__()
        self.size = size
    def createOutputQueue(self, size, blocking):
        self.blocking = blocking
        assert size == 1
        return Sensor(self.size, self.feed)
    def feed(self, frame):
        assert self.blocking == bool(self.links)
        for port in self.links:
            config = port.owner.initialConfig
            made = cut(frame, config.box or (0, 0, *self.size), config.size, config.kind)
            assert len(made.data) <= port.owner.most
            (network,) = port.owner.out.links
            work(made, network.owner.out.queue)

class node:
    class Camera:
        def build(self, socket):
            assert socket == CameraBoardSocket.CAM_A
            return self
        def requestOutput(self, size, kind, mode):
            assert kind == ImgFrame.Type.BGR888p and mode == "crop"
            return Frames(size)
    class ImageManip:
        def __init__(self): self.inputImage, self.out, self.initialConfig = Input(self), Output(), ImageManipConfig()
        def setMaxOutputFrameSize(self, size): self.most = size
    class NeuralNetwork:
        def __init__(self): self.input, self.out = Input(self), Output()
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

    def __init__(self, folder: Path, version: str) -> None:
        self.folder = folder
        self.version = version
        self.graph = folder / "graph"
        self.graph.mkdir()
        self.plan("")
        (folder / "camera").write_text("RVC2")
        self.sysfs = sysfs_with(folder / "sys", "03e7:2485")
        self.opened: list[OakDevice] = []

    def plan(self, word: str) -> None:
        (self.folder / "plan").write_text(word)

    def network(
        self,
        name: str,
        kinds: tuple[str, str] = ("U8F", "FP16"),
        channels: int = 3,
        order: str = "BGR",
        resize_to: list[int] | None = None,
        **more: object,
    ) -> None:
        blob = {"inputs": {"data": [kinds[0], [20, 24, channels, 1]]}, "outputs": {"prob": [kinds[1], [3, 1]]}}
        data = json.dumps(blob).encode()
        (self.graph / f"{name}.blob").write_bytes(data)
        shape = [1, channels, 24, 20]
        size = {"resize_to": resize_to} if resize_to else {}
        fields = {
            "channel_order": order if channels == 3 else "GRAY",
            "outputs": [{"blob": "prob", "task": "numbers", "read": "values", "names": ["first", "width", "height"]}],
            "input": {"blob": "data", "shape": shape, "layout": "NCHW", "precision": "U8", **size},
            "blob": {"file": f"{name}.blob", "sha256": hashlib.sha256(data).hexdigest()},
        }
        write_card(self.graph, card_of(name, **{**fields, **more}))

    def open(self) -> OakDevice:
        device = OakDevice(read_cards(self.graph), sysfs=self.sysfs)
        self.opened.append(device)
        return device


@contextmanager
def plugged_in(folder: Path, version: str, patch: pytest.MonkeyPatch) -> Iterator[Camera]:
    """Plug a camera in, and install depthai 2 or 3."""
    (folder / "depthai.py").write_text(COMMON + {"2": TWO, "3": THREE}[version])
    patch.setenv("PYTHONPATH", str(folder))
    patch.delenv(oak.PROTOCOL, raising=False)
    patch.setattr(oak, "depthai_version", lambda: f"{version}.30")
    patch.setattr(workers, "PAUSE", 0.01)
    made = Camera(folder, version)
    yield made
    for device in made.opened:
        device.close()
