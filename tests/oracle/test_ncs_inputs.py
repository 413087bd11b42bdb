"""Options of compile against Model Optimizer 2021.4.2, what training did against Caffe, and the blob's inputs against depthai."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from caffe_io.caffe_pb2 import TEST, TRAIN
from caffe_io.net_state import filter_net
from caffe_io.prototxt import read_net, to_text
from caffe_io.weights import write_weights
from kits.ncs import Floats, net_of, pixels, run_feed, values
from kits.oracle import caffe, movidius
from kits.training import small_solver
from kits.training_commands import command
from ncs.__main__ import ROOM

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(300)]

LAYERS = """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { global_pooling: true pool: AVE } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""
WEIGHTS = {"conv": [values(4, 3, 3, 3) / 10, values(4)], "fc": [values(5, 4, seed=3) / 10, values(5)]}
RESHAPE = """
layer { name: "r" type: "Reshape" bottom: "data" top: "r" reshape_param { shape { dim: 10 dim: -1 } } }
layer { name: "fc" type: "InnerProduct" bottom: "r" top: "fc" inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


def write_net(folder: Path, layers: str, shape: tuple[int, ...], weights: dict[str, list[Floats]]) -> tuple[Path, Path]:
    net = net_of(layers, shape)
    (folder / "net.prototxt").write_text(to_text(net))
    write_weights(folder / "net.caffemodel", net, weights)
    return folder / "net.prototxt", folder / "net.caffemodel"


def both(
    folder: Path, files: tuple[Path, Path], options: list[str], pictures: NDArray[np.uint8]
) -> list[dict[str, Floats]]:
    """What the FP32 IRs of Model Optimizer and of compile make of pictures, each compiled with the same options."""
    deploy, weights = files
    mo = [
        movidius("mo"),
        "--framework",
        "caffe",
        "--input_proto",
        deploy,
        "--input_model",
        weights,
        "--data_type",
        "FP32",
    ]
    out = ["--output_dir", folder / "mo", "--model_name", "net"]
    done = subprocess.run([*mo, *out, *options], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    words = ["--model", str(deploy), "--weights", str(weights), "--data_type", "FP32", "--out", str(folder / "ours")]
    ROOM.main(["compile", *words, "--force", *options])
    return [run_feed(str(folder / f"{who}/net.xml"), {"data": pictures}) for who in ("mo", "ours")]


@pytest.mark.parametrize(
    "options",
    [
        ["--scale", "127.5"],
        ["--mean_values", "[104,117,123]"],
        ["--mean_values", "(127.5)", "--scale", "127.5"],
        ["--mean_values", "data[104,117,123]", "--scale_values", "data[57,58,59]"],
        ["--reverse_input_channels"],
        ["--reverse_input_channels", "--mean_values", "[104,117,123]", "--scale_values", "[57,58,59]"],
        ["--input_shape", "[1,3,13,11]"],
        ["--input_shape", "[2,3,9,8]", "--scale", "255"],
        ["--batch", "3"],
        ["--output", "fc"],
        ["--output", "fc,relu"],
    ],
    ids=" ".join,
)
def test_options_mean_what_they_mean_in_model_optimizer(options: list[str], tmp_path: Path) -> None:
    shape = [1, 3, 9, 8]
    if "--input_shape" in options:
        shape = json.loads(options[1])
    if "--batch" in options:
        shape[0] = 3
    files = write_net(tmp_path, LAYERS, (1, 3, 9, 8), WEIGHTS)
    theirs, ours = both(tmp_path, files, options, pixels(shape))
    # Model Optimizer names an output after its layer, we name it after its blob.
    names = {"relu": "conv"}
    assert {names.get(name, name) for name in theirs} == set(ours)
    for name, wanted in theirs.items():
        found = ours[names.get(name, name)]
        assert found.shape == wanted.shape
        assert np.abs(wanted).max() > 0.1
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_batch_that_a_reshape_names_is_kept_as_model_optimizer_keeps_it(tmp_path: Path) -> None:
    weights = {"fc": [values(5, 3 * 9 * 8) / 1000, values(5)]}
    files = write_net(tmp_path, RESHAPE, (10, 3, 9, 8), weights)
    pictures = pixels((10, 3, 9, 8))
    theirs, ours = both(tmp_path, files, [], pictures)
    assert ours["prob"].shape == theirs["prob"].shape == (10, 5)
    np.testing.assert_allclose(ours["prob"], theirs["prob"], atol=1e-6)
    # One picture at a time gives the same ten rows.
    words = [
        "--model",
        str(files[0]),
        "--weights",
        str(files[1]),
        "--data_type",
        "FP32",
        "--out",
        str(tmp_path / "ours"),
    ]
    ROOM.main(["compile", *words, "--force", "--batch", "1"])
    rows = [run_feed(str(tmp_path / "ours/net.xml"), {"data": picture[None]})["prob"] for picture in pictures]
    np.testing.assert_allclose(np.concatenate(rows), theirs["prob"], atol=1e-6)


TRAINED = """
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 8 kernel_size: 3 stride: 2 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "norm1" type: "LRN" bottom: "pool1" top: "norm1" }
layer { name: "fc" type: "InnerProduct" bottom: "norm1" top: "fc" inner_product_param { num_output: 16 } }
layer { name: "fc8" type: "InnerProduct" bottom: "fc" top: "fc8" inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "fc8" top: "prob" }
"""


def test_evaluate_gives_the_same_figures_with_every_engine(
    working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A net with mean, scale and a crop from larger records: in Caffe, in our training, and compiled."""
    from evaluation.__main__ import ROOM as EVALUATION
    from evaluation.predictions import read_predictions
    from training.nets.net import Net

    caffe("python")
    monkeypatch.setattr("common.places.TOOLCHAIN", Path(caffe("python")).parents[2])
    small_solver(working_folder)
    place = working_folder / "prototxt/Small"
    place.mkdir(parents=True)
    train_test = (working_folder / "net.prototxt").rename(place / "train_test.prototxt")
    (place / "deploy.prototxt").write_text(to_text(net_of(TRAINED, (1, 3, 20, 20))))
    outputs = [{"blob": "prob", "task": "age", "read": "argmax", "classes": ["a", "b", "c"]}]
    card = {"name": "Small", "channel_order": "BGR", "resize": "stretch", "crop_margin": 0.0, "outputs": outputs}
    (place / "card.json").write_text(json.dumps(card))
    net = read_net(train_test)
    models = working_folder / "models/Small"
    models.mkdir(parents=True)
    write_weights(models / "Small_iter_1.caffemodel", filter_net(net, TEST), Net(net, TEST, seed=1).weights())
    ROOM.main(["compile", "--net", "Small"])
    found = {}
    for engine in ("torch", "openvino", "caffe"):
        done = command("evaluate", "--net", "Small", "--engine", engine, folder=working_folder, room=EVALUATION)
        assert done.code == 0, done.err
        found[engine] = read_predictions(models / f"Small_iter_1_test_{engine}_predictions.npz").probabilities
    assert found["caffe"].std(axis=0).max() > 0.01
    np.testing.assert_allclose(found["torch"], found["caffe"], atol=1e-5)
    np.testing.assert_allclose(found["openvino"], found["caffe"], atol=5e-3)


