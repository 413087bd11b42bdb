"""Tasks: their classes, in the order that every LMDB holds."""

from __future__ import annotations

import pytest

from common.card import ClassOutput, read_net_card
from common.places import ROOT, net_files
from common.tasks import AGE_RANGES, FEMALE, MALE, OLDEST, TASKS, age_class
from kits.lmdb_build import AGE_NAMES


@pytest.mark.parametrize(("age", "name"), AGE_NAMES)
def test_age_class(age: int, name: str) -> None:
    assert TASKS["age"].classes[age_class(age)] == name


def test_every_age_has_one_class() -> None:
    assert [age_class(age) for age in range(OLDEST + 1)] == [min(age // 10, 8) for age in range(OLDEST + 1)]
    assert [first for first, _ in AGE_RANGES[1:]] == [last + 1 for _, last in AGE_RANGES[:-1]]


@pytest.mark.parametrize("age", [-1, 121])
def test_an_age_that_nobody_has(age: int) -> None:
    with pytest.raises(ValueError, match=f"age {age} is outside 0-120"):
        age_class(age)


def test_gender_is_numbered_as_in_utkface() -> None:
    """IMDB-WIKI numbers it the other way round."""
    assert TASKS["gender"].classes == ("male", "female")
    assert TASKS["gender"].classes[MALE] == "male"
    assert TASKS["gender"].classes[FEMALE] == "female"


def test_only_an_ordered_task_has_a_one_off() -> None:
    assert {name for name, task in TASKS.items() if task.ordered and task.classes} == {"age", "adience_age"}


@pytest.mark.parametrize(
    ("task", "labels", "value"),
    [
        ("age", {"years": 34.9}, 3),
        ("age", {"gender": 1}, None),
        ("years", {"years": 34.9}, 34.9),
        ("years", {"years": 116}, 100),
        ("gender", {"years": 3, "gender": 1}, 1),
        ("adience_age", {"years": 32.5}, 4),
        ("adience_age", {"years": 33}, None),
        ("adience_age", {"years": 101}, None),
        ("adience_age", {"years": 3, "adience_age": 7}, 7),
        ("apparent_years", {"years": 3}, None),
        ("smile", {}, None),
    ],
)
def test_what_labels_say_about_a_task(task: str, labels: dict[str, float], value: float | None) -> None:
    assert TASKS[task].value(labels) == value


def test_adience_has_its_published_classes() -> None:
    assert TASKS["adience_age"].classes[1::6] == ("(4-6)", "(60-100)")
    assert len(TASKS["adience_age"].classes) == 8


@pytest.mark.parametrize("net", ["AgeNet", "GenderNet"])
def test_the_cards_have_the_classes_of_their_tasks(net: str) -> None:
    (output,) = read_net_card(net_files(net, ROOT / "prototxt").card).outputs
    assert isinstance(output, ClassOutput)
    assert tuple(output.classes) == TASKS[output.task].classes
