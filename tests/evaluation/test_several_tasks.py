"""A net of several tasks: labels from a database of their own, some absent; each engine; looks; groups and people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST, Datum
from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.net_state import filter_net
from caffe_io.prototxt import read_net
from caffe_io.weights import write_weights
from evaluation.classifier import Output, read_classifier
from evaluation.engines import ENGINES
from evaluation.errors import EvaluationError
from evaluation.figures.groups import people_of
from evaluation.predictions import read_predictions
from kits.training_commands import command
from training.nets.net import Net

RECORDS = 10
YEARS = [5, 15, -1, 35, 45, 5, 15, 25, 35, 45]
GENDER = [0, 1, 1, -1, 0, 1, 0, 1, -1, 0]
"""-1: absent."""

TRAIN_TEST = """
layer {{ name: "pictures" type: "Data" top: "data" transform_param {{ mean_value: 100 scale: 0.02 crop_size: 12 }}
  data_param {{ source: "{folder}/pictures" backend: LMDB batch_size: 4 }} }}
layer {{ name: "truth" type: "Data" top: "truth" data_param {{ source: "{folder}/labels" backend: LMDB batch_size: 4 }} }}
layer {{ name: "slice" type: "Slice" bottom: "truth" top: "true_gender" top: "true_years" slice_param {{ axis: 1 }} }}
{body}
layer {{ name: "a1" type: "Accuracy" bottom: "fc_gender" bottom: "true_gender" top: "a1" accuracy_param {{ ignore_label: -1 }} }}
layer {{ name: "a2" type: "Accuracy" bottom: "fc_years" bottom: "true_years" top: "a2" accuracy_param {{ ignore_label: -1 }} }}
"""
BODY = """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 5 stride: 2
  weight_filler { type: "xavier" } } }
layer { name: "fc_gender" type: "InnerProduct" bottom: "conv" top: "fc_gender"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "fc_years" type: "InnerProduct" bottom: "conv" top: "fc_years"
  inner_product_param { num_output: 51 weight_filler { type: "xavier" } } }
