"""`python -m evaluation evaluate`: its engines, what it reads from net and card, and saved predictions."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST, DataParameter, Datum, TransformationParameter
from caffe_io.databases.lmdb_store import LmdbReader, write_lmdb
from caffe_io.datum import datum_to_array, parse_datum
from caffe_io.mean import write_mean
from caffe_io.net_state import filter_net
from caffe_io.prototxt import read_net
from caffe_io.weights import write_weights
from common.card import mean_hash
from common.errors import CardError, UsageError
from evaluation.__main__ import ROOM
from evaluation.classifier import Classifier, read_classifier, read_outputs
from evaluation.engines import ENGINES, PYCAFFE_WORKER
from evaluation.errors import EngineError, EvaluationError
from evaluation.predictions import read_predictions
from kits.inference import card_of, colour_blob, write_card
from kits.training import make_lmdb, small_solver
from kits.training_commands import command, leftovers
from ncs.inputs.training import Transform
from training.nets.net import Net

CARD: dict[str, Any] = {
    "name": "Small",
    "channel_order": "BGR",
    "resize": "stretch",
    "crop_margin": 0.0,
    "outputs": [{"blob": "prob", "task": "age", "read": "argmax", "classes": ["0-9", "10-19", "20-29"]}],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/Small with three snapshots, prototxt/Small_train_test.prototxt, prototxt/Small.json; 21 test records."""
    from training.nets.net import Net

    folder = tmp_path_factory.mktemp("evaluate")
    small_solver(folder)
    for place in ("prototxt", "models/Small"):
        (folder / place).mkdir(parents=True)
    (folder / "net.prototxt").rename(folder / "prototxt/Small_train_test.prototxt")
    (folder / "prototxt/Small.json").write_text(json.dumps(CARD))
    net = read_net(folder / "prototxt/Small_train_test.prototxt")
    for number, seed in ((9, 1), (10, 2), (100, 3)):
        weights = Net(net, TEST, seed=seed).weights()
        write_weights(folder / f"models/Small/Small_iter_{number}.caffemodel", filter_net(net, TEST), weights)
        os.utime(folder / f"models/Small/Small_iter_{number}.caffemodel", (1e9 + number, 1e9 + number))
    return folder


def classifier_of(folder: Path) -> Classifier:
    path = folder / "prototxt/Small_train_test.prototxt"
    return read_classifier(filter_net(read_net(path), TEST), str(path), read_outputs(folder / "prototxt/Small.json"))