def test_caffe_measures_an_all_in_one_net_in_its_stage_and_phase(
    working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records of stage val, and those that phase TRAIN shows without a crop by chance, are the same in Caffe."""
    from evaluation.__main__ import ROOM as EVALUATION
    from evaluation.predictions import read_predictions
    from training.nets.net import Net

    monkeypatch.setattr("common.places.TOOLCHAIN", Path(caffe("python")).parents[2])
    small_solver(working_folder)
    text = (working_folder / "net.prototxt").read_text().replace("crop_size: 20 mirror: true", "")
    text = text.replace('layer { name: "drop" type: "Dropout" bottom: "fc" top: "fc" }', "")
    staged = text.replace("phase: TRAIN", 'stage: "train"').replace("phase: TEST", 'stage: "val"')
    found = {}
    for name, content, options in (
        ("staged", staged, ["--stage", "val"]),
        ("phased", text.replace('top: "accuracy" include { phase: TEST }', 'top: "accuracy"'), ["--phase", "TRAIN"]),
    ):
        model = working_folder / f"{name}.prototxt"
        model.write_text(content)
        stages, phase = (("val",), TEST) if name == "staged" else ((), TRAIN)
        net = filter_net(read_net(model), phase, 0, stages)
        write_weights(working_folder / f"{name}.caffemodel", net, Net(net, phase, seed=1).weights())
        for engine in ("torch", "caffe"):
            words = ["--model", model, "--weights", f"{name}.caffemodel", "--engine", engine, *options]
            done = command("evaluate", *words, folder=working_folder, room=EVALUATION)
            assert done.code == 0, done.err
            found[engine] = read_predictions(working_folder / f"{name}_test_{engine}_predictions.npz")
        assert found["caffe"].lmdb == str(working_folder / ("test" if name == "staged" else "train"))
        assert found["caffe"].labels.tolist() == found["torch"].labels.tolist()
        assert found["caffe"].probabilities.std(axis=0).max() > 0.001
        np.testing.assert_allclose(found["torch"].probabilities, found["caffe"].probabilities, atol=1e-5)


INFO = """
layer { name: "i" type: "Input" top: "info" input_param { shape { dim: 1 dim: 3 dim: 1 dim: 1 } } }
layer { name: "fd" type: "Flatten" bottom: "data" top: "fd" }
layer { name: "fi" type: "Flatten" bottom: "info" top: "fi" }
layer { name: "all" type: "Concat" bottom: "fd" bottom: "fi" top: "all" }
layer { name: "fc" type: "InnerProduct" bottom: "all" top: "fc" inner_product_param { num_output: 5 } }
"""


def test_the_blob_s_inputs_and_what_is_done_to_them(tmp_path: Path) -> None:
    movidius("python")
    import depthai

    weights = {"fc": [values(5, 3 * 9 * 8 + 3) / 1000, values(5)]}
    deploy, caffemodel = write_net(tmp_path, INFO, (1, 3, 9, 8), weights)
    words = ["compile", "--model", str(deploy), "--weights", str(caffemodel), "--out", str(tmp_path / "out"), "--force"]
    sizes = []
    for options in (
        [],
        ["--mean_values", "data[104,117,123]", "--scale_values", "data[57,58,59]", "--reverse_input_channels"],
    ):
        ROOM.main([*words, *options])
        blob = depthai.OpenVINO.Blob(tmp_path / "out/net.blob")
        kinds = {name: tensor.dataType for name, tensor in blob.networkInputs.items()}
        assert kinds == {"data": depthai.TensorInfo.DataType.U8F, "info": depthai.TensorInfo.DataType.FP16}
        content = (tmp_path / "out/net.blob").read_bytes()
        sizes.append(len(content))
    # The compiler makes x * scale - mean * scale of (x - mean) * scale.
    scale, halves = 1 / np.array([57, 58, 59]), np.frombuffer(content[: len(content) // 2 * 2], "<f2")
    triples = np.lib.stride_tricks.sliding_window_view(halves, 3).astype(np.float64)
    for wanted in (scale, -np.array([104, 117, 123]) * scale):
        with np.errstate(invalid="ignore"):
            assert (np.abs(triples / wanted - 1) < 2e-3).all(1).any(), wanted
    assert sizes[1] > sizes[0]
