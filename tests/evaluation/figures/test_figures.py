"""Figures of bins and of calibration by hand, and the others against scikit-learn; intervals; groups."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from common.places import ROOT
from common.tasks import TASKS
from evaluation.figures.groups import by_decade, figures_by_group, why_no_decades
from evaluation.figures.intervals import RESAMPLES, group_numbers, intervals, resampled_means
from evaluation.figures.metrics import METRICS, figures
from evaluation.predictions import Predictions


def ages(labels: list[float], shares: list[dict[int, float]], people: list[str] | None = None) -> Predictions:
    """Distributions over the years 0 to 100 from year -> share."""
    probabilities = np.zeros((len(labels), 101), np.float32)
    for row, each in zip(probabilities, shares, strict=True):
        for year, share in each.items():
            row[year] = share
    keys = [str(i) for i in range(len(labels))]
    bins = list(range(101))
    return Predictions(keys, np.array(labels, float), probabilities, (), "age", bins=bins, people=people or ())


def test_errors_of_a_distribution() -> None:
    found = figures(ages([30, 40, 8], [{20: 0.4, 30: 0.6}, {40: 1}, {10: 0.5, 20: 0.5}]))
    # Expected values 26, 40, 15; most probable bins 30, 40, 10.
    assert found["mae"] == pytest.approx((4 + 0 + 7) / 3)
    assert found["mae_of_argmax"] == pytest.approx(2 / 3)
    assert found["median_error"] == pytest.approx(4)
    assert (found["cs_3"], found["cs_5"], found["cs_10"]) == pytest.approx((1 / 3, 2 / 3, 1))
    assert found["baseline_mae"] == pytest.approx((0 + 10 + 22) / 3)
    assert "accuracy" not in found
    assert "confusion_matrix" not in found


def test_decades_have_the_probability_of_their_years() -> None:
    found = by_decade(ages([34, 85, 100], [{29: 0.3, 30: 0.35, 39: 0.35}, {79: 0.6, 80: 0.4}, {100: 1}]))
    assert found is not None
    assert found.classes == TASKS["age"].classes
    assert found.labels.tolist() == [3, 8, 8]
    assert found.probabilities.argmax(1).tolist() == [3, 7, 8]
    assert figures(found)["one_off_accuracy"] == 1
    assert figures(found)["accuracy"] == pytest.approx(2 / 3)


def test_labels_older_than_the_classes_leave_the_decades_out() -> None:
    found = ages([34, 121], [{30: 1}, {100: 1}])
    assert by_decade(found) is None
    assert why_no_decades(found) == ["age by decade is left out: a label is 121 years, and the classes end at 120."]
    assert figures(found)["mae"] == pytest.approx(12.5)
    decades = by_decade(ages([34.9, 120.9], [{30: 1}, {100: 1}]))
    assert decades is not None and decades.labels.tolist() == [3, 8]


def random_predictions(classes: int, count: int = 300) -> Predictions:
    random = np.random.default_rng(classes)
    labels = random.integers(0, classes, count)
    scores = random.dirichlet(np.ones(classes), count).astype(np.float32)
    scores[np.arange(count), labels] += 0.2
    scores /= scores.sum(1, keepdims=True)
    names = [f"c{i}" for i in range(classes)]
    return Predictions([str(i) for i in range(count)], labels, scores, names, "other")


def test_against_scikit_learn() -> None:
    given = random_predictions(6)
    found = figures(given)
    assert found["mean_recall"] == pytest.approx(balanced_accuracy_score(given.labels, given.probabilities.argmax(1)))
    for k in (2, 3):
        expected = top_k_accuracy_score(given.labels, given.probabilities, k=k, labels=range(6))
        assert found[f"top_{k}_accuracy"] == pytest.approx(expected)


def test_macro_f1_by_hand() -> None:
    labels, answers = np.array([0, 0, 0, 1, 1, 2]), [0, 0, 1, 1, 2, 2]
    probabilities = np.eye(4, dtype=np.float32)[answers]
    found = figures(Predictions(list("abcdef"), labels, probabilities, list("wxyz"), "other"))
    # Precision and recall: 1, 2/3; 1/2, 1/2; 1/2, 1. The fourth class has no records.
    assert found["macro_f1"] == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    given = random_predictions(2)
    scores = given.probabilities[:, 1].astype(float)
    ones, zeros = scores[given.labels == 1], scores[given.labels == 0]
    expected = ((ones[:, None] > zeros).mean() + (ones[:, None] == zeros).mean() / 2).item()
    assert figures(given)["auc"] == pytest.approx(expected)
    assert figures(given)["roc"][0] == [0, 0]
    assert figures(given)["roc"][-1] == [1, 1]


def test_calibration_by_hand() -> None:
    sure = np.array([0.95, 0.95, 0.95, 0.95, 0.65, 0.65], np.float32)
    probabilities = np.stack([sure, 1 - sure], 1)
    labels = np.array([0, 0, 0, 1, 0, 1])
    found = figures(Predictions(list("abcdef"), labels, probabilities, ["x", "y"], "other"))
    assert [part["pictures"] for part in found["reliability"]] == [2, 4]
    assert found["calibration_error"] == pytest.approx((2 * abs(0.65 - 0.5) + 4 * abs(0.95 - 0.75)) / 6, abs=1e-6)


def test_intervals_of_independent_pictures_are_those_of_the_binomial() -> None:
    given = random_predictions(2, 1000)
    low, high = intervals(given)["accuracy"]
    share = figures(given)["accuracy"]
    error = 1.96 * figures(given)["standard_error"]
    assert (low, high) == (pytest.approx(share - error, abs=0.006), pytest.approx(share + error, abs=0.006))
    assert intervals(given) == intervals(given)


def test_pictures_of_one_person_make_the_interval_wider() -> None:
    """Ten equal pictures a person say no more than one."""
    shares = [{30: 1.0} if i % 2 else {40: 1.0} for i in range(40)]
    one = ages([30.0] * 40, shares)
    ten = ages([30.0] * 400, [each for each in shares for _ in range(10)], [f"p{i // 10}" for i in range(400)])
    strangers = ages([30.0] * 400, [each for each in shares for _ in range(10)])
    width = {name: np.diff(intervals(each)["mae"])[0] for name, each in (("1", one), ("10", ten), ("400", strangers))}
    assert width["10"] == pytest.approx(width["1"], rel=0.1)
    assert width["400"] == pytest.approx(width["1"] / 10**0.5, rel=0.15)


def test_one_person_alone_has_no_interval() -> None:
    """An interval without width would claim certainty."""
    given = ages([30.0] * 4, [{30: 1.0}] * 4, ["a"] * 4)
    assert intervals(given) == {}
    assert intervals(ages([30.0], [{30: 1.0}])) == {}
    assert intervals(dataclasses.replace(given, people=["a", "a", "b", "b"]))["mae"] == [0, 0]


def test_the_bootstrap_against_the_multinomial() -> None:
    """How often each person is drawn, for all resamples at once."""
    random = np.random.default_rng(1)
    groups = np.unique(random.integers(0, 50, 400), return_inverse=True)[1]
    values = random.normal(size=(2, 400)) + groups / 10
    found = resampled_means(values, groups)
    draws = random.multinomial(50, np.full(50, 1 / 50), size=20000)
    sums = np.stack([np.bincount(groups, weights=row) for row in values])
    expected = sums @ draws.T / (np.bincount(groups) @ draws.T)
    assert found.shape == (2, RESAMPLES)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.mean() == pytest.approx(theirs.mean(), abs=0.03)
        assert ours.std() == pytest.approx(theirs.std(), rel=0.06)
        assert np.percentile(ours, [2.5, 97.5]) == pytest.approx(np.percentile(theirs, [2.5, 97.5]), abs=0.07)
    np.testing.assert_array_equal(found, resampled_means(values, groups))


def test_the_bootstrap_needs_no_memory_for_all_resamples_at_once() -> None:
    tracemalloc.start()
    try:
        resampled_means(np.ones((3, 5000)), np.arange(5000))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < RESAMPLES * 5000


def test_records_of_nobody_known_are_groups_of_their_own() -> None:
    given = ages([1, 2, 3, 4], [{1: 1}] * 4, ["a", "", "a", ""])
    numbers = group_numbers(given).tolist()
    assert numbers[0] == numbers[2]
    assert len(set(numbers)) == 3


def test_groups() -> None:
    given = ages([30, 40, 50], [{30: 1}, {42: 1}, {54: 1}])
    found = figures_by_group(
        given, {"gender": {"0": "male", "1": "female", "2": "female", "9": "male"}, "one": {"0": "x"}}
    )
    assert found == {
        "gender": {
            "male": {"pictures": 1, "mae": 0, "cs_5": 1},
            "female": {"pictures": 2, "mae": pytest.approx(3), "cs_5": 1},
        }
    }


def test_the_document_defines_every_figure() -> None:
    text = (ROOT / "docs/evaluation.md").read_text()
    for name, metric in METRICS.items():
        assert f"`{name}`" in text, name
        definition = (metric.__doc__ or "").replace("|", "\\|")
        if not name.startswith(("top_", "cs_", "roc", "auc")):
            assert definition in text, f"{name}: {definition}"