def records(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels of the test LMDB."""
    with LmdbReader(folder / "test") as reader:
        datums = [parse_datum(value) for _, value in reader.items()]
    return np.array([datum_to_array(d) for d in datums]), np.array([d.label for d in datums])


def test_the_net_s_name_is_enough(folder: Path) -> None:
    done = command("evaluate", "--net", "Small", folder=folder, room=ROOM)
    assert done.code == 0, done.err
    assert done.out.startswith("models/Small/Small_iter_100.caffemodel on ")
    found = re.search(r"accuracy (\S+)%, (\d+)/21 corrects", done.out)
    assert found
    report = json.loads((folder / "models/Small/Small_iter_100_test_torch.json").read_text())
    assert report["weights"] == "models/Small/Small_iter_100.caffemodel"
    assert report["lmdb"] == f"{folder}/test"
    assert report["engine"] == "torch"
    report = report["tasks"]["age"]
    assert report["pictures"] == 21
    assert report["correct"] == int(found[2])
    assert report["one_off_accuracy"] >= report["accuracy"]
    counts = np.bincount(records(folder)[1], minlength=3)
    assert [each["pictures"] for each in report["classes"]] == counts.tolist()
    assert [each["name"] for each in report["classes"]] == ["0-9", "10-19", "20-29"]
    assert np.sum(report["confusion_matrix"], 1).tolist() == counts.tolist()
    picture = cv2.imread(str(folder / "models/Small/Small_iter_100_test_torch_confusion.png"))
    assert picture is not None
    assert leftovers(folder) == [
        "models/Small/Small_iter_10",
        "models/Small/Small_iter_100",
        "models/Small/Small_iter_9",
    ]


def test_every_record_is_counted_once_and_in_order(folder: Path) -> None:
    """21 records in batches of 8: the third batch goes round to the first records, which must not count twice."""
    model, weights = folder / "prototxt/Small_train_test.prototxt", folder / "models/Small/Small_iter_100.caffemodel"
    ((probabilities, labels),) = ENGINES["torch"](classifier_of(folder), model, weights, Path("none"))
    np.testing.assert_array_equal(labels, records(folder)[1])
    assert probabilities.shape == (21, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    single = folder / "single.prototxt"
    single.write_text(model.read_text().replace("batch_size: 8", "batch_size: 1"))
    classifier = read_classifier(filter_net(read_net(single), TEST), str(single))
    ((again, _),) = ENGINES["torch"](classifier, single, weights, Path("none"))
    np.testing.assert_allclose(probabilities, again, atol=1e-5)


def test_other_files_and_another_place(folder: Path, tmp_path: Path) -> None:
    words = [
        "--model",
        "prototxt/Small_train_test.prototxt",
        "--weights",
        "models/Small/Small_iter_9.caffemodel",
        "--out",
        tmp_path / "deep/er",
    ]
    done = command("evaluate", *words, folder=folder, room=ROOM)
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "deep/er").iterdir()) == [
        "Small_iter_9_test_torch.html",
        "Small_iter_9_test_torch.json",
        "Small_iter_9_test_torch_confusion.png",
        "Small_iter_9_test_torch_predictions.npz",
    ]
    report = json.loads((tmp_path / "deep/er/Small_iter_9_test_torch.json").read_text())["tasks"]["class"]
    assert report["task"] == "class"  # no card was given, so classes are numbers and have no order
    assert "one_off_accuracy" not in report


def brightness_ir(folder: Path, side: int = 20, name: str = "prob", batch: int = 1, factor: float = 0.1) -> Path:
    """An IR that takes U8 pictures and answers with softmax of (100, mean, 200) * factor."""
    import openvino
    import openvino.opset8 as op

    data = op.parameter([batch, 3, side, side], np.uint8, name="data")
    mean = op.reduce_mean(op.convert(data, "f32"), op.constant([1, 2, 3], np.int64), keep_dims=False)
    column = op.reshape(mean, op.constant([batch, 1], np.int64), special_zero=False)
    ends = [op.constant(np.full((batch, 1), value, np.float32)) for value in (100, 200)]
    scores = op.multiply(op.concat([ends[0], column, ends[1]], 1), op.constant(np.float32(factor)))
    answer = op.softmax(scores, 1)
    answer.output(0).get_tensor().set_names({name})
    openvino.save_model(openvino.Model([answer], [data], "Small"), folder / "Small.xml", compress_to_fp16=False)
    return folder / "Small.xml"


def test_the_openvino_engine_feeds_the_centre_of_raw_records(folder: Path, tmp_path: Path) -> None:
    """The records are 24 x 24, and crop_size is 20."""
    words = ["--net", "Small", "--engine", "openvino", "--ir", brightness_ir(tmp_path), "--out", tmp_path]
    done = command("evaluate", *words, folder=folder, room=ROOM)
    assert done.code == 0, done.err
    pictures, labels = records(folder)
    centres = pictures[:, :, 2:22, 2:22].reshape(21, -1)
    scores = np.stack([np.full(21, 10), centres.mean(1) / 10, np.full(21, 20)], 1)
    report = json.loads((tmp_path / "Small_iter_100_test_openvino.json").read_text())["tasks"]["age"]
    assert report["correct"] == int((scores.argmax(1) == labels).sum())
    matrix = np.zeros((3, 3), int)
    np.add.at(matrix, (labels, scores.argmax(1)), 1)
    assert report["confusion_matrix"] == matrix.tolist()
    ((probabilities, found),) = ENGINES["openvino"](classifier_of(folder), Path(), Path(), tmp_path / "Small.xml")
    powers = np.exp(scores - scores.max(1, keepdims=True))
    np.testing.assert_allclose(probabilities, powers / powers.sum(1, keepdims=True), atol=1e-5)
    np.testing.assert_array_equal(found, labels)
    # A network that takes several pictures at once gives the same; 21 is no multiple of 4.
    ((several, found),) = ENGINES["openvino"](classifier_of(folder), Path(), Path(), brightness_ir(tmp_path, batch=4))
    np.testing.assert_allclose(several, probabilities, atol=1e-6)
    np.testing.assert_array_equal(found, labels)


def test_the_blob_is_measured_without_a_stick_and_without_its_ir(folder: Path, tmp_path: Path) -> None:
    """It answers with the softmax of the means of the channels, times the scale of training. Its mean changes nothing."""
    content = colour_blob(20, 20, scale=0.02)
    (tmp_path / "Small.blob").write_bytes(content)
    given = {"blob": "data", "shape": [1, 3, 20, 20], "layout": "NCHW", "precision": "U8", "scale": [0.02] * 3}
    entry = {"file": "Small.blob", "sha256": hashlib.sha256(content).hexdigest()}
    mean = {"inside": True, "kind": "values", "sha256": None, "channel_means": [120] * 3}
    write_card(tmp_path, card_of("Small", input=given, mean=mean, blob=entry))
    words = ["--net", "Small", "--ir", tmp_path / "Small.xml", "--out", tmp_path]
    done = command("evaluate", *words, "--device", "blob", folder=folder, room=ROOM)
    assert done.code == 0, done.err
    assert "computed by blob" in done.out
    pictures, labels = records(folder)
    scores = pictures[:, :, 2:22, 2:22].reshape(21, 3, -1).mean(2) * 0.02
    report = json.loads((tmp_path / "Small_iter_100_test_blob.json").read_text())
    assert report["engine"] == "blob"
    assert report["tasks"]["age"]["correct"] == int((scores.argmax(1) == labels).sum())
    found = read_predictions(tmp_path / "Small_iter_100_test_blob_predictions.npz").probabilities
    powers = np.exp(scores - scores.max(1, keepdims=True))
    np.testing.assert_allclose(found, powers / powers.sum(1, keepdims=True), atol=4e-3)
    assert (found == found.astype(np.float16)).all()
    for more, code, said in (
        (["--engine", "torch", "--device", "BLOB"], 2, "--device BLOB: is for --engine openvino"),
        (["--device", "TPU"], 2, "invalid choice: 'TPU'"),
        (["--device", "CPU"], 1, "Small.xml: cannot be read (No such file or directory)"),
    ):
        done = command("evaluate", *words, *more, folder=folder, room=ROOM)
        assert (done.code, said in done.err) == (code, True), done.err


def lmdb_of(source: str) -> DataParameter:
    return DataParameter(source=source, batch_size=1, backend=DataParameter.LMDB)


def float_lmdb(path: Path, pictures: np.ndarray) -> str:
    with write_lmdb(path) as database:
        for index, picture in enumerate(pictures):
            datum = Datum(channels=3, height=24, width=24, float_data=picture.ravel().tolist(), label=1)
            database.put(b"%d" % index, datum.SerializeToString())
    return str(path)


def test_records_of_float_data_are_fed_only_if_they_are_bytes(folder: Path, tmp_path: Path) -> None:
    engine, classifier, ir = ENGINES["openvino"], classifier_of(folder), brightness_ir(tmp_path)
    pictures = records(folder)[0][:2].astype(np.float32)
    whole = dataclasses.replace(classifier, data=lmdb_of(float_lmdb(tmp_path / "whole", pictures)), keys=["0", "1"])
    ((probabilities, _),) = engine(whole, Path(), Path(), ir)
    np.testing.assert_array_equal(probabilities, engine(classifier, Path(), Path(), ir)[0][0][:2])
    for name, value in (("half", 0.5), ("large", 300), ("negative", -1)):
        pictures[1, 0, 12, 12] = value
        broken = dataclasses.replace(classifier, data=lmdb_of(float_lmdb(tmp_path / name, pictures)), keys=["0", "1"])
        with pytest.raises(EngineError, match=r'record "1": holds numbers that are not bytes.*--engine torch'):
            engine(broken, Path(), Path(), ir)


def test_encoded_records_have_the_channels_that_training_saw(folder: Path, tmp_path: Path) -> None:
    """force_color turns a grey PNG into three equal channels."""
    _, png = cv2.imencode(".png", np.full((20, 20), 150, np.uint8))
    with write_lmdb(tmp_path / "grey") as database:
        database.put(b"0", Datum(data=png.tobytes(), label=1, encoded=True).SerializeToString())
    transform = Transform("t", TransformationParameter(force_color=True))
    classifier = dataclasses.replace(
        classifier_of(folder), data=lmdb_of(str(tmp_path / "grey")), keys=["0"], transform=transform
    )
    ((probabilities, _),) = ENGINES["openvino"](classifier, Path(), Path(), brightness_ir(tmp_path))
    powers = np.exp([10 - 15, 0, 20 - 15])
    np.testing.assert_allclose(probabilities, [powers / powers.sum()], atol=1e-5)


def test_irs_that_cannot_be_run(folder: Path, tmp_path: Path) -> None:
    engine, classifier = ENGINES["openvino"], classifier_of(folder)
    (tmp_path / "bad.xml").write_text("<net")
    for make, words in (
        (lambda: tmp_path / "none.xml", r"none\.xml: not there\. Compile the net first: \./compile2Movidius\.sh"),
        (lambda: tmp_path / "bad.xml", r"bad\.xml: OpenVINO cannot read it: \S.* Compile the network again"),
        (
            lambda: brightness_ir(tmp_path, side=30),
            r"Small\.xml: takes 3x30x30 .*, but n\.prototxt shows its net 3x20x20 of .*test\. Give the IR that",
        ),
        (lambda: brightness_ir(tmp_path, name="other"), r'Small\.xml: has no output "prob", only .*other'),
    ):
        with pytest.raises(EngineError, match=words):
            engine(classifier, Path("n.prototxt"), Path(), make())


def model_card(beside: Path, **changes: Any) -> Path:
    """Write the card of `brightness_ir` beside it."""
    card = {
        **CARD,
        "format": 1,
        "input": {"blob": "data", "shape": [1, 3, 20, 20], "layout": "NCHW", "precision": "U8", "scale": [0.02] * 3},
        "mean": {"inside": True, "kind": "values", "sha256": "0" * 64, "channel_means": [120] * 3},
        "ir": {"xml": "Small.xml", "bin": "Small.bin"},
        "blob": None,
        **changes,
    }
    path = beside.with_suffix(".json")
    path.write_text(json.dumps(card))
    return path


def test_an_ir_with_its_card_is_run_as_the_runner_runs_it(folder: Path, tmp_path: Path) -> None:
    engine, classifier = ENGINES["openvino"], classifier_of(folder)
    ir = brightness_ir(tmp_path)
    ((without, _),) = engine(classifier, Path(), Path(), ir)
    model_card(ir)
    ((probabilities, _),) = engine(classifier, Path(), Path(), ir)
    np.testing.assert_array_equal(probabilities, without)
    model_card(ir, ir={"xml": "Small.xml", "bin": "Small.bin", "bin_sha256": "0" * 64})
    with pytest.raises(CardError, match=r"Small\.bin: is not the file that .*Small\.json describes"):
        engine(classifier, Path(), Path(), ir)
    model_card(ir).write_text("{}")
    with pytest.raises(CardError, match=r"Small\.json"):
        engine(classifier, Path(), Path(), ir)


def trained_with(classifier: Classifier, **settings: Any) -> Classifier:
    param = TransformationParameter(crop_size=20, **settings)
    return dataclasses.replace(classifier, transform=Transform('t.prototxt: layer "d"', param))


def test_an_ir_that_does_something_else_than_training_is_refused(folder: Path, tmp_path: Path) -> None:
    engine, ir = ENGINES["openvino"], brightness_ir(tmp_path)
    mean = np.linspace(90, 160, 3 * 24 * 24, dtype=np.float32).reshape(3, 24, 24)
    write_mean(tmp_path / "mean", mean)
    image = {"mean": {"inside": True, "kind": "image", "sha256": mean_hash(mean), "channel_means": [0, 0, 0]}}
    none = {"mean": {"inside": True, "kind": "none", "sha256": None, "channel_means": [0, 0, 0]}}
    plain = {"input": {"blob": "data", "shape": [1, 3, 20, 20], "layout": "NCHW", "precision": "U8"}}
    file = {"mean_file": str(tmp_path / "mean")}
    classifier = classifier_of(folder)
    for changes, settings in (
        ({}, {"mean_value": [120], "scale": 0.02}),
        (image, {**file, "scale": 0.02}),
        ({**none, **plain}, {}),
        ({**none, **plain}, {"mean_value": [0]}),
        # A mean that is gone says nothing.
        ({**image, **plain}, {"mean_file": "gone"}),
    ):
        model_card(ir, **changes)
        engine(trained_with(classifier, **settings), Path(), Path(), ir)
    for changes, settings, words in (
        (
            plain,
            {"mean_value": [120], "scale": 0.02},
            "has the mean value 120 and no scale inside, but t.* scale: 0.02",
        ),
        ({}, {"mean_value": [120]}, "has the mean value 120 and scale 0.02 inside, but t.* no scale"),
        (none, {"mean_value": [120], "scale": 0.02}, "has no mean and scale 0.02 inside, but t.* the mean value 120"),
        ({}, {"mean_value": [121], "scale": 0.02}, "has the mean values 120 120 120 and .* the mean value 121"),
        (image, {"scale": 0.02}, "has a mean image and .* has no mean"),
        ({}, {**file, "scale": 0.02}, "has the mean values 120 120 120 and .* has the mean .*mean and"),
    ):
        model_card(ir, **changes)
        with pytest.raises(
            EngineError, match=rf"Small\.json: the network {words}.*Compile the network again: \./moka compile"
        ):
            engine(trained_with(classifier, **settings), Path(), Path(), ir)
    write_mean(tmp_path / "mean", mean + 1, force=True)
    model_card(ir, **image)
    with pytest.raises(EngineError, match="has another mean image"):
        engine(trained_with(classifier, **file, scale=0.02), Path(), Path(), ir)


DEPLOY = """
name: "Small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 20 dim: 20 } } }
"""


@pytest.mark.parametrize("lmdb_is_there", [True, False])
def test_the_runner_answers_what_evaluate_counts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lmdb_is_there: bool
) -> None:
    """One picture as a file, and as a record of 27x25 whose centre the net takes: compiled where the LMDB is, or not."""
    from inference import Runner, read_picture
    from lmdb_build.__main__ import ROOM as LMDB_BUILD
    from ncs.__main__ import ROOM as NCS

    monkeypatch.setattr("common.places.TOOLCHAIN", tmp_path / "none")
    picture = np.random.default_rng(3).integers(0, 256, (60, 50, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "face.png"), picture)
    (tmp_path / "list.txt").write_text("face.png 1\n")
    sizes = ["--resize_height", "27", "--resize_width", "25"]
    LMDB_BUILD.main(["convert_imageset", *sizes, f"{tmp_path}/", str(tmp_path / "list.txt"), str(tmp_path / "lmdb")])
    text = (folder / "prototxt/Small_train_test.prototxt").read_text().replace(f"{folder}/test", f"{tmp_path}/lmdb")
    (tmp_path / "Small_train_test.prototxt").write_text(text)
    # The layers between the data and Accuracy.
    layers = text[text.index('layer { name: "conv1"') : text.index('layer { name: "accuracy"')]
    prob = 'layer { name: "prob" type: "Softmax" bottom: "fc8" top: "prob" }'
    (tmp_path / "Small_deploy.prototxt").write_text(DEPLOY + layers + prob)
    (tmp_path / "Small.json").write_text(json.dumps(CARD))
    weights = folder / "models/Small/Small_iter_100.caffemodel"
    if not lmdb_is_there:
        (tmp_path / "lmdb").rename(tmp_path / "elsewhere")
    words = ["--model", f"{tmp_path}/Small_deploy.prototxt", "--weights", str(weights), "--out", f"{tmp_path}/graph"]
    NCS.main(["compile", *words, "--data_type", "FP32"])
    if not lmdb_is_there:
        (tmp_path / "elsewhere").rename(tmp_path / "lmdb")
    classifier = read_classifier(
        filter_net(read_net(tmp_path / "Small_train_test.prototxt"), TEST),
        "Small_train_test.prototxt",
        read_outputs(tmp_path / "Small.json"),
    )
    ((counted, _),) = ENGINES["openvino"](classifier, Path("n"), weights, tmp_path / "graph/Small.xml")
    with Runner(tmp_path / "graph", "CPU") as runner:
        (answer,) = runner.answer(read_picture(tmp_path / "face.png")).answers
    agree = np.allclose(list(answer.probabilities.values()), counted[0], atol=1e-6)
    assert agree == lmdb_is_there, (answer.probabilities, counted)


def test_records_are_reversed_for_a_network_that_reverses_them(folder: Path, tmp_path: Path) -> None:
    import openvino
    import openvino.opset8 as op

    data = op.parameter([1, 3, 20, 20], np.uint8, name="data")
    means = op.reduce_mean(op.convert(data, "f32"), op.constant([2, 3], np.int64), keep_dims=False)
    means.output(0).get_tensor().set_names({"prob"})
    openvino.save_model(openvino.Model([means], [data], "Small"), tmp_path / "Small.xml", compress_to_fp16=False)
    entry = {"blob": "data", "shape": [1, 3, 20, 20], "layout": "NCHW", "precision": "U8", "scale": [0.02] * 3}
    found = []
    for reverse in (False, True):
        model_card(tmp_path / "Small.xml", input={**entry, "channels_reversed": reverse})
        found.append(ENGINES["openvino"](classifier_of(folder), Path(), Path(), tmp_path / "Small.xml")[0][0])
    np.testing.assert_array_equal(found[0], found[1][:, ::-1])
    assert not np.array_equal(found[0], found[1])


def test_records_whose_label_is_ignored_do_not_count(folder: Path, tmp_path: Path) -> None:
    text = (folder / "prototxt/Small_train_test.prototxt").read_text()
    accuracy = 'bottom: "fc8" bottom: "label" top: "accuracy"'
    labels = records(folder)[1]
    for ignored, code in ((2, 0), (9, 0)):
        model = tmp_path / f"ignore{ignored}.prototxt"
        model.write_text(text.replace(accuracy, f"{accuracy} accuracy_param {{ ignore_label: {ignored} }}"))
        done = command("evaluate", "--net", "Small", "--model", model, "--out", tmp_path, folder=folder, room=ROOM)
        assert done.code == code, done.err
        predictions = read_predictions(tmp_path / "Small_iter_100_test_torch_predictions.npz")
        assert predictions.labels.tolist() == [label for label in labels.tolist() if label != ignored]
        assert len(predictions.keys) == len(predictions.labels)
    with write_lmdb(tmp_path / "absent") as database:
        datum = Datum(channels=3, height=24, width=24, data=bytes(3 * 24 * 24), label=-1)
        database.put(b"0", datum.SerializeToString())
    text = text.replace(f'"{folder}/test"', f'"{tmp_path}/absent"')
    text = text.replace(accuracy, f"{accuracy} accuracy_param {{ ignore_label: -1 }}")
    model.write_text(text.replace('top: "loss"', 'top: "loss" loss_param { ignore_label: -1 }'))
    done = command("evaluate", "--net", "Small", "--model", model, "--out", tmp_path, folder=folder, room=ROOM)
    assert (done.code, "holds no record that counts: all labels of age are the ignore_label" in done.err) == (
        1,
        True,
    ), done.err


def test_an_all_in_one_net_is_measured_in_its_stage(folder: Path, tmp_path: Path) -> None:
    text = (folder / "prototxt/Small_train_test.prototxt").read_text()
    model = tmp_path / "all.prototxt"
    model.write_text(text.replace("phase: TRAIN", 'stage: "train"').replace("phase: TEST", 'stage: "val"'))
    words = ["evaluate", "--net", "Small", "--model", model, "--out", tmp_path]
    done = command(*words, folder=folder, room=ROOM)
    assert done.code == 1
    assert 'has no Data layer in phase TEST (its Data layer "data" needs --stage train), so there is' in done.err
    done = command(*words, "--stage", "val", folder=folder, room=ROOM)
    assert done.code == 0, done.err
    report = (tmp_path / "Small_iter_100_test_torch.json").read_text()
    assert command("evaluate", "--net", "Small", "--out", tmp_path, folder=folder, room=ROOM).code == 0
    plain = json.loads((tmp_path / "Small_iter_100_test_torch.json").read_text())
    assert json.loads(report)["tasks"]["age"] == plain["tasks"]["age"]
    done = command(*words, "--stage", "val", "--level", "99999999999", folder=folder, room=ROOM)
    assert (done.code, "99999999999: expected a number of at most 2147483647" in done.err) == (2, True)


def test_labels_of_another_database_are_read_from_there(folder: Path, tmp_path: Path) -> None:
    text = (folder / "prototxt/Small_train_test.prototxt").read_text()
    param = f'data_param {{ source: "{folder}/test" backend: LMDB batch_size: 8 }}'
    labels = f'layer {{ name: "l" type: "Data" top: "other" top: "label" {param} }}'
    model = tmp_path / "two.prototxt"
    model.write_text(text.replace('top: "data" top: "label"', 'top: "data"') + labels)
    classifier = read_classifier(filter_net(read_net(model), TEST), str(model))
    assert not classifier.own_labels
    ((_, found),) = ENGINES["openvino"](classifier, model, Path(), brightness_ir(tmp_path))
    np.testing.assert_array_equal(found, records(folder)[1])


def test_saved_predictions_give_the_same_report(folder: Path, tmp_path: Path) -> None:
    first = command("evaluate", "--net", "Small", "--out", tmp_path / "a", folder=folder, room=ROOM)
    assert first.code == 0, first.err
    stem = "Small_iter_100_test_torch"
    saved = tmp_path / f"a/{stem}_predictions.npz"
    predictions = read_predictions(saved)
    assert predictions.labels.tolist() == records(folder)[1].tolist()
    with LmdbReader(folder / "test") as reader:
        assert predictions.keys == [key.decode() for key, _ in reader.items()]
    again = command("evaluate", "--predictions", saved, "--out", tmp_path / "b", folder=folder, room=ROOM)
    assert again.code == 0, again.err
    assert again.out.splitlines()[:-1] == first.out.splitlines()[:-1]
    for name in (f"{stem}.json", f"{stem}_confusion.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert json.loads((tmp_path / f"b/{stem}.json").read_text())["tasks"]["age"]["predictions"] == saved.name
    (tmp_path / f"a/{stem}.json").unlink()
    assert command("evaluate", "--predictions", saved, folder=folder, room=ROOM).code == 0
    assert (tmp_path / f"a/{stem}.json").read_bytes() == (tmp_path / f"b/{stem}.json").read_bytes()


def test_saved_predictions_with_another_card(folder: Path, tmp_path: Path) -> None:
    command("evaluate", "--net", "Small", "--out", tmp_path, folder=folder, room=ROOM)
    card = tmp_path / "gender.json"
    card.write_text(json.dumps({**CARD, "outputs": [{**CARD["outputs"][0], "task": "gender"}]}))
    saved = tmp_path / "Small_iter_100_test_torch_predictions.npz"
    done = command("evaluate", "--predictions", saved, "--card", card, folder=folder, room=ROOM)
    assert done.code == 0, done.err
    assert "1-off" not in done.out
    assert json.loads((tmp_path / "Small_iter_100_test_torch.json").read_text())["tasks"]["gender"]["task"] == "gender"


def test_caffe_s_own_words_reach_the_user(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with the same functions takes the place of pycaffe's."""
    worker = tmp_path / "worker.py"
    monkeypatch.setattr("evaluation.engines.PYCAFFE_WORKER", worker)
    monkeypatch.setattr("evaluation.engines.require_toolchain", lambda *_: Path(sys.executable))
    model, weights = folder / "prototxt/Small_train_test.prototxt", folder / "models/Small/Small_iter_9.caffemodel"
    for code, words in (
        (
            "raise RuntimeError('Could not open file')",
            "Small_train_test.prototxt: Caffe says: RuntimeError: Could not open file",
        ),
        (
            "print('F net.cpp:1] Check failed', '*** Check failure stack trace: ***', '    @ 0x1', sep=chr(10), "
            "file=sys.stderr, flush=True); os.abort()",
            "Small_train_test.prototxt: Caffe was ended by signal 6 (SIGABRT).\n  F net.cpp:1] Check failed",
        ),
    ):
        worker.write_text(f"import os, sys\ndef load(values, arrays):\n    {code}\nFUNCTIONS = {{'load': load}}\n")
        with pytest.raises(EngineError) as caught:
            ENGINES["caffe"](classifier_of(folder), model, weights, Path())
        assert str(caught.value).endswith(words)


def test_the_caffe_engine_reads_batches(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import numpy as np\n"
        "def load(values, arrays):\n    return {}, {}\n"
        "def forward(values, arrays):\n"
        "    scores = np.zeros((8, 3), np.float32)\n    scores[:, 1] = np.arange(8)\n"
        "    return {}, {values['blobs'][0]: scores, values['blobs'][1]: np.ones(8, np.float32)}\n"
        "FUNCTIONS = {'load': load, 'forward': forward}\n"
    )
    monkeypatch.setattr("evaluation.engines.PYCAFFE_WORKER", worker)
    monkeypatch.setattr("evaluation.engines.require_toolchain", lambda *_: Path(sys.executable))
    ((probabilities, labels),) = ENGINES["caffe"](classifier_of(folder), Path("m"), Path("w"), Path())
    assert (probabilities.shape, labels.tolist()) == ((21, 3), [1] * 21)
    powers = np.exp(np.arange(21) % 8)
    np.testing.assert_allclose(probabilities[:, 1], powers / (powers + 2), rtol=1e-5)


@pytest.mark.parametrize("engine", ["torch", "caffe"])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("a layer is gone", "holds no weights for fc8 of prototxt/Small_train_test.prototxt."),
        ("NaN", 'layer "fc8", blob 1, holds 1 numbers that are NaN or infinite among 3.'),
        ("infinite", 'layer "fc8", blob 1, holds 1 numbers that are NaN or infinite among 3.'),
    ],
)
def test_no_figure_without_its_weights(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, damage: str, words: str
) -> None:
    """Caffe, which would fill the layer at random, is not asked."""
    monkeypatch.setattr("evaluation.engines.require_toolchain", lambda *_: Path("must not be started"))
    net = filter_net(read_net(folder / "prototxt/Small_train_test.prototxt"), TEST)
    weights = Net(net, TEST, seed=1).weights()
    if damage == "a layer is gone":
        del weights["fc8"]
    else:
        weights["fc8"][1][2] = np.nan if damage == "NaN" else np.inf
    write_weights(tmp_path / "bad.caffemodel", net, weights)
    options = ["--net", "Small", "--weights", tmp_path / "bad.caffemodel", "--engine", engine]
    done = command("evaluate", *options, folder=folder, room=ROOM)
    assert (done.code, done.out) == (1, "")
    assert f"error: {tmp_path}/bad.caffemodel: {words}" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.caffemodel"]


