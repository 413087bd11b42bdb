"""Labels that are distributions: the numbers in both kinds of file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.stats import norm

from caffe_io.blobs import blob_to_array
from caffe_io.caffe_pb2 import BlobProto
from common.errors import MokaError, OutputExists, UsageError
from kits.lmdb_build import verb

main = verb("soft_labels")


def test_the_matrix(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--bins", "0:100", "--sigma", "2.5", "soft/years.binaryproto"])
    blob = BlobProto.FromString(Path("soft/years.binaryproto").read_bytes())
    assert (blob.num, blob.channels, blob.height, blob.width) == (1, 1, 101, 101)
    rows = blob_to_array(blob)[0, 0]
    np.testing.assert_allclose(rows.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(rows[50], norm.pdf(np.arange(101), 50, 2.5), atol=1e-7)
    assert (rows.argmax(1) == np.arange(101)).all()
    # At the end of the bins, half of the Gaussian is all that is left.
    np.testing.assert_allclose(rows[0, :5] / rows[0, 0], np.exp(-(np.arange(5) ** 2) / 12.5), rtol=1e-6)
    assert capsys.readouterr().out == (
        "soft/years.binaryproto: matrix of an InfogainLoss, 101x101. "
        "Labels are the numbers of bins: 0 is 0, 100 is 100\n"
    )


def test_the_targets(working_folder: Path) -> None:
    weights = np.arange(60) % 4 + 0.5
    Path("w.txt").write_text("".join(f"{weight}\n" for weight in weights))
    main(["--bins", "1:60", "--sigma", "2.5", "--bin_weights", "w.txt", "peaks.h5"])
    with h5py.File("peaks.h5") as file:
        assert list(file) == ["peaks", "peaks_gains"]
        targets, gains = file["peaks"][()], file["peaks_gains"][()]
    assert (targets.shape, gains.shape, targets.dtype) == ((122, 60), (122, 120), np.float32)
    np.testing.assert_allclose(targets[34], norm.pdf(np.arange(1, 61), 34, 2.5) * 2.5 * np.sqrt(2 * np.pi), atol=1e-6)
    assert targets[34, 33] == 1
    # Numbers that the processor handles slowly, and that are none to a net.
    for values in (targets, gains):
        assert not ((values != 0) & (abs(values) < np.finfo(np.float32).tiny)).any()
    for beyond, last in ((0, 1), (61, 60), (120, 60)):
        assert np.array_equal(targets[beyond], targets[last])
    assert (targets[121] == -1).all() and not gains[121].any()
    np.testing.assert_allclose(gains[:121, :60], weights * targets[:121], rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(gains[:121, 60:], weights * (1 - targets[:121]), atol=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x.binaryproto", "--bins=5:5"], "--bins 5:5: expected FIRST:LAST"),
        (["x.binaryproto", "--bins=5"], "--bins 5: expected FIRST:LAST"),
        (["x.binaryproto", "--bins=-1:5"], "expected FIRST:LAST"),
        (["x.binaryproto", "--bins=0:10000"], "at most 10000 bins"),
        (["x.binaryproto", "--sigma=0"], "--sigma 0: expected a number above 0"),
        (["x.binaryproto", "--sigma=nan"], "--sigma nan"),
        (["x.npy"], r"x\.npy: .*Expected \.binaryproto or \.h5"),
        (["x.binaryproto", "--bin_weights=w.txt"], "--bin_weights: is for FILE.h5"),
    ],
)
def test_used_wrongly(working_folder: Path, words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        main(["--bins=0:9", "--sigma=1", *words])
    assert not list(working_folder.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "w.txt: cannot be read"),
        ("1\n2\n", "has 2 lines; expected 3"),
        ("1\nx\n3\n", "w.txt, line 2: 'x'"),
        ("1\n2\n-3\n", "w.txt, line 3: '-3'"),
        ("inf\n2\n3\n", "w.txt, line 1: 'inf'"),
    ],
)
def test_wrong_weights(working_folder: Path, text: str | None, message: str) -> None:
    if text is not None:
        Path("w.txt").write_text(text)
    with pytest.raises(MokaError, match=message):
        main(["--bins=0:2", "--sigma=1", "--bin_weights=w.txt", "x.h5"])
    assert not Path("x.h5").exists()


@pytest.mark.parametrize("name", ["x.binaryproto", "x.h5"])
def test_an_existing_file_stays(working_folder: Path, name: str) -> None:
    Path(name).write_text("old")
    with pytest.raises(OutputExists, match="--force"):
        main(["--bins=0:2", "--sigma=1", name])
    assert Path(name).read_text() == "old"
    main(["--bins=0:2", "--sigma=1", "--force", name])
    assert Path(name).read_bytes()[:3] != b"old"