"""
DEPLOY = """
input: "data" input_shape {{ dim: 1 dim: 3 dim: 12 dim: 12 }}
{body}
layer {{ name: "p2" type: "Softmax" bottom: "fc_years" top: "years_prob" }}
layer {{ name: "p1" type: "Softmax" bottom: "fc_gender" top: "gender_prob" }}
"""
CARD = {
    "name": "Two",
    "channel_order": "BGR",
    "resize": "stretch",
    "crop_margin": 0.0,
    "outputs": [
        {"blob": "years_prob", "task": "age", "read": "expected_value", "bins": list(range(51))},
        {"blob": "gender_prob", "task": "gender", "read": "argmax", "classes": ["male", "female"]},
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several")
    random = np.random.default_rng(2)
    with write_lmdb(folder / "pictures") as pictures, write_lmdb(folder / "labels") as labels:
        for i in range(RECORDS):
            key = b"%08d_face %d.jpg" % (i, i)
            picture = random.integers(0, 256, (3, 16, 16), dtype=np.uint8)
            pictures.put(key, array_to_datum(picture, 0).SerializeToString())
            values = [float(GENDER[i]), float(YEARS[i])]
            labels.put(key, Datum(channels=2, height=1, width=1, float_data=values).SerializeToString())
    (folder / "prototxt/Two").mkdir(parents=True)
    (folder / "models/Two").mkdir(parents=True)
    (folder / "prototxt/Two/train_test.prototxt").write_text(TRAIN_TEST.format(folder=folder, body=BODY))
    (folder / "prototxt/Two/deploy.prototxt").write_text(DEPLOY.format(body=BODY))
    (folder / "prototxt/Two/card.json").write_text(json.dumps(CARD))
    net = filter_net(read_net(folder / "prototxt/Two/train_test.prototxt"), TEST)
    made = Net(net, TEST, seed=4)
    write_weights(folder / "models/Two/Two_iter_1.caffemodel", net, made.weights())
    made.close()
    rows = "".join(f"face {i}.jpg,person {i // 3},\n" for i in range(RECORDS))
    (folder / "test.csv").write_text("picture,person,gender\n" + rows)
    return folder


def test_each_task_is_measured_and_absent_labels_do_not_count(folder: Path, tmp_path: Path) -> None:
    done = command(
        "evaluate", "--net", "Two", "--out", tmp_path, "--table", "test.csv", folder=folder, room="evaluation"
    )
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "Two_iter_1_test_torch.json").read_text())
    assert list(report["tasks"]) == ["age", "age by decade", "gender"]
    age, gender = (
        read_predictions(tmp_path / f"Two_iter_1_test_torch_{task}_predictions.npz") for task in ("age", "gender")
    )
    assert age.labels.tolist() == [years for years in YEARS if years >= 0]
    assert gender.labels.tolist() == [each for each in GENDER if each >= 0]
    assert age.keys[2] == "00000003_face 3.jpg"
    assert age.people == ["person 0", "person 0", "person 1", *["person 1"] * 2, *["person 2"] * 3, "person 3"]
    expected = (age.probabilities * np.arange(51)).sum(1) / age.probabilities.sum(1)
    assert report["tasks"]["age"]["mae"] == pytest.approx(np.abs(expected - age.labels).mean(), abs=1e-5)
    right = gender.probabilities.argmax(1) == gender.labels
    assert report["tasks"]["gender"]["accuracy"] == pytest.approx(right.mean())
    low, high = report["tasks"]["gender"]["intervals"]["accuracy"]
    assert 0 <= low <= right.mean() <= high <= 1
    assert "mean absolute error" in done.out
    assert (tmp_path / "Two_iter_1_test_torch_gender_confusion.png").exists()
    assert (tmp_path / "Two_iter_1_test_torch_age_confusion.png").exists()


def test_a_task_without_a_label_in_this_set_is_left_out_and_said(folder: Path, tmp_path: Path) -> None:
    with write_lmdb(tmp_path / "labels") as labels:
        for i in range(RECORDS):
            datum = Datum(channels=2, height=1, width=1, float_data=[-1.0, float(YEARS[i])])
            labels.put(b"%08d_face %d.jpg" % (i, i), datum.SerializeToString())
    text = (folder / "prototxt/Two/train_test.prototxt").read_text().replace(f"{folder}/labels", f"{tmp_path}/labels")
    (tmp_path / "net.prototxt").write_text(text)
    words = ["--net", "Two", "--model", tmp_path / "net.prototxt", "--out", tmp_path]
    done = command("evaluate", *words, folder=folder, room="evaluation")
    assert done.code == 0, done.err
    assert "not measured, because no record has such a label: gender" in done.out
    report = json.loads((tmp_path / "Two_iter_1_test_torch.json").read_text())
    assert list(report["tasks"]) == ["age", "age by decade"]


def test_errors_are_given_by_gender_and_by_decade(folder: Path, tmp_path: Path) -> None:
    command("evaluate", "--net", "Two", "--out", tmp_path, folder=folder, room="evaluation")
    tasks = json.loads((tmp_path / "Two_iter_1_test_torch.json").read_text())["tasks"]
    age = read_predictions(tmp_path / "Two_iter_1_test_torch_age_predictions.npz")
    male = [i for i, key in enumerate(age.keys) if GENDER[int(key[:8])] == 0]
    assert tasks["age"]["by"]["gender"]["male"]["pictures"] == len(male)
    assert tasks["age"]["by"]["gender"]["male"]["mae"] == pytest.approx(np.abs(age.numbers - age.labels)[male].mean())
    assert list(tasks["gender"]["by"]["age"]) == ["0-9", "10-19", "20-29", "40-49"]
    assert tasks["gender"]["by"]["age"]["10-19"]["pictures"] == 2


def test_saved_predictions_of_several_tasks_give_the_same_report(folder: Path, tmp_path: Path) -> None:
    command(
        "evaluate", "--net", "Two", "--out", tmp_path / "a", "--table", "test.csv", folder=folder, room="evaluation"
    )
    files = [tmp_path / f"a/Two_iter_1_test_torch_{task}_predictions.npz" for task in ("age", "gender")]
    done = command("evaluate", "--predictions", *files, "--out", tmp_path / "b", folder=folder, room="evaluation")
    assert done.code == 0, done.err
    name = "Two_iter_1_test_torch.json"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_compiled_net_gives_the_same_answers(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The labels come from the other database; without the tool chain there is no blob, only the IR."""
    monkeypatch.setattr("common.places.TOOLCHAIN", tmp_path / "none")
    done = command("compile", "--net", "Two", "--out", tmp_path / "graph", folder=folder, room="ncs")
    assert (tmp_path / "graph/Two.xml").exists(), done.err
    model = folder / "prototxt/Two/train_test.prototxt"
    outputs = [Output("years_prob", "age", bins=range(51)), Output("gender_prob", "gender", ["male", "female"])]
    deploy = read_net(folder / "prototxt/Two/deploy.prototxt")
    classifier = read_classifier(filter_net(read_net(model), TEST), str(model), outputs, deploy=deploy)
    weights = folder / "models/Two/Two_iter_1.caffemodel"
    for looks in ("centre", "mirror", "10-crop", "12"):
        ours = ENGINES["torch"](classifier, model, weights, Path(), looks)
        compiled = ENGINES["openvino"](classifier, model, weights, tmp_path / "graph/Two.xml", looks)
        for (a, truth), (b, again), expected in zip(ours, compiled, (YEARS, GENDER), strict=True):
            np.testing.assert_array_equal(truth, again)
            np.testing.assert_array_equal(truth, expected)
            np.testing.assert_allclose(a, b, atol=2e-3)
            np.testing.assert_allclose(a.sum(1), 1, atol=1e-5)