def test_answers_that_are_no_numbers_give_no_figure(folder: Path, tmp_path: Path) -> None:
    """An IR of another tool with NaN inside, or weights that are finite and overflow."""
    ir = brightness_ir(tmp_path, factor=np.nan)
    words = ["--net", "Small", "--engine", "openvino", "--ir", ir, "--out", tmp_path / "out"]
    done = command("evaluate", *words, folder=folder, room=ROOM)
    assert (done.code, done.out) == (1, "")
    assert "the net gives NaN or infinite numbers for 21 of 21 records" in done.err
    net = filter_net(read_net(folder / "prototxt/Small_train_test.prototxt"), TEST)
    weights = Net(net, TEST, seed=1).weights()
    weights["fc8"] = [np.full_like(blob, 3e38) for blob in weights["fc8"]]
    write_weights(tmp_path / "large.caffemodel", net, weights)
    words = ["--net", "Small", "--weights", tmp_path / "large.caffemodel", "--out", tmp_path / "out"]
    done = command("evaluate", *words, folder=folder, room=ROOM)
    assert (done.code, done.out) == (1, "")
    assert "NaN or infinite numbers for " in done.err
    assert not (tmp_path / "out").exists()


def test_another_phase_is_measured_on_its_own_records(folder: Path, tmp_path: Path) -> None:
    words = ["evaluate", "--net", "Small", "--phase", "TRAIN", "--out", tmp_path]
    done = command(*words, folder=folder, room=ROOM)
    assert done.code == 1
    assert 'has no Accuracy layer in phase TRAIN (its Accuracy layer "accuracy" needs --phase TEST)' in done.err
    text = (folder / "prototxt/Small_train_test.prototxt").read_text()
    model = tmp_path / "both.prototxt"
    model.write_text(text.replace('top: "accuracy" include { phase: TEST }', 'top: "accuracy"'))
    done = command(*words, "--model", model, folder=folder, room=ROOM)
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "Small_iter_100_test_torch.json").read_text())
    assert (report["lmdb"], report["tasks"]["age"]["pictures"]) == (f"{folder}/train", 41)


