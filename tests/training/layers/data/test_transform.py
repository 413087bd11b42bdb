"""transform_param against plain slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import TransformationParameter
from caffe_io.mean import write_mean
from common.errors import MeanError
from training.errors import TrainingError
from training.layers.data.transform import DataTransformer

SHAPE = (3, 6, 7)


def transformer(text: str, training: bool = True, shape: tuple[int, int, int] = SHAPE) -> DataTransformer:
    return DataTransformer(text_format.Parse(text, TransformationParameter()), training, shape)


def pictures(count: int, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_no_settings() -> None:
    given = pictures(2)
    batch = transformer("")(given, rng())
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch, given)


@pytest.mark.parametrize(
    ("text", "mean"), [("mean_value: 7", [7, 7, 7]), ("mean_value: 1 mean_value: 2 mean_value: 3.5", [1, 2, 3.5])]
)
def test_mean_values_and_scale(text: str, mean: list[float]) -> None:
    given = pictures(2)
    batch = transformer(f"{text} scale: 0.25")(given, rng())
    expected = (np.array(given, float) - np.reshape(mean, (1, 3, 1, 1))) * 0.25
    np.testing.assert_allclose(batch, expected, rtol=1e-6)


@pytest.mark.parametrize("training", [False, True])
def test_the_mean_image_is_cropped_where_the_picture_is(tmp_path: Path, training: bool) -> None:
    mean = np.random.default_rng(9).uniform(0, 255, SHAPE).astype(np.float32)
    write_mean(tmp_path / "mean.binaryproto", mean)
    (picture,) = pictures(1)
    made = transformer(f'mean_file: "{tmp_path}/mean.binaryproto" crop_size: 3 scale: 2', training)
    assert made.shape == (3, 3, 3)
    whole = (picture - mean) * 2
    windows = {(top, left): whole[:, top : top + 3, left : left + 3] for top in range(4) for left in range(5)}
    seen = set()
    for seed in range(200):
        (out,) = made([picture], rng(seed))
        seen |= {place for place, window in windows.items() if np.allclose(out, window)}
    # The centre is at (6 - 3) // 2, (7 - 3) // 2.
    assert seen == (set(windows) if training else {(1, 2)})


def test_a_mean_for_each_channel(tmp_path: Path) -> None:
    """The mean of channel c is 100 c, so that a wrong channel order shows."""
    write_mean(tmp_path / "m", np.arange(3, dtype=np.float32).reshape(3, 1, 1) * 100 + np.zeros(SHAPE, np.float32))
    batch = transformer(f'mean_file: "{tmp_path}/m"')([np.full(SHAPE, 200, np.uint8)], rng())
    np.testing.assert_array_equal(batch[0, :, 0, 0], [200, 100, 0])


@pytest.mark.parametrize("training", [False, True])
def test_mirror_flips_half_of_the_pictures_at_random(training: bool) -> None:
    """Caffe's data transformer considers the phase when it crops, but not when it mirrors."""
    given = pictures(400)
    batch = transformer("mirror: true mean_value: 100", training)(given, rng(2))
    turned = 0
    for out, picture in zip(batch, given, strict=True):
        plain = picture.astype(np.float32) - 100
        is_turned = np.array_equal(out, plain[:, :, ::-1])
        assert is_turned or np.array_equal(out, plain)
        turned += is_turned
    # Five standard deviations.
    assert abs(turned - 200) < 50


def test_only_the_random_numbers_decide() -> None:
    made, given = transformer("crop_size: 2 mirror: true"), pictures(5)
    np.testing.assert_array_equal(made(given, rng(1)), made(given, rng(1)))
    assert not np.array_equal(made(given, rng(1)), made(given, rng(2)))


def test_float_records() -> None:
    given = [np.linspace(-1, 1, 126, dtype=np.float32).reshape(SHAPE)]
    np.testing.assert_allclose(transformer("scale: 3")(given, rng())[0], given[0] * 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crop_size: 7", "crop_size 7 is larger than the records, which are 3x6x7"),
        ("mean_value: 1 mean_value: 2", "2 mean_value; expected one, or one for each of 3 channels"),
        ('mean_value: 1 mean_file: "m"', "both mean_file and mean_value"),
    ],
)
def test_settings_that_do_not_fit(text: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        transformer(text)


def test_a_mean_of_another_size(tmp_path: Path) -> None:
    write_mean(tmp_path / "mean", np.zeros((3, 7, 6), np.float32))
    with pytest.raises(TrainingError, match=r"mean: the mean is 3x7x6 .*the records are 3x6x7.*create_mean\.sh"):
        transformer(f'mean_file: "{tmp_path}/mean"')
    with pytest.raises(MeanError, match=r"none: cannot be read(.|\n)*create_mean\.sh"):
        transformer(f'mean_file: "{tmp_path}/none"')
    with pytest.raises(MeanError, match=r'^mean_file "" names no file'):
        transformer('mean_file: ""')


def test_records_of_other_sizes(tmp_path: Path) -> None:
    transformer("").check(SHAPE, "r")
    for text, shape in [
        ("", (3, 6, 8)),
        ("", (3, 8, 8)),
        ("", (1, 6, 7)),
        ("crop_size: 3", (3, 2, 9)),
        ("crop_size: 3", (1, 6, 7)),
    ]:
        with pytest.raises(TrainingError, match=r"record 5: is .*, but the first record is 3x6x7"):
            transformer(text).check(shape, "record 5")
    write_mean(tmp_path / "mean", np.zeros(SHAPE, np.float32))
    with pytest.raises(TrainingError, match="record 5"):
        transformer(f'mean_file: "{tmp_path}/mean" crop_size: 3').check((3, 8, 8), "record 5")


def test_a_crop_takes_records_of_several_sizes() -> None:
    made = transformer("crop_size: 3", training=False)
    small, large = pictures(1)[0], pictures(1, (3, 9, 5))[0]
    made.check(large.shape, "r")
    batch = made([small, large], rng())
    np.testing.assert_array_equal(batch, [small[:, 1:4, 2:5], large[:, 3:6, 1:4]])
