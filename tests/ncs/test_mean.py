"""The mean that goes into the network, and the verb that writes it as .npy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caffe_io.mean import write_mean
from common.card import mean_hash
from common.errors import MeanError, OutputExists
from kits.ncs import values
from ncs.__main__ import ROOM
from ncs.mean import describe_mean, fit_mean


@pytest.fixture
def binaryproto(tmp_path: Path) -> Path:
    write_mean(tmp_path / "mean.binaryproto", values(3, 5, 4))
    return tmp_path / "mean.binaryproto"


def test_npy_holds_the_same_numbers(binaryproto: Path, capsys: pytest.CaptureFixture[str]) -> None:
    npy = binaryproto.with_name("age_gender_mean.npy")
    ROOM.main(["mean", str(binaryproto), str(npy)])
    array = np.load(npy)
    assert (array.dtype, array.shape) == (np.dtype("<f4"), (3, 5, 4))
    np.testing.assert_array_equal(array, values(3, 5, 4))
    assert "3x5x4" in capsys.readouterr().out


def test_existing_npy(binaryproto: Path) -> None:
    npy = binaryproto.with_name("mean.npy")
    ROOM.main(["mean", str(binaryproto), str(npy)])
    ROOM.main(["mean", str(binaryproto), str(npy)])  # the same mean: nothing to do
    write_mean(binaryproto, values(3, 5, 4, seed=9), force=True)
    with pytest.raises(OutputExists):
        ROOM.main(["mean", str(binaryproto), str(npy)])
    np.testing.assert_array_equal(np.load(npy), values(3, 5, 4))
    ROOM.main(["mean", str(binaryproto), str(npy), "--force"])
    np.testing.assert_array_equal(np.load(npy), values(3, 5, 4, seed=9))


@pytest.mark.parametrize("content", [None, b"", b"no mean at all"])
def test_missing_and_damaged_files(tmp_path: Path, content: bytes | None) -> None:
    source = tmp_path / "mean.binaryproto"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(MeanError, match=r"mean\.binaryproto"):
        ROOM.main(["mean", str(source), str(tmp_path / "mean.npy")])
    assert not (tmp_path / "mean.npy").exists()


def test_fitting_mean_stays() -> None:
    mean = values(3, 5, 4)
    np.testing.assert_array_equal(fit_mean(mean, 3, 5, 4, "mean"), mean)


@pytest.mark.parametrize(("size", "start"), [((9, 8), (2, 2)), ((8, 5), (1, 0)), ((256, 256), (125, 126))])
def test_larger_mean_is_cropped_in_its_centre(size: tuple[int, int], start: tuple[int, int]) -> None:
    mean = values(3, *size)
    top, left = start
    np.testing.assert_array_equal(fit_mean(mean, 3, 5, 4, "mean"), mean[:, top : top + 5, left : left + 4])


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 5, 3), (1, 5, 4), (3, 1, 1)])
def test_mean_of_another_size_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(MeanError) as caught:
        fit_mean(values(*shape), 3, 5, 4, "some.binaryproto")
    for word in ("some.binaryproto", "x".join(map(str, shape)), "3x5x4"):
        assert word in str(caught.value)


def test_what_the_card_says_about_a_mean() -> None:
    mean = values(3, 6, 6) + 100
    inside = mean[:, 1:5, 1:5]
    entry = describe_mean(mean, inside, 3)
    assert (entry.inside, entry.kind, entry.sha256) == (True, "image", mean_hash(mean))
    np.testing.assert_allclose(entry.channel_means, inside.mean(axis=(1, 2)), atol=1e-3)
    assert describe_mean(inside.mean((1, 2), keepdims=True), inside, 3).kind == "values"
    assert describe_mean(None, None, 3).model_dump() == {
        "inside": True,
        "kind": "none",
        "sha256": None,
        "channel_means": [0, 0, 0],
    }