def test_the_pycaffe_worker_is_python_3_6() -> None:
    """It runs in the tool chain's old Python, where newer syntax would break it."""
    ast.parse(PYCAFFE_WORKER.read_text("utf-8"), feature_version=(3, 6))


def test_the_caffe_engine_without_a_tool_chain(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.places.TOOLCHAIN", tmp_path)
    done = command("evaluate", "--net", "Small", "--engine", "caffe", folder=folder, room=ROOM)
    assert done.code == 1
    assert "tools/toolchain.sh caffe" in done.err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["--net NAME, or --model and --weights"]),
        (["--net", "None"], ["models/None", "no snapshot", "Train the net first"]),
        (["--net", "Small", "--weights", "none.caffemodel"], ["none.caffemodel", "cannot be read"]),
        (["--net", "Small", "--card", "none.json"], ["none.json: cannot be read"]),
        (["--net", "Small", "--card", "bad.json"], ["bad.json"]),
        (["--net", "Small", "--card", "two.json"], ["names 2 classes, but the net has 3 outputs"]),
        (["--net", "Small", "--model", "bare.prototxt"], ["bare.prototxt", "no Data layer in phase TEST"]),
        (["--net", "Small", "--model", "wide.prototxt"], ["Small_iter_100.caffemodel", 'layer "fc8", blob 0', "wide.prototxt"]),
        (["--model", "m", "--weights", "w", "--engine", "openvino"], ["--ir FILE.xml"]),
        (["--predictions", "none.npz"], ["none.npz: cannot be read"]),
        (["--predictions", "two.json"], ["two.json: holds no predictions"]),
        (["--predictions", "none.npz", "--net", "Small"], ["--predictions and --net exclude each other"]),
    ],
)  # fmt: skip
def test_what_a_user_can_get_wrong(folder: Path, words: list[str], parts: list[str]) -> None:
    (folder / "bad.json").write_text('{"outputs": []}')
    (folder / "two.json").write_text(json.dumps(CARD).replace(', "20-29"', ""))
    (folder / "bare.prototxt").write_text('layer { name: "i" type: "Input" top: "x" input_param { shape { dim: 1 } } }')
    net = (folder / "prototxt/Small_train_test.prototxt").read_text()
    (folder / "wide.prototxt").write_text(net.replace("num_output: 3", "num_output: 4"))
    before = sorted(folder.rglob("*"))
    done = command("evaluate", *words, folder=folder, room=ROOM)
    assert done.code in (1, 2)
    assert "Traceback" not in done.err
    for part in parts:
        assert part in done.err
    assert sorted(folder.rglob("*")) == before


