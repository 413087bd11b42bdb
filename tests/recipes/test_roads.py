"""Each recipe from its archive to its answer, on a miniature of the archive and with one iteration of training.

All run with --quick, and utkface and adience also without it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_io.weights import read_weights
from common.places import ROOT
from kits.data_sets import write_adience
from kits.faces import need_files
from kits.lmdb_build import snapshot, truncate
from kits.recipes import fgnet, genki4k, run_recipe, utkface
from lmdb_build.tables import read_table

pytestmark = [pytest.mark.slow, pytest.mark.oracle, pytest.mark.timeout(300)]
TOOLCHAIN = ROOT / ".toolchain/movidius/bin/python"
MADE_ONCE = ("data/", "models/", "graph/", "folds/")
WRITTEN_AGAIN = ("/folds.json", "/folds.txt", "data/faces.json")


ARCHIVE = "UTKFace_AsianOnly.tar.gz"
UTKFACE = ("--images", ARCHIVE, "--quick", "--iterations", 1)
LEVI_HASSNER = ("LeviHassnerAge", "LeviHassnerGender")


@pytest.fixture(autouse=True)
def need_toolchain_of_movidius() -> None:
    need_toolchain()


def need_toolchain() -> None:
    """Skip the test if there is no tool chain: a recipe would fetch it."""
    if not TOOLCHAIN.exists():
        pytest.skip("the movidius tool chain is not there; tools/toolchain.sh movidius makes it")


def ended_well(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def made_once(out: Path) -> dict[str, tuple[bytes, int]]:
    """Contents and time of what a second start must not make again: everything but the reports."""
    return {
        name: state
        for name, state in snapshot(out).items()
        if name.startswith(MADE_ONCE) and "_test_torch" not in name and not name.endswith(WRITTEN_AGAIN)
    }


def check_net(out: Path, name: str) -> None:
    """The compiled net is there, and nothing half-written."""
    for suffix in ("xml", "bin", "json", "blob"):
        assert (out / f"graph/{name}.{suffix}").stat().st_size > 0
    assert json.loads((out / f"graph/{name}.json").read_text())["blob"]
    assert (out / "answer.png").stat().st_size > 0
    assert not [path for path in out.rglob("*") if path.name.endswith((".part", ".tmp", ".new"))]


def figures(report: Path) -> dict[str, Any]:
    tasks: dict[str, Any] = json.loads(report.read_text())["tasks"]
    return tasks


@pytest.fixture(scope="module")
def of_utkface(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the recipe of UTKFace was run, and what it printed."""
    need_toolchain()
    folder = tmp_path_factory.mktemp("utkface")
    utkface(folder / ARCHIVE)
    return folder, ended_well(run_recipe("utkface", *UTKFACE, folder=folder))


def test_utkface(of_utkface: tuple[Path, str]) -> None:
    folder, first = of_utkface
    out = folder / "utkface_out"
    for verb in ("build_dataset", "create_lmdb", "soft_labels", "train", "evaluate", "compile", "infer"):
        assert f"moka {verb} " in first
    tasks = figures(out / "models/FaceRes/FaceRes_settled_iter_1_test_torch_mirror.json")
    # A fifth of 40.
    assert tasks["years"]["pictures"] == tasks["gender"]["pictures"] == 8
    assert tasks["years"]["mae"] > 0
    assert 0 <= tasks["gender"]["accuracy"] <= 1
    assert "tringn/AgeGenderPrediction" in first
    assert (
        "tringn/AgeGenderPrediction"
        in (out / "models/FaceRes/FaceRes_settled_iter_1_test_torch_mirror.html").read_text()
    )
    check_net(out, "FaceRes")
    trained, settled = (
        read_weights(out / f"models/FaceRes/FaceRes{kind}_iter_1.caffemodel") for kind in ("", "_settled")
    )
    changed = {
        name
        for name, blobs in trained.items()
        if any(not np.array_equal(*pair) for pair in zip(blobs, settled[name], strict=True))
    }
    assert changed == {name for name in trained if name.endswith("_bn")}

    before = made_once(out)
    assert len(before) > 15
    second = ended_well(run_recipe("utkface", *UTKFACE, folder=folder))
    assert made_once(out) == before
    for verb in ("build_dataset", "create_lmdb", "soft_labels", "train", "compile"):
        assert f"moka {verb} " not in second


