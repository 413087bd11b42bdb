"""Changes to training pictures: each kind against what it says, and the draws apart from those of crop and mirror."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter, Phase
from caffe_io.databases.lmdb_store import write_lmdb
from caffe_io.datum import array_to_datum
from caffe_io.prototxt import parse_text
from training.layers.data.augment import Augmentation, Blur, Erase, Grey, Light, Noise, Pad, Warp
from training.nets.net import Net


def picture(height: int = 20, width: int = 30, channels: int = 3) -> np.ndarray:
    cloud = np.random.default_rng(0).uniform(40, 200, (5, 7, channels))
    large = cv2.resize(cloud, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(large.reshape(height, width, channels), 1, 255).astype(np.uint8)


def draws() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_keeps_size_type_and_the_picture_that_it_was_given(channels: int) -> None:
    before = picture(channels=channels)
    warp, light = Warp(rotate=20, scale=(0.8, 1.2), shift=0.1), Light(contrast=0.5)
    for kind in (Pad(pixels=3), warp, Blur(), light, Grey(), Noise(), Erase()):
        kind = kind.model_copy(update={"probability": 1.0})
        given = before.copy()
        after = kind(given, draws())
        assert (after.shape, after.dtype) == (before.shape, np.uint8)
        assert (given == before).all(), type(kind).__name__


def test_pad_moves_by_at_most_its_pixels_and_fills_with_black() -> None:
    before, random = picture(), draws()
    seen = set()
    for _ in range(200):
        after = Pad(pixels=2)(before, random)
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)))
        places = [(y, x) for y in range(5) for x in range(5) if (padded[y : y + 20, x : x + 30] == after).all()]
        assert len(places) == 1
        seen.add(places[0])
    assert len(seen) == 25


def test_warp_that_changes_nothing_is_the_picture() -> None:
    assert (Warp()(picture(), draws()) == picture()).all()


def test_warp_rotates_by_at_most_its_degrees_about_the_middle() -> None:
    """A bright dot to the right of the middle tells the angle, one in the middle stays."""
    before = np.zeros((101, 101, 3), np.uint8)
    before[49:52, 79:82] = 255
    random = draws()
    angles = []
    for _ in range(100):
        after = Warp(rotate=30)(before, random)[:, :, 0].astype(float)
        rows, columns = np.indices(after.shape)
        y, x = (rows * after).sum() / after.sum() - 50, (columns * after).sum() / after.sum() - 50
        assert np.hypot(x, y) == pytest.approx(30, abs=0.3)
        angles.append(np.degrees(np.arctan2(y, x)))
    assert -30.5 < min(angles) < -20
    assert 20 < max(angles) < 30.5


def test_warp_enlarges_and_repeats_the_border() -> None:
    before = np.full((40, 40, 3), 9, np.uint8)
    before[10:30, 10:30] = 200
    larger = Warp(scale=(2.0, 2.0))(before, draws())
    smaller = Warp(scale=(0.5, 0.5))(before, draws())
    assert (larger[2:-2, 2:-2] == 200).all()
    assert (smaller[:8] == 9).all()
    assert 80 < (smaller[:, :, 0] == 200).sum() < 120


def test_light_is_a_line_in_the_grey_level() -> None:
    before = picture()
    brighter = Light(brightness=0.2)(before, draws())
    random = draws()
    # The draws in the order of the kind: whether, contrast, brightness.
    random.random()
    random.uniform()
    added = 255 * random.uniform(-0.2, 0.2)
    assert abs(brighter.astype(float) - np.clip(before + added, 0, 255)).max() <= 0.5
    contrast = Light(contrast=0.5)(before, draws()).astype(float)
    assert contrast.mean() == pytest.approx(before.mean(), abs=1)
    assert contrast.std() != pytest.approx(before.std(), rel=0.02)


def test_grey_makes_the_channels_equal() -> None:
    after = Grey(probability=1.0)(picture(), draws())
    assert (after == cv2.cvtColor(picture(), cv2.COLOR_BGR2GRAY)[:, :, None]).all()


def test_blur_spreads_a_dot_by_its_sigma() -> None:
    """A bright line becomes a Gaussian, whose spread tells sigma; the border is no edge to it."""
    before, random = np.full((61, 61, 1), 20, np.uint8), draws()
    before[:, 30] = 220
    spreads = []
    for _ in range(100):
        row = Blur(sigma=(1.0, 3.0))(before, random)[30, :, 0].astype(float) - 20
        spreads.append(np.sqrt((row * (np.arange(61) - 30.0) ** 2).sum() / row.sum()))
    assert 0.9 < min(spreads) < 1.3
    assert 2.6 < max(spreads) < 3.1
    even = np.full((9, 9, 3), 77, np.uint8)
    assert (Blur()(even, random) == even).all()


def test_noise_has_no_mean_and_at_most_its_sigma() -> None:
    before, random = np.full((64, 64, 3), 128, np.uint8), draws()
    changes = [Noise(sigma=0.1)(before, random).astype(float) - 128 for _ in range(100)]
    assert all(abs(change.mean()) < 1 for change in changes)
    spreads = [change.std() for change in changes]
    assert min(spreads) < 2
    assert 23 < max(spreads) < 26.5
    # Each channel has its own, and nothing runs over.
    assert abs(np.corrcoef(changes[0][..., 0].ravel(), changes[0][..., 1].ravel())[0, 1]) < 0.1
    bright = Noise(sigma=0.5)(np.full((64, 64, 3), 255, np.uint8), random)
    assert (bright > 250).mean() > 0.4


def test_erase_fills_one_box_of_the_stated_area() -> None:
    before, random = picture(60, 60), draws()
    for _ in range(50):
        changed = (Erase(probability=1.0, area=(0.1, 0.2), aspect=(0.5, 2))(before, random) != before).any(2)
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert 0.08 * 3600 < box < 0.22 * 3600
        # Pixels that already had the level are not counted.
        assert changed.sum() > 0.9 * box


def test_probability_is_the_share_of_pictures() -> None:
    random = draws()
    changed = sum((Grey(probability=0.25)(picture(), random) != picture()).any() for _ in range(400))
    assert 70 < changed < 130


def test_records_of_floats_are_left_alone() -> None:
    labels = np.array([[[2.0]], [[-1.0]]], np.float32)
    assert Augmentation(erase=Erase(probability=1.0)).apply(labels, draws()) is labels


NET = """
layer {{ name: "data" type: "Data" top: "data" top: "label" {extra}
  data_param {{ source: "{source}" backend: LMDB batch_size: 3 }} }}
