"""Shows our own net several looks at each picture, where its Data layer shows the centre."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from caffe_io.blobs import Array
from training.layers.data.source import read_batch

from .looks import centre
from .records import read_looks

if TYPE_CHECKING:
    from training.nets.net import Net

    from .classifier import Classifier


def shown(net: Net, classifier: Classifier, looks: str) -> Iterator[list[dict[str, Tensor] | None]]:
    """Yield, for each batch, what to feed the net for each look: None is what its own layers read.

    All other data layers, such as that of the labels, are fed with the same batch in each look.
    """
    batches = math.ceil(classifier.records / classifier.batch_size)
    if looks == "centre":
        for _ in range(batches):
            yield [None]
        return
    place = net.layers[[layer.param.type for layer in net.layers].index("Data")].param.top[0]
    records = _cycled(classifier, looks)
    for _ in range(batches):
        tops = read_batch(net.data_layers())
        batch = [next(records) for _ in range(classifier.batch_size)]
        yield [{**tops, place: torch.from_numpy(np.stack(look))} for look in zip(*batch, strict=True)]


def _cycled(classifier: Classifier, looks: str) -> Iterator[list[Array]]:
    """Yield the looks at each record as the net takes them, with mean and scale, and start again after the last."""
    transform = classifier.transform
    mean: Array | None = None
    while True:
        for pictures, _ in read_looks(classifier, looks):
            if mean is None:
                found = transform.mean(len(pictures[0]))
                mean = np.zeros((1, 1, 1), np.float32) if found is None else found
                if mean.shape[1] > 1:
                    # The mean that the compiled network has inside, for every look.
                    mean = centre(mean, transform.crop)[0]  # type: ignore[arg-type, assignment]
            yield [(picture - mean) * np.float32(transform.scale) for picture in pictures]
