"""The records of a test database as bytes, and as the parts of them that a network is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from caffe_io.databases.backends import open_database
from caffe_io.datum import datum_to_array, parse_datum
from common.errors import UsageError
from common.messages import shape_text

from .errors import EngineError
from .looks import LOOKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .classifier import Classifier


def read_pictures(classifier: Classifier) -> Iterator[tuple[str, NDArray[np.uint8], int]]:
    """Yield each record of the test database, in the order of the keys: its name, picture and own label.

    A picture (channels x height x width) is decoded as transform_param says, but neither cropped nor scaled. Raises
    EngineError for records that are not bytes.
    """
    transform = classifier.transform.param
    color = True if transform.force_color else False if transform.force_gray else None
    with open_database(classifier.data) as reader:
        for key, value in reader.items():
            name = f'{classifier.source}, record "{key.decode(errors="replace")}"'
            datum = parse_datum(value, name)
            yield name, as_bytes(datum_to_array(datum, name, color), name), datum.label


def read_looks(classifier: Classifier, looks: str) -> Iterator[tuple[list[NDArray[np.uint8]], int]]:
    """Yield, for each record, the parts of its picture that `looks` (a key of LOOKS) shows, and its own label.

    Raises EngineError for records smaller than the crop_size, UsageError if the looks need a crop_size and there is none.
    """
    size = classifier.transform.crop
    if not size and looks not in ("centre", "mirror"):
        raise UsageError(
            f"--looks {looks}: {classifier.transform.place} has no crop_size, so there is one crop to look at."
        )
    for name, picture, label in read_pictures(classifier):
        if size > min(picture.shape[1:]):
            raise EngineError(
                f"{name}: is {shape_text(picture.shape)}, smaller than the crop_size {size} of transform_param. "
                "Correct crop_size, or make the LMDB with larger pictures."
            )
        yield LOOKS[looks](picture, size), label


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
