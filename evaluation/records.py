"""The records of a test database as phase TEST shows them to a compiled network: bytes, cropped at the centre."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from caffe_io.databases.backends import open_database
from caffe_io.datum import datum_to_array, parse_datum
from common.messages import shape_text

from .errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .classifier import Classifier


def read_pictures(classifier: Classifier) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Yield each record of the test database, in the order of the keys: its picture (channels x height x width), its label.

    A picture is decoded and cropped as transform_param says. Mean and scale are left to the network. Raises EngineError
    for records that are no bytes, or smaller than the crop, and if their labels are not those that count.
    """
    if not classifier.own_labels:
        raise EngineError(
            f'{classifier.transform.place}: makes no "{classifier.label}", so the labels of its records are not those that '
            "count. Use --engine torch or caffe."
        )
    transform = classifier.transform.param
    color = True if transform.force_color else False if transform.force_gray else None
    with open_database(classifier.data) as reader:
        for key, value in reader.items():
            name = f'{classifier.source}, record "{key.decode(errors="replace")}"'
            datum = parse_datum(value, name)
            picture = centre(datum_to_array(datum, name, color), transform.crop_size, name)
            yield as_bytes(picture, name), datum.label


def centre(picture: NDArray[np.generic], size: int, name: str) -> NDArray[np.generic]:
    """Return the central size x size pixels of a picture, or all of it if `size` is 0."""
    height, width = picture.shape[1:]
    if not size:
        return picture
    if size > min(height, width):
        raise EngineError(
            f"{name}: is {shape_text(picture.shape)}, smaller than the crop_size {size} of transform_param. "
            "Correct crop_size, or make the LMDB with larger pictures."
        )
    top, left = (height - size) // 2, (width - size) // 2
    return picture[:, top : top + size, left : left + size]


def as_bytes(picture: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    """Return a picture as uint8. A record of float_data may hold whole numbers from 0 to 255."""
    with np.errstate(invalid="ignore"):
        found = picture.astype(np.uint8)
    if picture.dtype != np.uint8 and not np.array_equal(found, picture):
        raise EngineError(
            f"{name}: holds numbers that are not bytes (0 to 255), which is all that a compiled network takes. "
            "Use --engine torch."
        )
    return found