def test_a_net_name_that_is_not_there(folder: Path) -> None:
    weights = "models/Small/Small_iter_9.caffemodel"
    done = command("evaluate", "--net", "Smal", "--weights", weights, folder=folder, room=ROOM)
    assert (done.code, "prototxt/Smal/train_test.prototxt: cannot be read" in done.err) == (1, True)


def test_labels_beyond_the_net_s_classes(folder: Path, tmp_path: Path) -> None:
    make_lmdb(tmp_path / "many", 20, 24, 9)
    model = tmp_path / "many.prototxt"
    text = (folder / "prototxt/Small_train_test.prototxt").read_text()
    model.write_text(text.replace(f"{folder}/test", f"{tmp_path}/many"))
    done = command("evaluate", "--net", "Small", "--model", model, "--out", tmp_path, folder=folder, room=ROOM)
    assert done.code == 1
    assert "is out of range" in done.err
    assert f"{tmp_path}/many" in done.err
    assert not list(tmp_path.glob("*.json"))


def test_what_a_classifier_is(folder: Path) -> None:
    classifier = classifier_of(folder)
    assert (classifier.source, classifier.records, classifier.batch_size) == (f"{folder}/test", 21, 8)
    (question,) = classifier.questions
    assert (question.scores, question.label, question.output.blob) == ("fc8", "label", "prob")
    assert (question.output.task, question.output.classes) == ("age", ["0-9", "10-19", "20-29"])


