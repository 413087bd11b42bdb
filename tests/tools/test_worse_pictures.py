from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_io.databases.lmdb_store import LmdbReader, write_lmdb
from caffe_io.datum import array_to_datum, datum_to_array, parse_datum
from caffe_io.prototxt import to_text
from kits.commands import inside
from kits.compress import write_net
from kits.lmdb_build import verb
from recipes.nets.__main__ import main as write_nets
from recipes.nets.face_net import deploy
from recipes.nets.table import NETS
from tools import worse_pictures

PICTURE = np.random.default_rng(1).integers(60, 190, (40, 40, 3)).astype(np.uint8)


def test_each_change_does_what_it_says() -> None:
    changed = {name: change(PICTURE, strength) for name, (change, strength) in worse_pictures.CHANGES.items()}
    assert {each.shape for each in changed.values()} == {PICTURE.shape}
    assert {each.dtype for each in changed.values()} == {np.dtype(np.uint8)}
    assert (changed["as they are"] == PICTURE).all()
    for level, name in ((4, "noise of 4 grey levels"), (8, "noise of 8")):
        assert (changed[name] - PICTURE.astype(float)).std() == pytest.approx(level, rel=0.05)
    spread = [changed[name].std() for name in ("as they are", "blurred by 0.7 pixels", "blurred by 1.2")]
    assert spread[0] > 1.5 * spread[1] > 2 * spread[2]
    assert changed["half as bright"].mean() == pytest.approx(PICTURE.mean() / 2, rel=0.01)
    assert 0 < np.abs(changed["JPEG of quality 20"] - PICTURE.astype(float)).mean() < 40
    assert (changed["grey"] == np.rint(PICTURE.mean(2, keepdims=True))).all()


def test_a_changed_database_keeps_keys_and_labels(tmp_path: Path) -> None:
    with write_lmdb(tmp_path / "before") as database:
        for index in range(3):
            datum = array_to_datum(np.full((1, 5, 6), 50 + index, np.uint8), index)
            database.put(b"key%d" % index, datum.SerializeToString())
    worse_pictures.write_changed(tmp_path / "before", tmp_path / "after", worse_pictures.darken, 0.5)
    with LmdbReader(tmp_path / "after") as reader:
        records = [(key, parse_datum(value)) for key, value in reader.items()]
    assert [(key, datum.label) for key, datum in records] == [(b"key0", 0), (b"key1", 1), (b"key2", 2)]
    assert [int(datum_to_array(datum)[0, 0, 0]) for _, datum in records] == [25, 26, 26]


def test_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A net of random weights, on black pictures and on those that were there: the figures come from the changed ones."""
    net = NETS["FaceRes"]
    write_nets(["--out", str(tmp_path / "prototxt"), net.name])
    weights = write_net(tmp_path / "weights", to_text(deploy(net)), name=net.name)
    random = np.random.default_rng(2)
    (tmp_path / "data/lmdb").mkdir(parents=True)
    with write_lmdb(tmp_path / "data/lmdb/FaceRes_test") as pictures:
        for index in range(6):
            datum = array_to_datum(random.integers(0, 256, (3, 72, 72)).astype(np.uint8), 0)
            pictures.put(b"%d" % index, datum.SerializeToString())
    with write_lmdb(tmp_path / "data/lmdb/FaceRes_test_labels") as labels:
        for index in range(6):
            datum = array_to_datum(np.zeros((2, 1, 1), np.uint8), 0)
            datum.ClearField("data")
            datum.float_data.extend([10 * index, index % 2])
            labels.put(b"%d" % index, datum.SerializeToString())
    monkeypatch.setattr(
        worse_pictures, "CHANGES", {"these": (worse_pictures.darken, 1), "black": (worse_pictures.darken, 0)}
    )
    with inside(tmp_path):
        verb("soft_labels")(["--bins", "0:100", "--sigma", "3", "data/soft/years.binaryproto"])
    (tmp_path / "models/FaceRes").mkdir(parents=True)
    weights.rename(tmp_path / "models/FaceRes/FaceRes_iter_1.caffemodel")
    worse_pictures.main(["--home", str(tmp_path), "--net", net.name])
    head, line, these, black = capsys.readouterr().out.strip().splitlines()[-4:]
    assert head == "| pictures | years: mae | age by decade: accuracy | gender: accuracy |"
    assert line == "|---|---|---|---|"
    # All black pictures get the same gender.
    assert black.startswith("| black | ")
    assert black.endswith(" 50.0 % |")
    assert these.split("|")[2] != black.split("|")[2]
