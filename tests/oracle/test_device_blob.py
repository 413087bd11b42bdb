"""Device BLOB against device CPU, on every net of prototxt/ as it is: the same classes, and margins as close as FP16 allows.

Both compute what `ncs compile` made of one net. The CPU computes the IR in f32, by OpenVINO; BLOB computes the blob in FP16.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import TEST
from caffe_io.mean import write_mean
from caffe_io.prototxt import read_net
from caffe_io.weights import write_weights
from common.card import BlobEntry, ModelCard, read_card
from common.places import ROOT, net_files
from inference import Runner
from inference.devices import open_device
from inference.finished import FinishedDevice
from kits.commands import inside
from kits.faces import compiled_res10, portrait
from kits.ncs import smooth_pictures
from kits.oracle import movidius
from kits.rounding import UNIT, Rounding, make_weights
from myriad import read_blob
from ncs.__main__ import ROOM
from training.nets.net import Net

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(300), pytest.mark.usefixtures("one_thread")]
SLOW = (
    "AgeNet",
    "GenderNet",
    "LeviHassnerAge",
    "LeviHassnerGender",
    "LMTCNN-1-1",
    "LMTCNN-2-1",
    "ResNet18",
    "WideResNet-16-8",
)
FINDER = "face_detector"
NETS = sorted(path.parent.name for path in (ROOT / "prototxt").glob("*/deploy.prototxt") if path.parent.name != FINDER)
PICTURES = {
    "GenderNet": 6,
    "LMTCNN-1-1": 6,
    "LeviHassnerGender": 6,
    "ResNet18": 4,
    "WideResNet-16-4": 6,
    "WideResNet-16-8": 4,
    FINDER: 4,
}
"""Where a picture takes long; otherwise MANY. Of nets with nearly the same layers, one is shown many."""
MANY = 12


@dataclass(frozen=True)
class Case:
    """A net with random weights, what was compiled from it, and pictures: as bytes, and as the net takes them."""

    net: Net
    card: ModelCard
    pictures: NDArray[np.uint8]
    data: torch.Tensor

    def answers(self, device: str, card: ModelCard | None = None) -> list[Any]:
        """What a device gives for each picture. Of a network that was cut, that is what comes from the device itself."""
        card = card or self.card
        opened: Any = open_device(device, [card])
        with_rest = opened
        if isinstance(opened, FinishedDevice):
            opened = opened.device
        found: list[Any] = opened.infer_many(card, [picture[None] for picture in self.pictures])
        with_rest.close()
        return found


def compiled(name: str, folder: Path, *options: str) -> Case:
    """Compile a net of prototxt/ with random weights."""
    movidius("python")
    files = net_files(name, ROOT / "prototxt")
    param = read_net(files.deploy)
    net = Net(param, TEST)
    shape = net.shapes["data"]
    pictures = smooth_pictures(PICTURES.get(name, MANY), *shape[1:])
    mean, scale = np.full((shape[1], 1, 1), 120, np.float32), 1.0
    if files.train_test.exists():
        transform = read_net(files.train_test).layer[0].transform_param
        scale = transform.scale
        if transform.mean_value:
            mean[:, 0, 0] = transform.mean_value
    data = torch.from_numpy((pictures - mean) * np.float32(scale))
    make_weights(net, data)
    with inside(folder):
        # AgeNet's and GenderNet's train_test.prototxt names it.
        write_mean("data/mean/mean.binaryproto", np.broadcast_to(mean, shape[1:]))
        write_weights("it.caffemodel", param, net.weights())
        sources = ("--model", str(files.deploy), "--weights", "it.caffemodel")
        # Its own check of the blob is tested elsewhere.
        ROOM.main(["compile", *sources, *options, "--no-check"])
    return Case(net, read_card(folder / f"graph/{name}.json"), pictures, data)


def differences(case: Case, rounding: Rounding, cpu: Sequence[Any], blob: Sequence[Any]) -> list[str]:
    """Say where BLOB's answers are not the CPU's.

    The best class has to be the same where it leads by more than FP16 may move it. By how much it leads may differ by no more.
    """
    said = []
    for layer in case.net.layers:
        if layer.param.type != "Softmax":
            continue
        scores, task = layer.param.bottom[0], layer.param.top[0]
        wanted, found = (np.array([values[task].ravel() for values in answers]) for answers in (cpu, blob))
        rows = np.arange(len(wanted))
        best, second = np.argsort(-wanted, axis=1)[:, :2].T
        all_scores = rounding.blobs[scores]
        # The two probabilities are rounded as well.
        bound = rounding.bound(all_scores[rows, best] - all_scores[rows, second]) + 2 * UNIT
        with np.errstate(divide="ignore", invalid="ignore"):
            leads = [np.log(each[rows, best] / each[rows, second]) for each in (wanted, found)]
        certain = leads[0] > bound
        off = np.abs(leads[1] - leads[0])
        print(
            f"{task}: {certain.sum()} of {len(rows)} certain, leads off by {off.max():.4f}, at most {bound.min():.4f}"
        )
        # Or this test would say little.
        assert certain.sum() >= len(rows) / 2
        assert len(set(best[certain])) > 1
        for row in rows[certain & (found.argmax(1) != best)]:
            said.append(f"{task} of picture {row}: class {found[row].argmax()} instead of {best[row]}")
        for row in rows[~(off <= bound)]:
            said.append(f"{task} of picture {row}: leads by {leads[1][row]} instead of {leads[0][row]}")
    return said


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in NETS])
def test_the_classes_are_those_of_the_cpu(name: str, tmp_path: Path) -> None:
    case = compiled(name, tmp_path)
    assert differences(case, Rounding(case.net, case.data), case.answers("CPU"), case.answers("BLOB")) == []


def test_a_blob_with_one_weight_changed_is_found_out(tmp_path: Path) -> None:
    """The largest weight of the first convolution, or of the last, times -4."""
    case = compiled("BKNet", tmp_path)
    assert case.card.blob_path
    rounding, cpu = Rounding(case.net, case.data), case.answers("CPU")
    assert differences(case, rounding, cpu, case.answers("BLOB")) == []
    blob = read_blob(case.card.blob_path)
    constants = blob.header.constants_at
    weights = [
        data for stage in blob.stages for role, data in zip(stage.roles, stage.data, strict=True) if role == "weights"
    ]
    whole = case.card.blob_path.read_bytes()
    for data in (weights[0], weights[-1]):
        changed = np.frombuffer(bytearray(whole), np.uint8)
        place = changed[constants + data.offset :][: data.shape.size * 2].view(np.float16)
        largest = np.abs(place).argmax()
        place[largest] = -place[largest] * 4
        case.card.blob_path.write_bytes(changed.tobytes())
        entry = BlobEntry(**{**case.card.blob.model_dump(), "sha256": hashlib.sha256(changed).hexdigest()})
        card = case.card.model_copy(update={"blob": entry})
        assert differences(case, rounding, cpu, case.answers("BLOB", card))


@pytest.mark.slow
def test_the_face_detector_sees_the_same_faces_at_each_place(tmp_path: Path) -> None:
    """SSD's scores of background and face at its 8,732 places, before this machine computes the rest."""
    case = compiled(FINDER, tmp_path, "--mean_value", "120", "--cut", "mbox_conf")
    rounding = Rounding(case.net, case.data)
    shape = (len(case.pictures), -1, 2)
    wanted, found = (
        np.array([values["mbox_conf"] for values in case.answers(device)]).reshape(shape) for device in ("CPU", "BLOB")
    )
    wanted, found = wanted[..., 1] - wanted[..., 0], found[..., 1] - found[..., 0]
    rows, places = np.arange(len(wanted)), np.abs(wanted).argmax(1)
    scores = rounding.blobs["mbox_conf"].reshape(shape)
    bound = rounding.bound((scores[..., 1] - scores[..., 0])[rows, places])
    off = np.abs(wanted - found)
    seen = f"off by {off.max():.4f}, where it is surest by {off[rows, places].max():.4f}, at most {bound.min():.4f}"
    print(f"{wanted.shape[1]} places, {seen}")
    assert (off[rows, places] <= bound).all()
    certain = np.abs(wanted) > bound.max()
    assert certain.mean() > 0.5
    assert ((wanted > 0) == (found > 0))[certain].all()


def test_a_drawn_face_is_found_where_the_cpu_finds_it(tmp_path: Path) -> None:
    """With OpenCV's own weights, if they are there; the blob's last stage chooses the boxes."""
    movidius("python")
    graph = compiled_res10(tmp_path, "--no-check")
    found = []
    for device in ("CPU", "BLOB"):
        with Runner(graph, device) as runner:
            (answer,) = runner.answer_frame(portrait()).answers
            found.append(answer.detections)
    ((wanted,), (seen,)) = found
    assert seen.name == wanted.name == "face"
    assert seen.score == pytest.approx(wanted.score, abs=2e-3)
    assert seen.box == pytest.approx(wanted.box, abs=0.5)