def test_looks_average_over_the_parts_of_a_picture(folder: Path) -> None:
    """The centre alone as one of the looks, and 10 crops against the net on each crop."""
    model = folder / "prototxt/Two/train_test.prototxt"
    classifier = read_classifier(filter_net(read_net(model), TEST), str(model), [Output("gender_prob", "true_gender")])
    weights = folder / "models/Two/Two_iter_1.caffemodel"
    ((found, _),) = ENGINES["torch"](classifier, model, weights, Path(), "10-crop")
    net = Net(read_net(model), TEST, str(model))
    net.load_all(weights)
    random = np.random.default_rng(2)
    pictures = [random.integers(0, 256, (3, 16, 16), dtype=np.uint8).astype(np.float32) for _ in range(RECORDS)]
    import torch

    total = 0
    for top, left in ((0, 0), (0, 4), (4, 0), (4, 4), (2, 2)):
        for step in (1, -1):
            crops = np.stack([picture[:, top : top + 12, left : left + 12][:, :, ::step] for picture in pictures])
            feed = torch.from_numpy((crops - 100) * np.float32(0.02))
            with torch.inference_mode():
                net.forward({"data": feed, "truth": torch.zeros(RECORDS, 2, 1, 1)})
            total = total + net.blobs["fc_gender"].softmax(1).numpy()
    net.close()
    np.testing.assert_allclose(found, total / 10, atol=1e-5)


def test_looks_that_need_a_crop(folder: Path, tmp_path: Path) -> None:
    text = (folder / "prototxt/Two/train_test.prototxt").read_text().replace("crop_size: 12", "")
    model = tmp_path / "whole.prototxt"
    model.write_text(text)
    words = ["--model", model, "--weights", "none.caffemodel", "--looks", "10-crop"]
    done = command("evaluate", *words, folder=folder, room="evaluation")
    assert done.code in (1, 2)
    words = ["--net", "Two", "--engine", "caffe", "--looks", "mirror"]
    done = command("evaluate", *words, folder=folder, room="evaluation")
    assert (done.code, "--engine caffe reads its pictures itself" in done.err) == (2, True)


