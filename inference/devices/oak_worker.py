"""Drives an OAK camera by depthai 2 or 3: loads blobs once, then runs them on pictures that it is sent, or that its camera takes.

common/helper.py runs this file. worker_device.py says what its functions take and return. The name of the device says what the
camera does: "OAK" nothing, "OAK frames" sends its frames, "OAK square" sends the square in the middle of its frames and hands the
same square to the networks.

networks: {CARD: {"blob": path, "size": [width, height], "share": [across, down], "type": name of an ImgFrame.Type}}. A network
takes the middle `share` of the square, brought to its `size`.

shoot: {"ticket": number} -> {"ticket": the same, "number": of the frame, "milliseconds": its cost}, and arrays: "picture", and
    in the mode square "N/BLOB" for each output of the Nth card, in order of their names. Without a new frame, no "number".
"""

import os
import time
from pathlib import Path

# Before depthai is loaded, which reads them once. It sends nothing to its makers, writes no dumps into the current folder, and
# looks for cameras on USB alone.
os.environ["DEPTHAI_DISABLE_FEEDBACK"] = "1"
os.environ["DEPTHAI_DISABLE_CRASHDUMP_COLLECTION"] = "1"
os.environ.pop("DEPTHAI_ENABLE_ANALYTICS_COLLECTION", None)
os.environ.setdefault("DEPTHAI_PROTOCOL", "usb")
os.environ.setdefault("DEPTHAI_LEVEL", "error")

import depthai as dai
import numpy as np

IN_FLIGHT = 4
QUEUE = 8
"""Messages in each queue. Queues wait when they are full, so no picture is dropped."""
SIZES = {"frames": (1280, 720), "square": (720, 720)}
"""Mode of the camera -> width and height of what it sends. Both are cut from the middle of the sensor's picture."""
SILENCE = 15.0
"""Seconds without a frame after which the camera counts as lost."""

METHODS = {"FP16": "getLayerFp16", "INT": "getLayerInt32", "U8F": "getLayerUInt8"}
"""Type of an output -> the method of depthai 2 that reads it."""


class Version2:
    """depthai 2: streams that nodes of their own carry from and to this machine."""

    kinds = tuple(METHODS)

    def open(self, networks, mode):
        """Start the networks and the camera; return {name: (queue to it, queue from it)} and the queue of frames.

        In the mode square there are no queues to the networks, and without a mode there is none of frames.
        """
        if mode:
            # What the camera is asked for depends on its sensor.
            self.device = dai.Device()
            heights = [each.height for each in self.device.getConnectedCameraFeatures() if each.socket == CAMERA_SOCKET]
            if not heights:
                raise RuntimeError("this OAK has no colour camera")
            self.device.startPipeline(self.build(networks, mode, heights[0]))
        else:
            self.device = dai.Device(self.build(networks))
        queues = {}
        for number, name in enumerate(networks):
            to = None if mode == "square" else self.device.getInputQueue(f"in{number}", QUEUE, True)
            queues[name] = (to, self.device.getOutputQueue(f"out{number}", QUEUE, True))
        return queues, self.device.getOutputQueue("frames", 1, feeds(networks, mode)) if mode else None

    def build(self, networks, mode="", height=1080):
        """Return the pipeline, for a camera whose sensor has so many rows."""
        pipeline = dai.Pipeline()
        if mode:
            frames = self.add_camera(pipeline, SIZES[mode], height)
            sink = self.add_sink(pipeline, "frames", frames)
            sink.input.setBlocking(feeds(networks, mode))
            sink.input.setQueueSize(1)
        for number, files in enumerate(networks.values()):
            network = pipeline.create(dai.node.NeuralNetwork)
            network.setBlobPath(Path(files["blob"]))
            network.input.setBlocking(True)
            if mode == "square":
                self.add_cut(pipeline, frames, files).link(network.input)
            else:
                source = pipeline.create(dai.node.XLinkIn)
                source.setStreamName(f"in{number}")
                source.out.link(network.input)
            self.add_sink(pipeline, f"out{number}", network.out)
        return pipeline

    def add_camera(self, pipeline, size, height):
        """Return the output of a colour camera."""
        kind = dai.ColorCameraProperties
        camera = pipeline.create(dai.node.ColorCamera)
        camera.setBoardSocket(CAMERA_SOCKET)
        if height >= 1080:
            camera.setResolution(kind.SensorResolution.THE_1080_P)
            camera.setIspScale(2, 3)
        else:
            camera.setResolution(kind.SensorResolution.THE_800_P if height >= 800 else kind.SensorResolution.THE_720_P)
        camera.setPreviewSize(*size)
        camera.setInterleaved(False)
        camera.setColorOrder(kind.ColorOrder.BGR)
        return camera.preview

    def add_cut(self, pipeline, frames, files):
        """Return what turns a square into the input of a network."""
        cut = pipeline.create(dai.node.ImageManip)
        across, down = files["share"]
        if min(across, down) < 1:
            cut.initialConfig.setCropRect((1 - across) / 2, (1 - down) / 2, (1 + across) / 2, (1 + down) / 2)
        cut.initialConfig.setResize(*files["size"])
        cut.initialConfig.setKeepAspectRatio(False)
        cut.initialConfig.setFrameType(frame_type(files["type"]))
        cut.setMaxOutputFrameSize(bytes_of(files))
        cut.inputImage.setBlocking(True)
        frames.link(cut.inputImage)
        return cut.out

    def add_sink(self, pipeline, name, output):
        """Send an output to this machine."""
        sink = pipeline.create(dai.node.XLinkOut)
        sink.setStreamName(name)
        output.link(sink.input)
        return sink

    def read(self, answer, blob, kind):
        """Return the numbers of an output."""
        return np.array(getattr(answer, METHODS[kind])(blob), np.float32)


