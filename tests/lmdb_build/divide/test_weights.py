"""Repeats, and weights of classes as Caffe's InfogainLoss reads them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from caffe_io.blobs import blob_to_array
from caffe_io.caffe_pb2 import BlobProto
from common.tasks import TASKS
from lmdb_build.divide.weights import class_weights, infogain_matrix, plan_repeats
from lmdb_build.samples import Sample

ADIENCE = TASKS["adience_age"]


def samples(*counts: int) -> list[Sample]:
    return [
        Sample(Path(f"{age}/{number}"), f"{age}/{number}", {"adience_age": float(age)})
        for age, count in enumerate(counts)
        for number in range(count)
    ]


def test_repeats_make_every_class_as_large_as_the_largest() -> None:
    train = [*samples(7, 2, 0, 3), Sample(Path("x"), "x", {"gender": 1})]
    after = Counter(one.value(ADIENCE) for one in [*train, *plan_repeats(train, ADIENCE)])
    assert after == {0: 7, 1: 7, 3: 7, None: 1}
    assert max(Counter(one.name for one in plan_repeats(train, ADIENCE)).values()) == 3


def test_halfway_a_class_has_the_geometric_mean_of_its_size_and_the_largest() -> None:
    train = samples(100, 25, 0, 1)
    added = plan_repeats(train, ADIENCE, halfway=True)
    assert Counter(one.value(ADIENCE) for one in [*train, *added]) == {0: 100, 1: 50, 3: 10}
    # Every picture of a class has its turn before one comes again.
    assert set(Counter(one.name for one in added if one.name.startswith("1/")).values()) == {1}


def test_weights_are_one_on_average_and_make_classes_equal() -> None:
    counts = (10, 5, 0, 1)
    weights = class_weights(samples(*counts), ADIENCE)
    weighed = [weight * count for weight, count in zip(weights, counts, strict=False)]
    assert np.allclose(weighed, [16 / 3, 16 / 3, 0, 16 / 3])
    assert weights[4:] == [0, 0, 0, 0]


def test_the_matrix_is_a_diagonal_in_caffes_form() -> None:
    blob = BlobProto.FromString(infogain_matrix([0.5, 2, 0]))
    assert (blob.num, blob.channels, blob.height, blob.width) == (1, 1, 3, 3)
    assert np.array_equal(blob_to_array(blob, "H")[0, 0], np.diag([0.5, 2, 0]))
