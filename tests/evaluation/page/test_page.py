"""The page: complete, without anything from outside, and with every text from outside escaped."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from evaluation.figures.published import Published, PublishedFile
from evaluation.page.charts import Series, chart
from evaluation.page.extras import Extras, gather, hardest, read_log
from evaluation.page.page import page
from evaluation.predictions import Predictions, write_predictions
from evaluation.run_report import make_report
from kits.commands import run_command

BAD = "<script>alert(1)</script>"
VOID = {"meta", "img", "br", "line", "polyline", "circle", "link", "input", "hr"}


class Tags(HTMLParser):
    """Collects the elements of a page and checks that each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def of_two_tasks(**changes: Any) -> list[Predictions]:
    random = np.random.default_rng(5)
    keys = [f"{number:08d}_faces/{number}.jpg" for number in range(30)]
    shares = random.dirichlet(np.ones(2), 30).astype(np.float32)
    gender = Predictions(
        keys, random.integers(0, 2, 30), shares, ["male", "female"], "gender", "a_iter_1.caffemodel", "lmdb"
    )
    bins = [float(number) for number in range(101)]
    years = Predictions(
        keys,
        random.integers(0, 101, 30).astype(float),
        random.dirichlet(np.ones(101), 30).astype(np.float32),
        (),
        "years",
        "a_iter_1.caffemodel",
        "lmdb",
        bins=bins,
    )  # fmt: skip
    return [dataclasses.replace(gender, **changes), years]


def report_of(runs: list[Predictions], published: PublishedFile | None = None) -> dict[str, Any]:
    return make_report(runs, [Path(f"{run.task}.npz") for run in runs], published)


def test_the_page_shows_each_task_and_asks_nobody() -> None:
    runs = of_two_tasks()
    report = report_of(runs)
    text = page(report, runs)
    assert page(report, runs) == text
    tags = Tags(text)
    assert tags.open == []
    assert [tag for tag, _ in tags.found].count("section") == 3
    for name in ("gender", "years", "age by decade", "Confusion matrix", "Reliability", "ROC", "Cumulative score"):
        assert name in text
    accuracy = report["tasks"]["gender"]["accuracy"]
    assert f"<b>{accuracy:.1%}</b>" in text
    # No script, no style sheet, no picture from elsewhere: nothing but data and places on the page.
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in tags.found}
    for _, attributes in tags.found:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert "url(" not in text and "@import" not in text and "http" not in re.sub("http-equiv", "", text)


def test_texts_from_outside_are_escaped() -> None:
    runs = of_two_tasks(classes=[BAD, '"><img src=x onerror=alert(1)>'], task=BAD, weights=f"{BAD}.caffemodel")
    runs = [dataclasses.replace(run, weights=runs[0].weights, lmdb=BAD, engine=BAD) for run in runs]
    key = f"00000000_{BAD}"
    runs[0] = dataclasses.replace(runs[0], keys=[key, *runs[0].keys[1:]])
    rows = {run.keys[row]: "AAAA" for run in runs for row in range(len(run.keys))}
    log = {("train", f"loss {BAD}"): [(0.0, 1.0), (1.0, 0.5)]}
    found = Extras(thumbnails=rows, log=log, hashes=[(BAD, BAD)], notes=[BAD])
    text = page(report_of(runs), runs, found)
    tags = Tags(text)
    assert "<script" not in text and "<img src=x" not in text
    assert not any("onerror" in attributes for _, attributes in tags.found)
    assert text.count("&lt;script&gt;") > 10


@pytest.fixture
def folder(working_folder: Path) -> Path:
    """The files of a run: pictures, weights, and a log of the training."""
    with write_lmdb(working_folder / "lmdb") as writer:
        for number in range(30):
            picture = np.full((3, 40, 80), 8 * number, np.uint8)
            writer.put(b"%08d_faces/%d.jpg" % (number, number), array_to_datum(picture, 0).SerializeToString())
    (working_folder / "a_iter_1.caffemodel").write_bytes(b"weights")
    (working_folder / "a_log.csv").write_text(
        "iteration,seconds,learning_rate,phase,name,value\n0,1,0.1,train,loss,2.5\n10,2,0.1,train,loss,nan\n"
        "20,3,0.1,train,loss,1.5\n20,3,,test,accuracy,0.5\n"
    )
    return working_folder