"""


def batches(
    folder: Path, phase: Phase.ValueType, augmentation: Augmentation | None, extra: str = ""
) -> list[np.ndarray]:
    if not (folder / "db").exists():
        with write_lmdb(folder / "db") as database:
            for index in range(4):
                database.put(
                    b"%d" % index, array_to_datum(picture(12, 12).transpose(2, 0, 1).copy(), index).SerializeToString()
                )
    net = Net(parse_text(NET.format(source=folder / "db", extra=extra), NetParameter(), "net"), phase, seed=5)
    net.context.augmentation = augmentation
    found = []
    for _ in range(4):
        net.forward()
        found.append(net.blobs["data"].numpy().copy())
    net.close()
    return found


def test_only_training_pictures_change_and_a_seed_repeats_them(tmp_path: Path) -> None:
    warp = Augmentation(warp=Warp(rotate=30))
    plain = batches(tmp_path, TRAIN, None)
    changed = batches(tmp_path, TRAIN, warp)
    assert all((a != b).any() for a, b in zip(plain, changed, strict=True))
    assert all((a == b).all() for a, b in zip(changed, batches(tmp_path, TRAIN, warp), strict=True))
    assert all((a == b).all() for a, b in zip(plain, batches(tmp_path, TEST, warp), strict=True))
    assert (changed[0] != changed[1]).any()


def test_crop_and_mirror_are_drawn_as_without_augmentation(tmp_path: Path) -> None:
    extra = "transform_param { crop_size: 8 mirror: true }"
    nothing = Augmentation(erase=Erase(probability=0.0), warp=Warp(probability=0.0))
    plain, same = batches(tmp_path, TRAIN, None, extra), batches(tmp_path, TRAIN, nothing, extra)
    assert all((a == b).all() for a, b in zip(plain, same, strict=True))
