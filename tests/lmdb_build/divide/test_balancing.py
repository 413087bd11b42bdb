from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import MokaError, PictureError
from common.tasks import TASKS
from kits.lmdb_build import picture, snapshot, write_faces
from lmdb_build.divide.balancing import Copy, add_noise, draw_copy, flip, plan_copies
from lmdb_build.samples import Sample

AGE = TASKS["age"]


def samples(*counts: int) -> list[Sample]:
    """`counts[n]` samples of age class n."""
    return [
        Sample(Path(f"{age}/{number}.jpg"), f"{age}/{number}.jpg", {"years": age * 10, "gender": 0})
        for age, count in enumerate(counts)
        for number in range(count)
    ]


@pytest.mark.parametrize(
    "counts", [(7, 4, 1), (10, 9), (5, 5), (101, 2, 1, 50), (0, 3, 0, 8), (1,), (3, 0, 0, 0, 0, 0, 0, 0, 2)]
)
def test_every_class_gets_exactly_the_largest_count(counts: tuple[int, ...]) -> None:
    train = samples(*counts)
    after = Counter(
        sample.value(AGE) for sample in [*train, *(copy.sample(Path("x")) for copy in plan_copies(train, AGE))]
    )
    assert after == {age: max(counts) for age, count in enumerate(counts) if count}


def test_flip_and_noise_alternate_and_cycle_through_the_class() -> None:
    copies = plan_copies(samples(9, 2), AGE)
    assert [copy.name for copy in copies] == [
        "1/0.jpg.flip1.jpg",
        "1/0.jpg.noise1.jpg",
        "1/1.jpg.flip1.jpg",
        "1/1.jpg.noise1.jpg",
        "1/0.jpg.flip2.jpg",
        "1/0.jpg.noise2.jpg",
        "1/1.jpg.flip2.jpg",
    ]


def test_names_are_never_used_twice() -> None:
    copies = plan_copies(samples(500, 3, 1, 77), AGE)
    assert len({copy.name for copy in copies}) == len(copies)


def test_flip() -> None:
    original = picture()
    assert np.array_equal(flip(original, ""), original[:, ::-1])


def test_noise_has_the_stated_mean_and_variance_and_its_own_seed() -> None:
    grey = np.full((400, 400, 3), 128, np.uint8)
    noise = add_noise(grey, "a").astype(float) / 255 - 128 / 255
    assert abs(noise.mean()) < 1e-3
    assert noise.var() == pytest.approx(0.01, rel=0.02)
    assert np.array_equal(add_noise(grey, "a"), add_noise(grey, "a"))
    assert not np.array_equal(add_noise(grey, "a"), add_noise(grey, "b"))


def test_noise_is_clipped_and_not_wrapped() -> None:
    white = add_noise(np.full((100, 100, 3), 255, np.uint8), "a")
    black = add_noise(np.zeros((100, 100, 3), np.uint8), "a")
    assert white.min() > 100
    assert black.max() < 155


def test_a_copy_is_drawn_once_and_left_alone_after_that(tmp_path: Path) -> None:
    (face,) = write_faces(tmp_path / "faces", [(30, 0)])
    original = Sample(face, face.name, {"years": 30, "gender": 0})
    for kind in ("flip", "noise"):
        assert draw_copy(Copy(original, kind, 1), tmp_path / "out")
    before = snapshot(tmp_path / "out")
    assert set(before) == {f"{face.name}.flip1.jpg", f"{face.name}.noise1.jpg"}
    for kind in ("flip", "noise"):
        assert not draw_copy(Copy(original, kind, 1), tmp_path / "out")
    assert snapshot(tmp_path / "out") == before
    flipped, mirror = cv2.imread(str(tmp_path / "out" / f"{face.name}.flip1.jpg")), cv2.imread(str(face))[:, ::-1]
    assert np.abs(flipped.astype(int) - mirror).mean() < 3  # JPEG of quality 95


def test_a_damaged_copy_is_drawn_again(tmp_path: Path) -> None:
    (face,) = write_faces(tmp_path / "faces", [(30, 0)])
    copy = Copy(Sample(face, face.name, {"years": 30, "gender": 0}), "noise", 1)
    draw_copy(copy, tmp_path / "out")
    good = (tmp_path / "out" / copy.name).read_bytes()
    (tmp_path / "out" / copy.name).write_bytes(good[:100])
    assert draw_copy(copy, tmp_path / "out")
    assert (tmp_path / "out" / copy.name).read_bytes() == good


def test_a_folder_that_cannot_be_written_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    (face,) = write_faces(tmp_path / "faces", [(30, 0)])
    (tmp_path / "out").write_text("a file where the folder should be")
    with pytest.raises(MokaError, match="cannot be written"):
        draw_copy(Copy(Sample(face, face.name, {"years": 30, "gender": 0}), "flip", 1), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "out"]


def test_an_original_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no such file"):
        draw_copy(Copy(Sample(tmp_path / "gone.jpg", "gone.jpg", {"years": 30, "gender": 0}), "flip", 1), tmp_path)
