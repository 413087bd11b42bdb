from __future__ import annotations

import random
from pathlib import Path

import pytest

from common.errors import UsageError
from lmdb_build.divide.splitting import split_samples
from lmdb_build.errors import DatasetError
from lmdb_build.samples import Sample


def samples(count: int) -> list[Sample]:
    return [
        Sample(Path(f"{number}.jpg"), f"{number:05d}.jpg", {"years": number % 100, "gender": 0}, digest=str(number))
        for number in range(count)
    ]


def test_parts_are_disjoint_complete_and_of_the_right_size() -> None:
    everyone = samples(3434)
    train, test = split_samples(everyone, 0.8, 230)
    assert (len(train), len(test)) == (2747, 687)  # as system A's published split of the same set
    assert set(train) | set(test) == set(everyone)


def test_the_order_of_the_samples_and_their_place_do_not_matter() -> None:
    everyone = samples(200)
    elsewhere = [Sample(Path("/other") / one.path, one.name, one.labels, digest=one.digest) for one in everyone]
    random.Random(1).shuffle(elsewhere)
    here, there = split_samples(everyone, 0.7, 1), split_samples(elsewhere, 0.7, 1)
    assert [[one.name for one in part] for part in here] == [[one.name for one in part] for part in there]


def test_another_seed_is_another_split() -> None:
    assert split_samples(samples(200), 0.8, 230)[1] != split_samples(samples(200), 0.8, 231)[1]


@pytest.mark.parametrize("seed", range(20))
def test_files_with_the_same_bytes_stay_together(seed: int) -> None:
    twins = [Sample(one.path, one.name, one.labels, digest=str(int(one.digest) // 3)) for one in samples(60)]
    train, test = split_samples(twins, 0.5, seed)
    assert not {one.digest for one in train} & {one.digest for one in test}
    assert len(train) == 30


@pytest.mark.parametrize("part", [0.0, 1.0, -0.1, 80.0, float("nan")])
def test_a_part_that_is_none(part: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        split_samples(samples(10), part, 0)


@pytest.mark.parametrize(("count", "part"), [(1, 0.5), (3, 0.01), (3, 0.99)])
def test_too_few_pictures_for_two_sides(count: int, part: float) -> None:
    with pytest.raises(DatasetError, match="at least one on each side"):
        split_samples(samples(count), part, 0)