def test_outputs_find_their_accuracy_layers(folder: Path) -> None:
    path = folder / "prototxt/Two/train_test.prototxt"
    net = filter_net(read_net(path), TEST)
    deploy = read_net(folder / "prototxt/Two/deploy.prototxt")
    gender, years = Output("gender_prob", "gender"), Output("years_prob", "age")

    def scores(outputs: list[Output], with_deploy: bool) -> list[tuple[str, str]]:
        found = read_classifier(net, str(path), outputs, deploy=deploy if with_deploy else None).questions
        return [(question.scores, question.label) for question in found]

    assert scores([years, gender], True) == [("fc_years", "true_years"), ("fc_gender", "true_gender")]
    assert scores([Output("x", "true_years"), Output("y", "true_gender")], False) == [
        ("fc_years", "true_years"),
        ("fc_gender", "true_gender"),
    ]
    # In the order of the layers.
    assert scores([gender, years], False) == [("fc_gender", "true_gender"), ("fc_years", "true_years")]
    with pytest.raises(
        EvaluationError, match="has 2 Accuracy layers, of fc_gender, fc_years; the card has outputs of smile"
    ):
        scores([Output("s", "smile")], True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("picture,who,gender\n", "t.csv, line 1: found 'picture,who,gender'. Expected picture,person,TASK,..."),
        ("picture,person,gender\nother.jpg,a,0\n", 'has no picture "face 0.jpg"'),
        ("picture,person,gender\nface 0.jpg,a\n", "t.csv, line 2: has 2 cells, expected 3"),
        ("", "t.csv, line 1: found ''. Expected picture,person,TASK,..."),
    ],
)
def test_a_table_of_another_set_is_refused(folder: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    words = ["--net", "Two", "--out", tmp_path / "out", "--table", tmp_path / "t.csv"]
    done = command("evaluate", *words, folder=folder, room="evaluation")
    assert (done.code, message in done.err) == (1, True), done.err
    assert not (tmp_path / "out").exists()


def test_published_figures_in_text_report_and_page(folder: Path, tmp_path: Path) -> None:
    entry = {"task": "gender", "figure": "accuracy", "value": 0.0, "source": "Nobody 2020"}
    file = tmp_path / "p.json"
    file.write_text(json.dumps([entry, {**entry, "task": "age by decade", "figure": "macro_f1", "value": 1}]))
    words = ["--net", "Two", "--out", tmp_path / "a", "--published", file]
    done = command("evaluate", *words, folder=folder, room="evaluation")
    assert done.code == 0, done.err
    stem = "Two_iter_1_test_torch"
    report = json.loads((tmp_path / f"a/{stem}.json").read_text())
    ours = report["tasks"]["gender"]["accuracy"]
    assert report["published"][0] == {**entry, "ours": ours, "verdict": "ours is better"}
    assert report["published"][1]["verdict"] == "ours is worse"
    line = f"gender, accuracy: {ours:.1%}, published: 0.0%; ours is better (Nobody 2020)"
    assert "published figures" in done.out and line in done.out
    page = (tmp_path / f"a/{stem}.html").read_text()
    assert "published: 0.0%; ours is better" in page
    # The verb report shows the same.
    files = [tmp_path / f"a/{stem}_{task}_predictions.npz" for task in ("age", "gender")]
    words = [*files, "--published", file, "--out", tmp_path / "r.html"]
    again = command("report", *words, folder=folder, room="evaluation")
    assert again.code == 0, again.err
    assert line in again.out
    assert (tmp_path / "r.html").read_text() == page
    file.write_text(json.dumps([{**entry, "task": "smile"}]))
    for verb, others in (
        ("evaluate", ["--predictions", *files, "--out", tmp_path / "b"]),
        ("report", [*files, "--out", "b"]),
    ):
        done = command(verb, *others, "--published", file, folder=folder, room="evaluation")
        assert (done.code, done.out.count("accuracy")) == (1, 0)
        assert (
            'p.json: entry 1: this run does not measure the task "smile". Known: age, age by decade, gender.'
            in done.err
        )
    assert not (tmp_path / "b").exists() and not (folder / "b").exists()


def test_a_wrong_file_of_published_figures_is_refused_before_the_net_is_run(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("{}")
    words = ["--net", "Two", "--out", tmp_path / "a", "--published", tmp_path / "p.json"]
    done = command("evaluate", *words, folder=folder, room="evaluation")
    assert (done.code, "p.json: holds no list" in done.err) == (1, True), done.err
    assert not (tmp_path / "a").exists()


def test_a_card_of_other_tasks_does_not_rename_them(folder: Path, tmp_path: Path) -> None:
    """Two tasks that both became the card's first one would overwrite each other in the report."""
    command("evaluate", "--net", "Two", "--out", tmp_path, folder=folder, room="evaluation")
    files = [tmp_path / f"Two_iter_1_test_torch_{task}_predictions.npz" for task in ("age", "gender")]
    card = tmp_path / "other.json"
    card.write_text(json.dumps(CARD).replace('"gender"', '"smile"'))
    done = command("evaluate", "--predictions", *files, "--card", card, folder=folder, room="evaluation")
    assert (done.code, "gender_predictions.npz: is of the task gender. " in done.err) == (2, True), done.err
    assert "has age, smile." in done.err


def net_with_labels(folder: Path, place: Path, labels: list[list[float]]) -> list[object]:
    """Write the net of two tasks with other labels; return the words that evaluate it."""
    with write_lmdb(place / "labels") as database:
        for i, values in enumerate(labels):
            datum = Datum(channels=2, height=1, width=1, float_data=values)
            database.put(b"%08d_face %d.jpg" % (i, i), datum.SerializeToString())
    text = (folder / "prototxt/Two/train_test.prototxt").read_text().replace(f"{folder}/labels", f"{place}/labels")
    (place / "net.prototxt").write_text(text)
    return ["--net", "Two", "--model", place / "net.prototxt", "--out", place / "out"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[0.0, 5.0]] * (RECORDS - 1), 'layer "truth" reads {place}/labels, which has 9 records, but {folder}/pictures has 10'),
        ([[0.5, 5.0]] * RECORDS, 'blob "true_gender" has 10 labels of gender that are not whole numbers, such as 0.5'),
    ],
)  # fmt: skip
def test_labels_that_would_give_wrong_figures(
    folder: Path, tmp_path: Path, labels: list[list[float]], message: str
) -> None:
    done = command("evaluate", *net_with_labels(folder, tmp_path, labels), folder=folder, room="evaluation")
    assert done.code == 1
    assert message.format(place=tmp_path, folder=folder) in done.err
    assert not (tmp_path / "out").exists()


