"""The whole road as a user walks it: ./demo.sh --quick, then what it left."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST
from caffe_io.net_state import filter_net
from caffe_io.prototxt import read_net
from caffe_io.weights import newest_snapshot
from common.places import ROOT
from kits.commands import inside

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of a quick demo, which trains for less long than a user's: nothing here depends on it."""
    folder = tmp_path_factory.mktemp("road") / "demo"
    done = subprocess.run(
        [ROOT / "demo.sh", "--quick", "--iterations", "1", "--out", folder],
        capture_output=True,
        text=True,
        timeout=800,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (folder / "stdout.txt").write_text(done.stdout)
    return folder


def test_everything_is_there(demo: Path) -> None:
    for name in ("AgeNet", "GenderNet"):
        assert newest_snapshot(demo / "models" / name).stat().st_size > 40_000_000
        assert (demo / f"models/{name}/{name}_curves.png").exists()
        for suffix in ("xml", "bin", "json"):
            assert (demo / f"graph/{name}.{suffix}").exists()
        card = json.loads((demo / f"graph/{name}.json").read_text())
        toolchain = (ROOT / ".toolchain/movidius/bin/python").exists()
        assert bool(card["blob"]) == (demo / f"graph/{name}.blob").exists() == toolchain
    assert (demo / "graph/age_gender_mean.npy").exists()
    assert not list(demo.rglob("*.part"))


def test_the_table_tells_accuracy_against_the_baseline(demo: Path) -> None:
    table = (demo / "stdout.txt").read_text().split("What came out")[1]
    for word in (
        "AgeNet",
        "9 classes",
        "within one class",
        "GenderNet",
        "2 classes",
        "always the commonest",
        "answer.png",
    ):
        assert word in table


def test_the_picture_of_the_face_with_its_answer(demo: Path) -> None:
    picture = cv2.imread(str(demo / "answer.png"))
    assert picture is not None and min(picture.shape[:2]) > 200


@pytest.mark.parametrize("name", ["AgeNet", "GenderNet"])
def test_the_ir_answers_as_the_trained_caffemodel(demo: Path, name: str) -> None:
    """Largest difference in probability over the whole test set: at most 5e-3 (weights rounded to FP16, arithmetic f32)."""
    from evaluation.classifier import read_classifier, read_outputs
    from evaluation.engines import ENGINES

    with inside(demo):
        model = Path(f"prototxt/{name}/train_test.prototxt")
        answer = read_outputs(Path(f"prototxt/{name}/card.json"))
        classifier = read_classifier(filter_net(read_net(model), TEST), str(model), answer)
        files = (model, newest_snapshot(f"models/{name}"), Path(f"graph/{name}.xml"))
        ((torch, labels),) = ENGINES["torch"](classifier, *files)
        ((openvino, again),) = ENGINES["openvino"](classifier, *files)
    np.testing.assert_array_equal(labels, again)
    assert len(torch) == classifier.records > 50
    assert np.abs(torch - openvino).max() <= 5e-3


def test_the_runner_answers_as_the_trained_caffemodel(demo: Path) -> None:
    """The picture file through run_inference.py, against the net on the same pixels."""
    face = (demo / "data/DEF/age_test.txt").read_text().splitlines()[0].rsplit(" ", 1)[0]
    done = subprocess.run(
        [ROOT / ".venv/bin/python", ROOT / "run_inference.py", "--image_path", face, "--device", "CPU", "--json"],
        cwd=demo, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = {answer["network"]: answer["probabilities"] for answer in json.loads(done.stdout)["answers"]}
    import torch

    from caffe_io.mean import read_mean
    from training.nets.net import Net

    pixels = cv2.resize(cv2.imread(str(demo / face)), (227, 227)).transpose(2, 0, 1).astype(np.float32)
    data = torch.from_numpy(pixels - read_mean(demo / "data/mean/mean.binaryproto"))[None]
    for name, given in answers.items():
        net = Net(read_net(demo / f"prototxt/{name}/deploy.prototxt"), TEST)
        net.load(newest_snapshot(demo / "models" / name))
        net.forward({"data": data})
        np.testing.assert_allclose(list(given.values()), net.blobs["prob"].detach()[0].numpy(), atol=5e-3)


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    done = subprocess.run([ROOT / "demo.sh", "--out", tmp_path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "was not made by demo.sh" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
