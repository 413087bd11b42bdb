"""--mean_file: compared with the card, never used."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.card import read_cards
from common.errors import MeanError
from inference.mean import check_mean
from kits.inference import card_of, with_mean, write_card

MEAN = np.random.default_rng(3).uniform(60, 180, (3, 24, 20)).astype(np.float32)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    folder = tmp_path / "graph"
    folder.mkdir()
    for name in ("AgeNet", "GenderNet"):
        write_card(folder, with_mean(card_of(name), MEAN))
    return folder


def saved(path: Path, mean: NDArray[np.generic]) -> Path:
    np.save(path, mean)
    return path


def test_the_hash_is_the_contract(graph: Path) -> None:
    """sha256 over float32, little-endian, C order, written out here by struct and not by numpy."""
    import struct

    data = struct.pack(f"<{MEAN.size}f", *(float(v) for plane in MEAN for row in plane for v in row))
    assert read_cards(graph)[0].mean.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    "same", [MEAN, MEAN.astype(np.float64), np.asfortranarray(MEAN), MEAN.astype(">f4")], ids=["f4", "f8", "F", "big"]
)
def test_the_right_one_in_any_storage(graph: Path, tmp_path: Path, same: NDArray[np.floating]) -> None:
    check_mean(saved(tmp_path / "mean.npy", same), read_cards(graph))


def test_another_mean(graph: Path, tmp_path: Path) -> None:
    other = MEAN.copy()
    other[2, 23, 19] += 0.001
    with pytest.raises(
        MeanError, match=r"mean\.npy: is not the mean that AgeNet was trained and compiled with"
    ) as caught:
        check_mean(saved(tmp_path / "mean.npy", other), read_cards(graph))
    assert "The mean is already inside the network" in str(caught.value)


def test_right_for_one_network_only(graph: Path, tmp_path: Path) -> None:
    write_card(graph, with_mean(card_of("GenderNet"), MEAN + 1))
    with pytest.raises(MeanError, match="is not the mean that GenderNet"):
        check_mean(saved(tmp_path / "mean.npy", MEAN), read_cards(graph))


@pytest.mark.parametrize(
    ("mean", "words"),
    [
        (MEAN[:, :20], "is 3x20x20; AgeNet takes 3x24x20"),
        (MEAN[:1], "is 1x24x20"),
        (MEAN[None], "holds float32 values, 1x3x24x20; expected float32"),
        (MEAN.mean((1, 2)), "holds float32 values, 3; expected"),
        (MEAN.astype(np.uint8), "holds uint8 values, 3x24x20; expected"),
        (np.float32(1), "holds float32 values, scalar; expected"),
    ],
)
def test_other_shapes_and_types(graph: Path, tmp_path: Path, mean: NDArray[np.generic], words: str) -> None:
    with pytest.raises(MeanError) as caught:
        check_mean(saved(tmp_path / "mean.npy", mean), read_cards(graph))
    assert words in str(caught.value)


def test_files_that_are_no_npy(graph: Path, tmp_path: Path) -> None:
    path = tmp_path / "mean.npy"
    cards = read_cards(graph)
    with pytest.raises(MeanError, match="there is no such file"):
        check_mean(path, cards)
    for content in (b"", b"text", saved(tmp_path / "good.npy", MEAN).read_bytes()[:500]):
        path.write_bytes(content)
        with pytest.raises(MeanError, match=r"is no \.npy file, or a damaged one"):
            check_mean(path, cards)
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(MeanError, match=r"is no \.npy file, or a damaged one"):
        check_mean(path, cards)
    with path.open("wb") as file:
        np.savez(file, MEAN)
    with pytest.raises(MeanError, match=r"is a \.npz archive"):
        check_mean(path, cards)
    with pytest.raises(MeanError, match="cannot be read"):
        check_mean(tmp_path, cards)


def test_a_network_without_a_mean(tmp_path: Path) -> None:
    write_card(tmp_path, card_of())
    with pytest.raises(MeanError, match=r"ColourNet subtracts no mean .*Leave out --mean_file"):
        check_mean(saved(tmp_path / "mean.npy", MEAN), read_cards(tmp_path))


def test_a_larger_mean_that_the_compiler_cropped(tmp_path: Path) -> None:
    """The card hashes the file as it is: 256 x 256 for a net that takes 227 x 227, for example."""
    larger = np.random.default_rng(4).uniform(60, 180, (3, 30, 26)).astype(np.float32)
    write_card(tmp_path, with_mean(card_of(), larger))
    check_mean(saved(tmp_path / "mean.npy", larger), read_cards(tmp_path))
    with pytest.raises(MeanError, match="is not the mean that ColourNet"):
        check_mean(saved(tmp_path / "other.npy", larger + 1), read_cards(tmp_path))


def test_a_network_with_mean_values(tmp_path: Path) -> None:
    mean = {"inside": True, "kind": "values", "sha256": None, "channel_means": [104, 117, 123]}
    write_card(tmp_path, card_of(mean=mean))
    with pytest.raises(MeanError, match="subtracts one value per channel"):
        check_mean(saved(tmp_path / "mean.npy", MEAN), read_cards(tmp_path))


def test_another_file_is_named(graph: Path, tmp_path: Path) -> None:
    (tmp_path / "mean.npy").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    with pytest.raises(MeanError, match=r"is no \.npy file, .* It is a Git LFS pointer, not the file itself"):
        check_mean(tmp_path / "mean.npy", read_cards(graph))


def test_files_that_are_no_files(graph: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.npy")
    for path, words in (
        (tmp_path / "fifo.npy", "cannot be read .a FIFO"),
        ("/dev/zero", "cannot be read .a device"),
        ("a\0b.npy", "its name holds a NUL byte"),
    ):
        with pytest.raises(MeanError, match=words):
            check_mean(path, read_cards(graph))
