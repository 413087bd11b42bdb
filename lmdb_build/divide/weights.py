"""Balance without extra pictures: repeats of pictures, and weights of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from common.tasks import Task

from ..samples import Sample
from .balancing import by_class


def plan_repeats(train: Sequence[Sample], task: Task, halfway: bool = False) -> list[Sample]:
    """Return the samples to list again, so that every class of `task` is as large as the largest.

    `halfway`: as large as the geometric mean of its own size and the largest. A class of 25 pictures beside one of 900
    then counts as 150: six times as much as by itself, and not 36 times the same pictures.
    """
    classes = by_class(train, task)
    largest = max(map(len, classes), default=0)
    wanted = [round(math.sqrt(len(members) * largest)) if halfway else largest for members in classes]
    return [
        members[index % len(members)]
        for members, size in zip(classes, wanted, strict=True)
        for index in range(size - len(members))
    ]


def class_weights(train: Sequence[Sample], task: Task) -> list[float]:
    """Return a weight for each class of `task`: inversely proportional to its pictures, and 1 on average over them.

    A class without pictures has the weight 0.
    """
    counts = [0] * len(task.classes)
    for sample in train:
        value = sample.value(task)
        if value is not None:
            counts[int(value)] += 1
    present = sum(map(bool, counts))
    return [sum(counts) / (present * count) if count else 0.0 for count in counts]


def infogain_matrix(weights: Sequence[float]) -> bytes:
    """Return the matrix of an InfogainLoss as a binaryproto, 1x1xCxC: the weights on its diagonal."""
    import numpy as np

    from caffe_io.blobs import array_to_blob

    return array_to_blob(np.diag(weights), legacy_shape=True).SerializeToString()
