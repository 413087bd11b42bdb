"""Models of ONNX, TFLite and IR: today's OpenVINO on the original against OpenVINO 2021.4.2 on our IR, and a Myriad blob of each.

Pictures and weights are random. 2021.4.2's CPU plugin runs the FP32 IR, and depthai reads the blob of the FP16 IR.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from faces.detectors.files import PACKAGES
from kits.model_files import LARGE, TORCHVISION, original_answer, small_nets, torchvision_net, write_onnx
from kits.oracle import Worker, movidius
from ncs.__main__ import ROOM

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300)]
MEAN, SCALE = 127.5, 128.0


@pytest.fixture(scope="module")
def old_openvino() -> Iterator[Worker]:
    worker = Worker(movidius("python"), Path(__file__).with_name("ncs_worker.py"))
    yield worker
    worker.close()


Check = Callable[..., None]


@pytest.fixture
def check(old_openvino: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    return lambda *words, **named: compare(old_openvino, monkeypatch, tmp_path, *words, **named)


def compare(
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    path: Path,
    shape: Sequence[int],
    *options: str,
    nhwc: bool = False,
) -> None:
    """Compile `path`, whose input is `shape` as N x C x H x W, and compare all its outputs with those of the original."""
    import depthai

    picture = np.random.default_rng(5).integers(0, 256, tuple(shape), dtype=np.uint8)
    feed = ((picture[:, ::-1].astype(np.float32) - MEAN) / SCALE).astype(np.float32)
    theirs = original_answer(path, np.ascontiguousarray(feed.transpose(0, 2, 3, 1)) if nhwc else feed)
    words = [f"--mean_values=[{MEAN}]", f"--scale={SCALE}", "--reverse_input_channels", "--shaves=4", *options]
    ROOM.main(["compile", "--model", str(path), "--out", str(folder / "FP16"), *words])
    blob = depthai.OpenVINO.Blob(folder / "FP16" / f"{path.stem}.blob")
    with monkeypatch.context() as patch:
        # The IR alone: a second blob takes time and says nothing new.
        patch.setattr("ncs.compiler.available", lambda: False)
        ROOM.main(["compile", "--model", str(path), "--out", str(folder / "FP32"), "--data_type", "FP32", *words])
    ours = run_old(worker, folder / "FP32" / f"{path.stem}.xml", picture, folder)
    assert set(ours) == set(theirs) == set(blob.networkOutputs)
    (source,) = blob.networkInputs.values()
    assert (source.dims, source.dataType.name) == ([*reversed(shape)], "U8F")
    for name, expected in theirs.items():
        assert ours[name].shape == expected.shape
        largest = np.abs(expected).max()
        assert largest > 0
        assert expected.std() > 1e-3 * largest
        assert np.abs(ours[name] - expected).max() <= 1e-4 * largest
        found = [side for side in reversed(blob.networkOutputs[name].dims) if side > 1]
        assert found == [side for side in expected.shape if side > 1]


def run_old(worker: Worker, xml: Path, picture: NDArray[np.uint8], folder: Path) -> dict[str, NDArray[Any]]:
    np.save(folder / "pictures.npy", picture)
    worker.ask(
        engine="openvino",
        model=xml,
        weights=xml.with_suffix(".bin"),
        pictures=folder / "pictures.npy",
        answers=folder / "answers.npz",
    )
    return dict(np.load(folder / "answers.npz"))


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(name: str, check: Check, tmp_path: Path) -> None:
    check(write_onnx(torchvision_net(name), tmp_path / f"{name}.onnx", (1, 3, 64, 64)), (1, 3, 64, 64))


@pytest.mark.skipif(not os.environ.get("DOORS"), reason="DOORS=full: large nets, two minutes")
@pytest.mark.parametrize("name", LARGE)
def test_large_nets_of_torchvision(name: str, check: Check, tmp_path: Path) -> None:
    check(write_onnx(torchvision_net(name), tmp_path / f"{name}.onnx", (1, 3, 224, 224)), (1, 3, 224, 224))


@pytest.mark.parametrize("name", ["unet", "yolo5", "yolo8", "mixed"])
def test_small_nets(name: str, check: Check, tmp_path: Path) -> None:
    check(write_onnx(small_nets()[name](), tmp_path / f"{name}.onnx", (1, 3, 64, 96)), (1, 3, 64, 96))


@pytest.mark.parametrize(
    ("package", "name", "side"),
    [("blazeface", "short_range", 128), ("mtcnn", "pnet", 60), ("mtcnn", "rnet", 24), ("mtcnn", "onet", 48)],
)
def test_models_of_packages(package: str, name: str, side: int, check: Check) -> None:
    """BlazeFace is a .tflite; MTCNN's nets are .onnx files whose pictures have their channels last."""
    files = [PACKAGES[package].file(path) for path in PACKAGES[package].files]
    (path,) = [file for file in files if name in file.name]
    if not path.exists():
        pytest.skip(f"{path} is missing. Run tools/detectors.sh {package}.")
    options = [f"--input_shape=[1,{side},{side},3]"] if name == "pnet" else []
    check(path, (1, 3, side, side), *options, nhwc=True)