def test_utkface_with_several_seeds(of_utkface: tuple[Path, str]) -> None:
    """Nets of the same databases, which differ in the random seed alone."""
    folder, _ = of_utkface
    words = ["--images", ARCHIVE, "--iterations", 1, "--seeds", 2, "--out", "seeds"]
    ended_well(run_recipe("utkface", *words, folder=folder))
    nets = folder / "seeds/folds/FaceRes"
    solvers = [(nets / f"fold_{seed}/prototxt/FaceRes/solver.prototxt").read_text() for seed in range(2)]
    assert all(f"random_seed: {seed}\n" in text for seed, text in enumerate(solvers))
    assert solvers[1] == solvers[0].replace("random_seed: 0", "random_seed: 1")
    weights = [(nets / f"fold_{seed}/models/FaceRes/FaceRes_iter_1.caffemodel").read_bytes() for seed in range(2)]
    assert weights[0] != weights[1]
    years = figures(nets / "folds.json")["years"]
    assert len(json.loads((nets / "folds.json").read_text())["folds"]) == 2
    assert years["mae"]["mean"] > 0
    assert "published 66.5 %" in (folder / "seeds/report.txt").read_text()
    check_net(folder / "seeds", "FaceRes")


@pytest.mark.timeout(600)
def test_agenet(tmp_path: Path, of_utkface: tuple[Path, str]) -> None:
    """Two nets of one task each."""
    words = ["--images", of_utkface[0] / ARCHIVE, "--quick", "--iterations", 1]
    first = ended_well(run_recipe("agenet", *words, folder=tmp_path, timeout=400))
    out = tmp_path / "agenet_out"
    for name, task in (("AgeNet", "age"), ("GenderNet", "gender")):
        report = out / f"models/{name}/{name}_iter_1_test_torch_mirror.json"
        assert list(figures(report)) == [task]
        assert figures(report)[task]["pictures"] == 8
        assert "tringn/AgeGenderPrediction" in report.with_suffix(".html").read_text()
        check_net(out, name)
    before = made_once(out)
    assert len(before) > 15
    second = ended_well(run_recipe("agenet", *words, folder=tmp_path, timeout=400))
    assert made_once(out) == before
    for verb in ("moka build_dataset", "create_lmdb.sh", "create_mean.sh", "moka train", "moka compile"):
        assert f"{verb} " in first
        assert f"{verb} " not in second


def test_smile(tmp_path: Path, of_utkface: tuple[Path, str]) -> None:
    """One net of three tasks; UTKFace's test part is the same in both folds, and in no training."""
    need_files("blazeface")
    tar = genki4k(tmp_path / "GENKI4K.tar")
    out = tmp_path / "smile_out"
    words = ["--images", tar.name, "--images_utkface", of_utkface[0] / ARCHIVE, "--quick", "--iterations", 1]
    first = run_recipe("smile", *words, folder=tmp_path)
    assert "21 pictures, 20 faces, 1 pictures left out" in ended_well(first)
    assert "left out: files/file0021.jpg" in first.stderr
    tasks = figures(out / "folds/FaceResSmile/folds.json")
    assert tasks["smile"]["pictures"]["values"] == {"0": 10.0, "1": 10.0}
    assert tasks["years"]["pictures"]["values"] == tasks["gender"]["pictures"]["values"] == {"0": 8.0, "1": 8.0}
    trained, tested = (
        [line.split(",")[0] for line in (out / f"data/DEF/{part}.csv").read_text().splitlines()[1:]]
        for part in ("train", "test")
    )
    # 32 of 40 of UTKFace, those of rare ages more than once.
    assert len(set(trained)) == 32 < len(trained)
    assert not set(trained) & set(tested)
    for fold in range(2):
        log = (out / f"folds/FaceResSmile/fold_{fold}/steps/03_train_data.log").read_text()
        # Each of 10 smiling or unsmiling faces four times, and UTKFace's.
        assert f"0 years: known {len(trained)} times, absent 40 times (-1)" in log
        assert f"2 smile: known 40 times, absent {len(trained)} times (-1)" in log
        log = (out / f"folds/FaceResSmile/fold_{fold}/steps/06_train.log").read_text()
        assert f"Finetuning from {out}/models/FaceResSmile/FaceResSmile_settled_iter_1.caffemodel" in log
    report = (out / "report.txt").read_text()
    for name in ("smile, accuracy", "gender, accuracy"):
        task = name.partition(",")[0]
        assert f"{name}: ours {100 * tasks[task]['accuracy']['mean']:.1f} %" in report
    assert f"years, mae: ours {tasks['years']['mae']['mean']:.2f} years" in report
    assert report in first.stdout
    check_net(out, "FaceResSmile")

    before = made_once(out)
    second = ended_well(run_recipe("smile", *words, folder=tmp_path))
    assert made_once(out) == before
    assert second.count("done before: net, tables, train_data, test_data, distributions, train, settle, evaluate") == 2
    assert "moka compile" not in second
    assert "moka build_dataset" not in second