class Version3:
    """depthai 3: queues at the nodes themselves."""

    kinds = (*METHODS, "FP32")

    def open(self, networks, mode):
        """Start the networks and the camera; return what Version2.open does."""
        self.device = dai.Device()
        platform = self.device.getPlatformAsString()
        if platform != "RVC2":
            raise RuntimeError(f"this camera is of the kind {platform}; a Myriad X blob needs one of the kind RVC2")
        self.pipeline = dai.Pipeline(self.device)
        frames = queue = None
        if mode:
            camera = self.pipeline.create(dai.node.Camera).build(CAMERA_SOCKET)
            frames = camera.requestOutput(SIZES[mode], dai.ImgFrame.Type.BGR888p, dai.ImgResizeMode.CROP)
            queue = frames.createOutputQueue(1, feeds(networks, mode))
        queues = {}
        for name, files in networks.items():
            network = self.pipeline.create(dai.node.NeuralNetwork)
            network.setBlobPath(Path(files["blob"]))
            to = None
            if mode == "square":
                network.input.setBlocking(True)
                self.add_cut(frames, files).link(network.input)
            else:
                to = network.input.createInputQueue(QUEUE, True)
            queues[name] = (to, network.out.createOutputQueue(QUEUE, True))
        self.pipeline.start()
        return queues, queue

    def add_cut(self, frames, files):
        """Return what turns a square into the input of a network."""
        cut = self.pipeline.create(dai.node.ImageManip)
        across, down = SIZES["square"]
        width, height = round(across * files["share"][0]), round(down * files["share"][1])
        if (width, height) != (across, down):
            cut.initialConfig.addCrop((across - width) // 2, (down - height) // 2, width, height)
        cut.initialConfig.setOutputSize(*files["size"], dai.ImageManipConfig.ResizeMode.STRETCH)
        cut.initialConfig.setFrameType(frame_type(files["type"]))
        cut.setMaxOutputFrameSize(bytes_of(files))
        cut.inputImage.setBlocking(True)
        frames.link(cut.inputImage)
        return cut.out

    def read(self, answer, blob, kind):
        """Return the numbers of an output."""
        return np.array(answer.getTensor(blob), np.float32)


CAMERA_SOCKET = dai.CameraBoardSocket.CAM_A
VERSIONS = {"2": Version2, "3": Version3}
"""The first number of depthai's version -> how it is used."""


def feeds(networks, mode):
    """Return whether the camera feeds networks. Then no frame may be dropped on its way; otherwise the newest is wanted."""
    return mode == "square" and bool(networks)


def frame_type(name):
    """Return how the pixels of a frame lie."""
    return getattr(dai.ImgFrame.Type, name)


def bytes_of(files):
    """Return how many bytes a network takes."""
    width, height = files["size"]
    return width * height * (1 if files["type"] == "GRAY8" else 3)


class Camera:
    """The networks on the device, and its camera."""

    def __init__(self):
        self.version = None
        self.queues = {}
        self.frames = None
        self.kinds = {}
        self.sent = {}
        self.came = 0.0

    def load(self, values, arrays):
        """Load networks and describe them."""
        self.version = VERSIONS[dai.__version__.split(".")[0]]()
        described, networks = {}, {}
        for name, files in sorted(values["networks"].items()):
            try:
                described[name] = self.describe(name, Path(files["blob"]))
                networks[name] = files
            except RuntimeError as error:
                described[name] = {"error": str(error)}
        mode = values["device"].partition(" ")[2]
        if networks or mode:
            self.queues, self.frames = self.version.open(networks, mode)
        self.sent = dict.fromkeys(networks, 0)
        self.came = time.monotonic()
        return {"runtime": f"depthai {dai.__version__}", "networks": described}, {}

    def describe(self, name, path):
        """Read the header of a blob. depthai lists sizes from the innermost to the outermost."""
        blob = dai.OpenVINO.Blob(path)
        self.kinds[name] = {one: info.dataType.name for one, info in blob.networkOutputs.items()}
        for one, info in blob.networkInputs.items():
            if info.dataType.name != "U8F":
                raise RuntimeError(f'its input "{one}" takes {info.dataType.name}; expected bytes (U8)')
        for one, kind in self.kinds[name].items():
            if kind not in self.version.kinds:
                raise RuntimeError(f'its output "{one}" gives {kind}, which depthai {dai.__version__} does not read')
        inputs = {one: list(info.dims)[::-1] for one, info in blob.networkInputs.items()}
        return {"source": "blob", "inputs": inputs, "outputs": sorted(self.kinds[name])}

    def infer(self, values, arrays):
        """Run one network on each array, a few at a time."""
        name = values["network"]
        first = self.sent[name] + 1
        results = {}
        for number in range(len(arrays)):
            if number >= IN_FLIGHT:
                self.receive(name, first + number - IN_FLIGHT, number - IN_FLIGHT, results)
            self.send(name, np.asarray(arrays[str(number)]))
        for number in range(max(0, len(arrays) - IN_FLIGHT), len(arrays)):
            self.receive(name, first + number, number, results)
        return {"ticket": values["ticket"]}, results

    def shoot(self, values, arrays):
        """Take the next frame of the camera, if there is one, with what the networks that it feeds say about it."""
        frame = self.frames.tryGet()
        now = time.monotonic()
        if frame is None:
            if now - self.came > SILENCE:
                raise RuntimeError(f"X_LINK_ERROR: the camera has sent no frame for {SILENCE:g} s")
            return {"ticket": values["ticket"]}, {}
        self.came = now
        results = {"picture": np.ascontiguousarray(frame.getCvFrame())}
        took = (time.monotonic() - now) * 1e3
        number = frame.getSequenceNum()
        for place, (name, (to, _)) in enumerate(self.queues.items()):
            if to is None:
                self.receive(name, number, place, results)
        return {"ticket": values["ticket"], "number": number, "milliseconds": took}, results

    def send(self, name, tensor):
        """Send a picture, 1 x channels x height x width, with the next number."""
        self.sent[name] += 1
        _, channels, height, width = tensor.shape
        frame = dai.ImgFrame()
        # The network takes the bytes as they are; the type only says how many planes there are.
        frame.setType(frame_type("BGR888p" if channels == 3 else "GRAY8"))
        frame.setWidth(width)
        frame.setHeight(height)
        frame.setSequenceNum(self.sent[name])
        frame.setData(np.ascontiguousarray(tensor).ravel())
        self.queues[name][0].send(frame)

    def receive(self, name, expected, place, results):
        """Wait for the answer to the picture `expected`. Answers come in order; one to an earlier picture is passed over."""
        while True:
            answer = self.queues[name][1].get()
            if answer is None:
                raise RuntimeError("X_LINK_ERROR: the queue was closed")
            found = answer.getSequenceNum()
            # 0: this device does not hand the numbers on.
            if found in (0, expected):
                break
            if found > expected:
                raise RuntimeError(f"X_LINK_ERROR: the answer {found} came in place of {expected}")
        for blob, kind in self.kinds[name].items():
            results[f"{place}/{blob}"] = self.version.read(answer, blob, kind)


CAMERA = Camera()
FUNCTIONS = {"load": CAMERA.load, "infer": CAMERA.infer, "shoot": CAMERA.shoot}
