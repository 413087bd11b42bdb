"""Compares the detector res10 in our rooms with OpenCV's DNN, box by box, on pictures.

    python -m tools.res10_check PICTURES [--count 200]

PICTURES is a folder, an archive or a file, as the runner takes them; of more than --count, they are spread evenly. OpenCV reads
the same prototxt and caffemodel. Ours are the TEST phase of the training room, the FP32 IR on today's OpenVINO and on
2021.4.2's CPU plugin, and the FP16 IR on today's. The weights are those of `tools/detectors.sh res10`. With the tool chain a
blob is compiled, too, and depthai reads it if it is installed.

A box that one side has and the other lacks is counted apart: where two boxes overlap by almost exactly the threshold, or a
score almost is the threshold, rounding decides.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common.commands import Parser, run
from common.errors import MokaError, UsageError
from common.helper import Helper
from common.places import ROOT, toolchain_has, toolchain_program
from faces.detectors.files import require_files
from inference.frame import Frame
from inference.sources import how_many, open_sources

DEPLOY = ROOT / "prototxt/face_detector/deploy.prototxt"
WORKER = Path(__file__).with_name("old_openvino_worker.py")
MEAN = np.array([104, 177, 123], np.float32)[:, None, None]
SIDE = 300
TOLERANCE = 1e-3
"""The largest difference of a score, or of a side as a fraction of the picture."""
SURE = 0.5
"""Boxes with this score are counted apart, too: they are what a runner shows."""
Rows = NDArray[np.float32]
Detector = Callable[[NDArray[np.uint8]], Rows]
"""Makes rows of a picture of 300 x 300 pixels."""


@dataclass
class Tally:
    """What was seen of one of our detectors: pictures, boxes of OpenCV's, boxes without a match, the largest difference."""

    pictures: int = 0
    boxes: int = 0
    sure: int = 0
    lost: int = 0
    lost_sure: int = 0
    other_pictures: list[str] = field(default_factory=list)
    largest: float = 0.0

    def add(self, name: str, ours: Rows, theirs: Rows) -> None:
        """Compare the rows of one picture."""
        mine, yours, difference = matched(ours, theirs)
        self.pictures += 1
        self.boxes += len(theirs)
        self.sure += int((theirs[:, 2] >= SURE).sum())
        without = np.concatenate([ours[~mine], theirs[~yours]])
        self.lost += len(without)
        self.lost_sure += int((without[:, 2] >= SURE).sum())
        self.largest = max(self.largest, difference)
        if len(without):
            self.other_pictures.append(name)

    def __str__(self) -> str:
        same = self.pictures - len(self.other_pictures)
        return (
            f"{same} of {self.pictures} pictures with the same boxes; {self.lost} of {self.boxes} boxes without a match "
            f"({self.lost_sure} of the {self.sure} above {SURE}); the others differ by at most {self.largest:.1e}"
        )


def matched(ours: Rows, theirs: Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_], float]:
    """Pair rows that differ by at most TOLERANCE; return which of each have a partner, and the largest difference of a pair."""
    if not len(ours) or not len(theirs):
        return np.zeros(len(ours), bool), np.zeros(len(theirs), bool), 0.0
    apart = np.abs(ours[:, None, 1:] - theirs[None, :, 1:]).max(-1)
    pairs = apart <= TOLERANCE
    return pairs.any(1), pairs.any(0), float(apart[pairs].max(initial=0))


def boxes(numbers: NDArray[Any]) -> Rows:
    """Return the rows of boxes among all rows of an output: those before the end, without OpenCV's rows of zeros."""
    rows = np.asarray(numbers, np.float32).reshape(-1, 7)
    ends = np.flatnonzero((rows[:, 0] < 0) | (rows[:, 1] <= 0))
    return rows[: ends[0]] if len(ends) else rows


def opencv(weights: Path) -> Detector:
    """Return OpenCV's DNN with the same files."""
    net = cv2.dnn.readNetFromCaffe(str(DEPLOY), str(weights))

    def detect(picture: NDArray[np.uint8]) -> Rows:
        net.setInput(cv2.dnn.blobFromImage(picture, 1, (SIDE, SIDE), MEAN.ravel().tolist()))
        return boxes(net.forward("detection_out"))

    return detect


def trained(weights: Path) -> Detector:
    """Return the net of the training room in phase TEST."""
    import torch

    from caffe_io.caffe_pb2 import TEST
    from caffe_io.prototxt import read_net
    from training.nets.net import Net

    net = Net(read_net(DEPLOY), TEST, str(DEPLOY))
    net.load_all(weights)

    def detect(picture: NDArray[np.uint8]) -> Rows:
        data = planes(picture).astype(np.float32) - MEAN
        with torch.no_grad():
            net.forward({"data": torch.from_numpy(data)}, keep=["detection_out"])
        return boxes(net.blobs["detection_out"].numpy())

    return detect