def test_fgnet(tmp_path: Path, of_utkface: tuple[Path, str]) -> None:
    """What comes of UTKFace is there already, as after a run that was stopped."""
    folder, _ = of_utkface
    out = tmp_path / "fgnet_out"
    for name in ("data", "models"):
        shutil.copytree(folder / "utkface_out" / name, out / name)
    sets = [fgnet(tmp_path / "FGNET.tar"), folder / ARCHIVE]
    (out / ".made-by-fgnet").write_text("".join(f"{path.name} ({path.stat().st_size} bytes)\n" for path in sets))
    words = ["--images", sets[0].name, "--images_utkface", sets[1]]
    words += ["--quick", "--iterations", 1, "--folds", 2]
    first = ended_well(run_recipe("fgnet", *words, folder=tmp_path))
    for done in (f"build_dataset --images={folder / ARCHIVE}", "create_lmdb --table data/DEF", "soft_labels", "train"):
        assert f"moka {done} " not in first
    assert "data/FGNET: 20 pictures, 20 faces, 0 pictures left out" in first
    # Of the net that saw nothing of FG-NET: every picture, and no gender to measure.
    unseen = figures(out / "unseen/FaceRes_settled_iter_1_test_torch_mirror.json")
    assert list(unseen) == ["years", "age by decade"]
    assert unseen["years"]["pictures"] == 20
    with np.load(out / "unseen/FaceRes_settled_iter_1_test_torch_mirror_predictions.npz") as saved:
        assert len(set(saved["people"])) == 10
    # And every picture once more, in the fold of its person.
    tasks = figures(out / "folds/FaceRes/folds.json")
    assert sum(tasks["years"]["pictures"]["values"].values()) == 20
    assert list(tasks) == ["years", "age by decade"]
    people = []
    for fold in range(2):
        table = (out / f"folds/FaceRes/fold_{fold}/data/DEF/test.csv").read_text().splitlines()[1:]
        people += list({line.split(",")[1] for line in table})
        log = (out / f"folds/FaceRes/fold_{fold}/steps/06_train.log").read_text()
        assert f"Finetuning from {out}/models/FaceRes/FaceRes_settled_iter_1.caffemodel" in log
    assert sorted(people) == [f"{person:03d}" for person in range(1, 11)]
    assert "years, mae: ours " in (out / "report.txt").read_text()
    check_net(out, "FaceRes")


def test_coral(tmp_path: Path) -> None:
    """The test part is in the table that names it and nowhere else, unless it is to be measured."""
    tar = utkface(tmp_path / ARCHIVE)
    files = (tmp_path / f"{ARCHIVE}.files/UTKFace_AsianOnly").iterdir()
    names = sorted(path.name for path in files if path.name.count("_") == 3)
    lines = [f"{name},{name.split('_')[0]},{'test' if i % 4 == 0 else 'train'}" for i, name in enumerate(names[:36])]
    (tmp_path / "split.csv").write_text("\n".join(["file,age,part", *lines]) + "\n")
    out = tmp_path / "coral_out"
    words = ["--images", tar.name, "--division", "split.csv", "--quick", "--iterations", 1]
    first = ended_well(run_recipe("coral", *words, folder=tmp_path))
    tests = {name for i, name in enumerate(names[:36]) if i % 4 == 0}
    tables = {part: (out / f"data/DEF/{part}.csv").read_text() for part in ("train", "val", "test")}
    assert [len(table.splitlines()) - 1 for table in tables.values()] == [22, 5, 9]
    assert not [name for name in tests if name in tables["train"] + tables["val"]]
    assert "FaceRes_train: 22 records" in first
    assert "FaceRes_test: 5 records" in first
    held_back = figures(out / "models/FaceRes/FaceRes_settled_iter_1_test_torch_mirror.json")
    assert not (out / "measured").exists()
    second = ended_well(run_recipe("coral", *words, "--measure", "coral_out/data/DEF/test.csv", folder=tmp_path))
    for verb in ("build_dataset", "train", "compile"):
        assert f"moka {verb} " not in second
    measured = figures(out / "measured/FaceRes_settled_iter_1_test_torch_mirror.json")
    assert (held_back["years"]["pictures"], measured["years"]["pictures"]) == (5, 9)
    assert "arXiv 1901.07884" in first
    check_net(out, "FaceRes")