def test_one_class_alone(folder: Path, tmp_path: Path) -> None:
    """No figure is NaN, and what means nothing is left out."""
    words = net_with_labels(folder, tmp_path, [[1.0, 5.0]] * RECORDS)
    done = command("evaluate", *words, folder=folder, room="evaluation")
    assert (done.code, done.err) == (0, "")
    text = (tmp_path / "out/Two_iter_1_test_torch.json").read_text()
    gender = json.loads(text)["tasks"]["gender"]
    assert "NaN" not in text and "auc" not in gender
    assert gender["classes"][0] == {"name": "male", "pictures": 0, "recall": None}


def test_an_output_that_no_accuracy_layer_judges_is_named(folder: Path, tmp_path: Path) -> None:
    text = (folder / "prototxt/Two/train_test.prototxt").read_text()
    (tmp_path / "net.prototxt").write_text(text[: text.index('layer { name: "a2"')])
    words = ["--net", "Two", "--model", tmp_path / "net.prototxt", "--out", tmp_path]
    done = command("evaluate", *words, folder=folder, room="evaluation")
    assert done.code == 0, done.err
    assert "not measured, because no Accuracy layer judges it: age\n" in done.out
    assert list(json.loads((tmp_path / "Two_iter_1_test_torch.json").read_text())["tasks"]) == ["gender"]


def test_one_accuracy_layer_is_not_taken_for_the_first_of_several_outputs(folder: Path) -> None:
    path = folder / "prototxt/Two/train_test.prototxt"
    net = filter_net(read_net(path), TEST)
    del net.layer[-1]
    with pytest.raises(
        EvaluationError, match="has 1 Accuracy layers, of fc_gender; the card has outputs of smile, glasses"
    ):
        read_classifier(net, str(path), [Output("s", "smile"), Output("g", "glasses")])


def test_people_of_pictures_whose_names_are_not_utf8(tmp_path: Path) -> None:
    """A key of the database shows such bytes as \\\\xe9."""
    (tmp_path / "t.csv").write_bytes(b"picture,person,gender\nfac\xe9.jpg,Andr\xe9,0\n")
    key = b"00000000_fac\xe9.jpg".decode("utf-8", "backslashreplace")
    assert people_of(tmp_path / "t.csv", [key]) == ["Andr\\xe9"]