@pytest.mark.parametrize(
    "text",
    ["[1]", '"x"', "{}", '{"outputs": 3}', '{"outputs": [{"blob": "prob", "task": "age"}]}', "nothing", "\udcff"],
)
def test_cards_that_are_none(tmp_path: Path, text: str) -> None:
    card = tmp_path / "card.json"
    card.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CardError, match=r"card\.json:"):
        read_outputs(card)


def test_a_card_without_classes_or_bins(tmp_path: Path) -> None:
    value = {"blob": "number", "task": "age", "read": "value"}
    bins = {"blob": "prob", "task": "age", "read": "expected_value", "bins": [1, 2, 3]}
    card = tmp_path / "card.json"
    card.write_text(json.dumps({**CARD, "outputs": [value]}))
    with pytest.raises(
        EvaluationError, match=r'card\.json: no output is read by "argmax", "expected_value" or "median"'
    ):
        read_outputs(card)
    card.write_text(json.dumps({**CARD, "outputs": [value, bins, {**CARD["outputs"][0], "blob": "fc8"}]}))
    assert [(output.blob, output.bins) for output in read_outputs(card)] == [("prob", [1, 2, 3]), ("fc8", ())]


def test_usage_errors_end_with_2() -> None:
    assert UsageError.exit_code == 2
