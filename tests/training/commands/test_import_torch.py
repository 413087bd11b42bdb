"""import_torch: the features are torchvision's, and what does not fit is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from caffe_io.caffe_pb2 import TEST, NetParameter
from caffe_io.prototxt import read_net, to_text
from caffe_io.weights import read_weights
from common.places import ROOT
from kits.commands import Done
from kits.torch_resnet import ResNet18, trained
from kits.training_commands import command
from training.nets.net import Net

DEPLOY = ROOT / "prototxt/ResNet18/deploy.prototxt"
TRAIN_TEST = DEPLOY.with_name("train_test.prototxt")


@pytest.fixture(scope="module")
def torch_net() -> ResNet18:
    return trained()


@pytest.fixture(scope="module")
def state(torch_net: ResNet18) -> dict[str, Tensor]:
    return torch_net.state_dict()


def import_torch(folder: Path, contents: Any, *words: object, deploy: Path = DEPLOY) -> Done:
    """Save `contents` as weights.pth, unless it is None, and import them."""
    if contents is not None:
        torch.save(contents, folder / "weights.pth")
    return command(
        "import_torch",
        "--deploy",
        deploy,
        "--state_dict",
        "weights.pth",
        "--out",
        "x.caffemodel",
        *words,
        folder=folder,
    )


def refused(done: Done, folder: Path) -> str:
    assert done.code == 1, done.out
    assert not (folder / "x.caffemodel").exists()
    assert done.err.count("\n") == 1
    return done.err


def test_the_features_of_a_bgr_picture_are_those_of_torch(
    tmp_path: Path, torch_net: ResNet18, state: dict[str, Tensor]
) -> None:
    done = import_torch(tmp_path, state)
    assert done.code == 0, done.err
    assert done.out == (
        "60 layers: x.caffemodel\n"
        "not in weights.pth, so to be trained: years_fc, years_scores, gender_fc, gender_scores\n"
        f"not in {DEPLOY}, so left out: fc.weight, fc.bias\n"
    )
    picture = np.random.default_rng(1).integers(0, 256, (1, 3, 224, 224)).astype(np.float32)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    transform = read_net(TRAIN_TEST).layer[0].transform_param
    data = (picture - np.float32(transform.mean_value)[:, None, None]) * np.float32(transform.scale)
    net = Net(read_net(DEPLOY), TEST)
    net.load(tmp_path / "x.caffemodel", finite=True)
    with torch.inference_mode():
        expected = torch_net((torch.from_numpy(picture[:, ::-1].copy()) / 255 - mean) / deviation)
        net.forward({"data": torch.from_numpy(data)})
    found = net.blobs["features"].flatten(1)
    assert float(expected.abs().max()) > 1
    assert float((found - expected).abs().max()) < 1e-4


def test_a_layer_without_weights_is_not_in_the_file(tmp_path: Path, state: dict[str, Tensor]) -> None:
    """Caffe refuses a layer of the net that the caffemodel has without blobs."""
    import_torch(tmp_path, state)
    written = NetParameter.FromString((tmp_path / "x.caffemodel").read_bytes())
    assert len(written.layer) == 60
    assert all(layer.blobs for layer in written.layer)


def test_checkpoints_of_several_gpus_are_read(tmp_path: Path, state: dict[str, Tensor]) -> None:
    import_torch(tmp_path, state)
    expected = read_weights(tmp_path / "x.caffemodel")
    wrapped = {f"module.{name}": values for name, values in state.items()}
    done = import_torch(tmp_path, {"epoch": 7, "state_dict": wrapped}, "--force")
    assert done.code == 0, done.err
    found = read_weights(tmp_path / "x.caffemodel")
    assert found.keys() == expected.keys()
    for name, blobs in expected.items():
        assert all(np.array_equal(one, other) for one, other in zip(blobs, found[name], strict=True))


def test_a_file_that_exists_is_kept(tmp_path: Path, state: dict[str, Tensor]) -> None:
    (tmp_path / "x.caffemodel").write_bytes(b"mine")
    assert import_torch(tmp_path, state).code == 2
    assert (tmp_path / "x.caffemodel").read_bytes() == b"mine"


def test_nets_of_other_depths_and_shapes_are_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    deeper = trained(blocks=3).state_dict()
    assert "weights.pth: has layer1.2.conv1.weight, " in refused(import_torch(tmp_path, deeper), tmp_path)
    less = {name: values for name, values in state.items() if not name.startswith("layer4.1")}
    assert "weights.pth: lacks layer4.1.conv1.weight, " in refused(import_torch(tmp_path, less), tmp_path)
    other = {**state, "layer1.0.conv1.weight": torch.zeros(64, 64, 1, 1)}
    message = refused(import_torch(tmp_path, other), tmp_path)
    assert "layer1.0.conv1.weight is 64x64x1x1 there, but 64x64x3x3 in" in message
    message = refused(import_torch(tmp_path, {"features.0.weight": torch.zeros(2)}), tmp_path)
    assert "lacks conv1.weight" in message and "called features.0.weight" in message


def test_numbers_that_cannot_be_weights_are_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    for name, wrong, message in (
        ("bn1.weight", torch.full((64,), float("nan")), "NaN or infinite"),
        ("bn1.running_var", torch.full((64,), -1.0), "holds -1; expected variances of 0 or more"),
        ("bn1.bias", torch.zeros(64, dtype=torch.int64), "holds torch.int64"),
        ("bn1.bias", torch.zeros(64).to_sparse(), "torch.sparse_coo"),
        ("bn1.bias", "a word", "holds str under 'bn1.bias'"),
    ):
        assert message in refused(import_torch(tmp_path, {**state, name: wrong}), tmp_path)


@pytest.mark.parametrize(
    "contents", [[1, 2], {}, {"epoch": 3}, torch.zeros(3)], ids=["list", "empty", "epoch", "tensor"]
)
def test_files_without_weights_are_refused(tmp_path: Path, contents: Any) -> None:
    assert "expected a state_dict" in refused(import_torch(tmp_path, contents), tmp_path)


def test_damaged_files_are_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    file = tmp_path / "weights.pth"
    assert "weights.pth: cannot be read" in refused(import_torch(tmp_path, None), tmp_path)
    torch.save({"a": state["bn1.weight"]}, file)
    whole = file.read_bytes()
    for damaged in (b"", b"no weights", whole[: len(whole) // 2], b"PK\3\4" + bytes(100), b"\x80\x02" + bytes(50)):
        file.write_bytes(damaged)
        assert "is damaged, holds code, or is no file of PyTorch's" in refused(import_torch(tmp_path, None), tmp_path)


def test_code_in_the_file_is_not_run(tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "run",)

    assert "holds code" in refused(import_torch(tmp_path, {"a": Code()}), tmp_path)
    assert not (tmp_path / "run").exists()


def test_safetensors_are_not_read_but_explained(tmp_path: Path) -> None:
    done = command(
        *("import_torch", "--deploy", DEPLOY, "--state_dict", "x.safetensors", "--out", "x.caffemodel"), folder=tmp_path
    )
    assert "To convert it: " in refused(done, tmp_path)


def test_another_mean_is_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    net = read_net(TRAIN_TEST)
    net.layer[2].transform_param.mean_value[0] = 105
    (tmp_path / "train_test.prototxt").write_text(to_text(net))
    message = refused(import_torch(tmp_path, state, "--model", "train_test.prototxt"), tmp_path)
    assert "train_test.prototxt: mean_value is 105 116.28 123.675; expected 103.53 116.28 123.675" in message
    net.layer[2].transform_param.mean_value[0] = 103.53
    net.layer[2].transform_param.scale = 1
    (tmp_path / "train_test.prototxt").write_text(to_text(net))
    message = refused(import_torch(tmp_path, state, "--model", "train_test.prototxt"), tmp_path)
    assert "scale is 1 in one data layer" in message


def test_the_train_test_net_must_be_there_and_have_data_layers(tmp_path: Path, state: dict[str, Tensor]) -> None:
    deploy = tmp_path / "deploy.prototxt"
    deploy.write_text(DEPLOY.read_text())
    assert "train_test.prototxt: not found." in refused(import_torch(tmp_path, state, deploy=deploy), tmp_path)
    message = refused(import_torch(tmp_path, state, "--model", deploy), tmp_path)
    assert "has no data layer with the top" in message


def test_a_net_with_other_names_is_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    own = ROOT / "prototxt/FaceRes/deploy.prototxt"
    message = refused(import_torch(tmp_path, state, "--model", TRAIN_TEST, deploy=own), tmp_path)
    assert "its layers are called stem, " in message and "such as conv1 and layer1_0_conv1" in message
