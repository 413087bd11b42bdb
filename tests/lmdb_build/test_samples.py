from __future__ import annotations

from pathlib import Path

import pytest

from common.tasks import TASKS
from kits.lmdb_build import AGE_NAMES
from lmdb_build.samples import Sample, shuffled


def sample(age: int, gender: int = 0) -> Sample:
    return Sample(Path("x.jpg"), "x.jpg", {"years": age, "gender": gender})


@pytest.mark.parametrize(("age", "name"), AGE_NAMES)
def test_age_class(age: int, name: str) -> None:
    assert TASKS["age"].classes[int(sample(age).value(TASKS["age"]) or 0)] == name


def test_tasks_have_the_published_classes() -> None:
    assert len(TASKS["age"].classes) == 9
    assert TASKS["gender"].classes == ("male", "female")  # UTKFace: 0 male, 1 female
    assert sample(30, 1).value(TASKS["gender"]) == 1


def test_a_sample_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        sample(3).person = "ann"  # type: ignore[misc]
    with pytest.raises(TypeError):
        sample(3).labels["years"] = 4  # type: ignore[index]


def test_shuffled_is_a_fixed_order() -> None:
    # written down once: a change here would silently give every user another split
    assert shuffled(range(12), 230) == [1, 7, 4, 11, 5, 0, 6, 10, 9, 3, 8, 2]
    assert shuffled(range(12), 231) != shuffled(range(12), 230)
    assert sorted(shuffled(range(1000), 5)) == list(range(1000))