def test_adience(tmp_path: Path) -> None:
    """Two of its own five folds, and a part of it with pictures of one fold alone."""
    ages = ("(0, 2)", "(25, 32)", "(60, 100)")
    folds = [[(f"u{fold}", f"{i}.jpg", 10 * fold + i, ages[i], "mf"[i % 2]) for i in range(3)] for fold in range(5)]
    folder = write_adience(tmp_path / "adience", folds)
    words = ["--images", folder.name, "--quick", "--iterations", 1]
    first = ended_well(run_recipe("adience", *words, folder=tmp_path))
    out = tmp_path / "adience_out"
    tasks = figures(out / "folds/FaceResAdience/folds.json")
    assert list(tasks) == ["adience_age", "gender"]
    assert tasks["adience_age"]["pictures"]["values"] == tasks["gender"]["pictures"]["values"] == {"0": 3.0, "1": 3.0}
    for fold in range(2):
        place = out / f"folds/FaceResAdience/fold_{fold}/data/DEF"
        tested = {row.person for row in read_table(place / "test.csv").rows}
        trained = {row.person for row in read_table(place / "train.csv").rows}
        assert tested == {str(10 * fold + i) for i in range(3)}
        assert trained == {str(10 * other + i) for other in range(5) if other != fold for i in range(3)}
    report = (out / "report.txt").read_text()
    assert f"adience_age, accuracy: ours {100 * tasks['adience_age']['accuracy']['mean']:.1f} %" in report
    assert "adience_age, one off accuracy: ours" in report
    assert report in first
    check_net(out, "FaceResAdience")

    # Large databases would fill the disk: those of training are gone, and a longer training makes them again.
    home = out / "folds/FaceResAdience/fold_1"
    assert {path.name for path in (home / "data/lmdb").iterdir()} == {
        "FaceResAdience_test",
        "FaceResAdience_test_labels",
    }
    ended_well(run_recipe("adience", *words[:2], "--iterations", 2, "--folds", 2, folder=tmp_path))
    assert (home / "models/FaceResAdience/FaceResAdience_iter_2.caffemodel").is_file()

    alone = write_adience(
        tmp_path / "alone", [*folds[:1], *([(*row[:1], "gone.jpg", *row[2:])] for row, *_ in folds[1:])]
    )
    done = run_recipe("adience", "--images", alone.name, "--iterations", 1, "--out", "other", folder=tmp_path)
    assert done.returncode == 1
    assert "--fold 0: all 3 pictures that are there are in this fold, so none is left for training" in done.stderr


def test_a_net_without_batch_norm_starts_from_that_of_ages(tmp_path: Path, of_utkface: tuple[Path, str]) -> None:
    """In each fold, and from the net of the same fold: another one has seen this fold's test pictures."""
    words = ["--images", of_utkface[0] / ARCHIVE, "--dataset", "utkface", "--iterations", 1, "--folds", 2]
    ended_well(run_recipe("adience", *words, "--net", "LeviHassnerGender", folder=tmp_path))
    folds = tmp_path / "adience_out/folds"
    for fold in range(2):
        start = folds / f"LeviHassnerAge/fold_{fold}/models/LeviHassnerAge/LeviHassnerAge_settled_iter_1.caffemodel"
        assert f"Finetuning from {start}" in (folds / f"LeviHassnerGender/fold_{fold}/steps/05_train.log").read_text()
        for part in ("train", "test"):
            of_age, of_gender = (folds / f"{net}/fold_{fold}/data/DEF/{part}.csv" for net in LEVI_HASSNER)
            assert of_age.read_text() == of_gender.read_text()
    assert list(figures(folds / "LeviHassnerGender/folds.json")) == ["gender"]
    check_net(tmp_path / "adience_out", "LeviHassnerGender")


def test_a_damaged_archive_is_said_and_mended(tmp_path: Path) -> None:
    tar = truncate(utkface(tmp_path / ARCHIVE))
    done = run_recipe("utkface", "--images", tar.name, "--iterations", 1, folder=tmp_path)
    assert done.returncode == 1
    assert f"error: {tar}" in done.stderr
    out = tmp_path / "utkface_out"
    assert not (out / "models").exists()
    assert not list(out.glob("data/*"))