def test_pictures_curves_and_hashes_come_from_the_files(folder: Path) -> None:
    runs = of_two_tasks()
    found = gather(report_of(runs), runs)
    row = hardest(runs[0])[0]
    assert runs[0].probabilities[row, runs[0].labels[row]] == min(
        shares[label] for shares, label in zip(runs[0].probabilities, runs[0].labels, strict=True)
    )
    data = np.frombuffer(base64.b64decode(found.thumbnails[runs[0].keys[row]]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert picture is not None and picture.shape == (56, 112, 3)
    assert abs(float(picture.mean()) - 8 * row) < 2
    assert list(found.log) == [("train", "loss"), ("test", "accuracy")]
    assert read_log(Path("a_best.caffemodel"))["train", "loss"][2] == (20, 1.5)
    assert read_log(Path("b.caffemodel")) == {}
    assert ("a_iter_1.caffemodel", hashlib.sha256(b"weights").hexdigest()) in found.hashes
    text = page(report_of(runs), runs, found)
    assert text.count("<img ") == 24 and "loss (train)" in text and found.hashes[1][1] in text
    assert not found.notes


def test_without_the_files_the_page_says_what_is_missing(working_folder: Path) -> None:
    runs = of_two_tasks()
    found = gather(report_of(runs), runs)
    assert not (found.thumbnails or found.log or found.hashes)
    assert "There are no pictures, because lmdb is no longer there." in page(report_of(runs), runs, found)


def test_published_figures_stand_beside_ours() -> None:
    runs = of_two_tasks()
    entries = [
        Published(task="years", figure="mae", value=3.3, source="Somebody et al. 2018, table 2"),
        Published(task="gender", figure="accuracy", value=0.01, source=BAD),
    ]
    report = report_of(runs, PublishedFile(Path("p.json"), entries))
    text = page(report, runs)
    assert f"<b>{report['tasks']['years']['mae']:.2f}</b>\n    published: 3.30; ours is worse" in text
    for words in ("published: 1.0%; ours is better", "table 2", "&lt;script&gt;"):
        assert words in text


def test_the_notes_of_a_report_are_on_its_page() -> None:
    runs = [dataclasses.replace(run, people=["one"] * 30) for run in of_two_tasks()]
    text = page(report_of(runs), runs)
    assert "gender: there are no intervals, because all records are of one person or one picture." in text


def test_charts() -> None:
    made = chart("a", ("x", "y"), [Series("one", [(0, 0), (1, 2), (2, float("nan"))])])
    assert made is not None
    assert made.lines[0].points == f"{made.left},{made.bottom} {made.right},{made.top}"
    assert [text for _, text in made.y_ticks] == ["0", "0.5", "1", "1.5", "2"]
    assert chart("a", ("x", "y"), [Series("one", [(0, float("nan"))])]) is None
    flat = chart("a", ("x", "y"), [Series("one", [(3, 7), (3, 7)])])
    assert flat is not None
    many = chart("a", ("x", "y"), [Series("one", [(x, x) for x in range(5000)])])
    assert many is not None and len(many.lines[0].points.split()) <= 401
    assert many.lines[0].points.endswith(f" {many.right},{many.top}")


def test_the_verb_makes_the_page_of_saved_predictions(folder: Path) -> None:
    runs = of_two_tasks()
    for run in runs:
        write_predictions(run, Path(f"{run.task}_predictions.npz"))
    Path("p.json").write_text('[{"task": "gender", "figure": "accuracy", "value": 0.9, "source": "a paper"}]')
    files = ["gender_predictions.npz", "years_predictions.npz"]
    done = run_command("evaluation", "report", *files, "--published", "p.json", "--out", "a.html", folder=folder)
    assert done.code == 0, done.err
    text = Path("a.html").read_text()
    assert "a paper" in text and text.count("<img ") == 24
    assert run_command("evaluation", "report", *files, "--out", "a.html", folder=folder).code == 2
    write_predictions(dataclasses.replace(runs[1], lmdb="other"), Path("years_predictions.npz"))
    done = run_command("evaluation", "report", *files, "--out", "b.html", folder=folder)
    assert (
        done.code == 2
        and "years_predictions.npz: is of a_iter_1.caffemodel on other, computed by ; gender_predictions.npz is of"
        in done.err
    )
