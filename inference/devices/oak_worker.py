"""Drives an OAK camera by depthai 2 or 3: loads blobs once, then runs them on pictures that it is sent.

common/helper.py runs this file. worker_device.py says what its functions take and return.
"""

import os
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

METHODS = {"FP16": "getLayerFp16", "INT": "getLayerInt32", "U8F": "getLayerUInt8"}
"""Type of an output -> the method of depthai 2 that reads it."""


class Version2:
    """depthai 2: streams that nodes of their own carry from and to this machine."""

    kinds = tuple(METHODS)

    def open(self, blobs):
        """Start the networks; return {name: (queue to it, queue from it)}."""
        pipeline = dai.Pipeline()
        for number, blob in enumerate(blobs.values()):
            network = pipeline.create(dai.node.NeuralNetwork)
            network.setBlobPath(blob)
            network.input.setBlocking(True)
            source = pipeline.create(dai.node.XLinkIn)
            source.setStreamName(f"in{number}")
            source.out.link(network.input)
            sink = pipeline.create(dai.node.XLinkOut)
            sink.setStreamName(f"out{number}")
            network.out.link(sink.input)
        self.device = dai.Device(pipeline)
        return {
            name: (
                self.device.getInputQueue(f"in{number}", QUEUE, True),
                self.device.getOutputQueue(f"out{number}", QUEUE, True),
            )
            for number, name in enumerate(blobs)
        }

    def read(self, answer, blob, kind):
        """Return the numbers of an output."""
        return np.array(getattr(answer, METHODS[kind])(blob), np.float32)


class Version3:
    """depthai 3: queues at the nodes themselves."""

    kinds = (*METHODS, "FP32")

    def open(self, blobs):
        """Start the networks; return {name: (queue to it, queue from it)}."""
        self.device = dai.Device()
        platform = self.device.getPlatformAsString()
        if platform != "RVC2":
            raise RuntimeError(f"this camera is of the kind {platform}; a Myriad X blob needs one of the kind RVC2")
        self.pipeline = dai.Pipeline(self.device)
        queues = {}
        for name, blob in blobs.items():
            network = self.pipeline.create(dai.node.NeuralNetwork)
            network.setBlobPath(blob)
            queues[name] = (network.input.createInputQueue(QUEUE, True), network.out.createOutputQueue(QUEUE, True))
        self.pipeline.start()
        return queues

    def read(self, answer, blob, kind):
        """Return the numbers of an output."""
        return np.array(answer.getTensor(blob), np.float32)


VERSIONS = {"2": Version2, "3": Version3}
"""The first number of depthai's version -> how it is used."""


class Camera:
    """The networks on the device."""

    def __init__(self):
        self.version = None
        self.queues = {}
        self.kinds = {}
        self.sent = {}

    def load(self, values, arrays):
        """Load networks and describe them."""
        self.version = VERSIONS[dai.__version__.split(".")[0]]()
        described, blobs = {}, {}
        for name, files in sorted(values["networks"].items()):
            try:
                described[name] = self.describe(name, Path(files["blob"]))
                blobs[name] = Path(files["blob"])
            except RuntimeError as error:
                described[name] = {"error": str(error)}
        if blobs:
            self.queues = self.version.open(blobs)
        self.sent = dict.fromkeys(blobs, 0)
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
                self.receive(name, first, number - IN_FLIGHT, results)
            self.send(name, np.asarray(arrays[str(number)]))
        for number in range(max(0, len(arrays) - IN_FLIGHT), len(arrays)):
            self.receive(name, first, number, results)
        return {"ticket": values["ticket"]}, results

    def send(self, name, tensor):
        """Send a picture, 1 x channels x height x width, with the next number."""
        self.sent[name] += 1
        _, channels, height, width = tensor.shape
        frame = dai.ImgFrame()
        # The network takes the bytes as they are; the type only says how many planes there are.
        frame.setType(dai.ImgFrame.Type.BGR888p if channels == 3 else dai.ImgFrame.Type.GRAY8)
        frame.setWidth(width)
        frame.setHeight(height)
        frame.setSequenceNum(self.sent[name])
        frame.setData(np.ascontiguousarray(tensor).ravel())
        self.queues[name][0].send(frame)

    def receive(self, name, first, number, results):
        """Wait for the answer to a picture. Answers come in order; one to an earlier call is passed over."""
        while True:
            answer = self.queues[name][1].get()
            if answer is None:
                raise RuntimeError("X_LINK_ERROR: the queue was closed")
            found = answer.getSequenceNum()
            # 0: this device does not hand the numbers on.
            if found in (0, first + number):
                break
            if found > first + number:
                raise RuntimeError(f"X_LINK_ERROR: the answer {found} came in place of {first + number}")
        for blob, kind in self.kinds[name].items():
            results[f"{number}/{blob}"] = self.version.read(answer, blob, kind)


CAMERA = Camera()
FUNCTIONS = {"load": CAMERA.load, "infer": CAMERA.infer}