def write_irs(weights: Path, folder: Path) -> dict[str, Path]:
    """Write the FP32 and the FP16 IR into `folder`."""
    from caffe_io.prototxt import read_net
    from caffe_io.weights import read_weights
    from ncs.converter import convert
    from ncs.inputs.preprocessing import Preprocessing
    from ncs.ir import write_ir

    preprocessing = {"data": Preprocessing(mean=MEAN)}
    files = {}
    for precision in ("FP32", "FP16"):
        model = convert(read_net(DEPLOY), read_weights(weights), preprocessing, str(DEPLOY), str(weights))
        files[precision] = folder / f"{precision}.xml"
        write_ir(model, files[precision], files[precision].with_suffix(".bin"), precision)
    return files


def openvino(xml: Path) -> Detector:
    """Return an IR on today's OpenVINO, in float32."""
    from openvino import Core

    net = Core().compile_model(str(xml), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda picture: boxes(net([planes(picture)])["detection_out"])


def old_openvino(xml: Path, stack: ExitStack) -> Detector:
    """Return an IR on OpenVINO 2021.4.2's CPU plugin, in a process that ends with `stack`."""
    helper = stack.enter_context(Helper("OpenVINO 2021.4.2", toolchain_program("movidius", "python"), WORKER))
    helper.call("load", {"xml": str(xml), "bin": str(xml.with_suffix(".bin"))}, seconds=60)

    def detect(picture: NDArray[np.uint8]) -> Rows:
        found = helper.call("infer", {}, {"data": planes(picture)}, seconds=60).arrays["detection_out"]
        return boxes(np.asarray(found, np.float32))

    return detect


def planes(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture as 1 x 3 x H x W."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None])


def compiled(xml: Path, folder: Path) -> str:
    """Compile a blob and say what it is; with depthai, what that reads."""
    from ncs import compiler

    blob = folder / "res10.blob"
    files = (xml, xml.with_suffix(".bin"), blob)
    header = compiler.compile_blob(*files, folder, compiler.Resources(4, 4, 1)).header
    text = f"blob of {header.bytes} bytes, {header.stages} stages"
    try:
        import depthai
    except ImportError:
        return f"{text}; depthai is not installed"
    outputs = {name: tensor.dims for name, tensor in depthai.OpenVINO.Blob(blob).networkOutputs.items()}
    return f"{text}; depthai reads its outputs as {outputs}"


def evenly(word: str, count: int) -> Iterator[Frame]:
    """Return `count` pictures of a source, spread evenly; what cannot be read is left out."""
    step = max(1, (how_many([word]) or count) // count)
    found = (each for number, each in enumerate(open_sources([word])) if number % step == 0)
    return islice((each for each in found if isinstance(each, Frame)), count)


def main(argv: Sequence[str]) -> None:
    """Compare, and end with an error if a box of a sure score has no match."""
    example = "python -m tools.res10_check photos/ --count 200"
    parser = Parser("python -m tools.res10_check", example, "compare the detector res10 with OpenCV's DNN")
    parser.add_argument("pictures", help="a folder, an archive or a picture")
    parser.add_argument("--count", type=int, default=200, help="how many pictures (default: %(default)s)")
    options = parser.parse_args(argv)
    if options.count < 1:
        raise UsageError(f"--count {options.count}: expected at least 1.")
    (weights,) = require_files("res10")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        irs = write_irs(weights, folder)
        judge = opencv(weights)
        ours = {"forward": trained(weights), "FP32 IR": openvino(irs["FP32"]), "FP16 IR": openvino(irs["FP16"])}
        if toolchain_has("movidius"):
            ours["FP32 IR on 2021.4.2"] = old_openvino(irs["FP32"], stack)
            print(compiled(irs["FP16"], folder))
        tallies = {which: Tally() for which in ours}
        for frame in evenly(options.pictures, options.count):
            small = np.asarray(cv2.resize(frame.picture, (SIDE, SIDE)), np.uint8)
            expected = judge(small)
            for which, detect in ours.items():
                tallies[which].add(frame.name, detect(small), expected)
    for which, tally in tallies.items():
        print(f"{which}: {tally}")
    if not all(tally.pictures for tally in tallies.values()):
        raise UsageError(f"{options.pictures}: holds no picture that can be read.")
    if wrong := [which for which, tally in tallies.items() if tally.lost_sure and which != "FP16 IR"]:
        raise MokaError(f"{', '.join(wrong)}: boxes above {SURE} differ from OpenCV's by more than {TOLERANCE:g}.")


if __name__ == "__main__":
    run(main)
