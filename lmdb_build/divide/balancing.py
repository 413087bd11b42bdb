"""Makes extra training pictures, so that every class has as many as the largest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from common.files import atomic_file
from common.tasks import Task
from faces.pictures import decode, read_bytes

from ..samples import Sample

if TYPE_CHECKING:
    from faces.pictures import Picture

_JPEG_QUALITY = 95
# Of grey levels from 0 to 1.
_NOISE_VARIANCE = 0.01


def flip(picture: Picture, name: str) -> Picture:
    """Exchange left and right."""
    return np.asarray(cv2.flip(picture, 1), np.uint8)


def add_noise(picture: Picture, name: str) -> Picture:
    """Add Gaussian noise of mean 0 and variance 0.01 (grey levels from 0 to 1), and clip. `name` is the seed."""
    # numpy promises that the numbers of RandomState are the same in every version.
    seed = np.frombuffer(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest(), "<u4")
    noisy = np.random.RandomState(seed).standard_normal(picture.shape)
    noisy *= 255 * _NOISE_VARIANCE**0.5
    noisy += picture
    return np.clip(np.rint(noisy, out=noisy), 0, 255, out=noisy).astype(np.uint8)


KINDS: dict[str, Callable[[Picture, str], Picture]] = {"flip": flip, "noise": add_noise}


class Copy(NamedTuple):
    """A picture to be made from a training picture. `number` counts the copies of one kind from 1."""

    original: Sample
    kind: str
    number: int

    @property
    def name(self) -> str:
        """The path below the folder of copies. It is not a UTKFace name, so a copy is never taken for an original."""
        return f"{self.original.name}.{self.kind}{self.number}.jpg"

    def sample(self, folder: Path) -> Sample:
        """Return the copy as a sample, to be drawn in `folder`."""
        return replace(self.original, path=folder / self.name, name=self.name, box=None, landmarks=(), digest="")


def plan_copies(train: Sequence[Sample], task: Task) -> list[Copy]:
    """Return the copies that make every class of `task` as large as the largest.

    Pictures take turns in the order of `train`, and each gives one copy of every kind before the next picture's turn.
    A class without pictures stays empty. Pictures whose class is absent get no copies.
    """
    classes = by_class(train, task)
    largest = max(map(len, classes), default=0)
    kinds = list(KINDS)
    copies = []
    for members in classes:
        for index in range(largest - len(members)):
            turn, kind = divmod(index, len(kinds))
            round_, member = divmod(turn, len(members))
            copies.append(Copy(members[member], kinds[kind], round_ + 1))
    return copies


def by_class(samples: Iterable[Sample], task: Task) -> list[list[Sample]]:
    """Return the samples of each class of `task` that has any, in the order of the classes."""
    classes: dict[float, list[Sample]] = {}
    for sample in samples:
        value = sample.value(task)
        if value is not None:
            classes.setdefault(value, []).append(sample)
    return [classes[value] for value in sorted(classes)]


def draw_copy(copy: Copy, folder: Path) -> bool:
    """Write the copy below `folder` as a JPEG of quality 95. Returns False if the same bytes are there already.

    Raises PictureError if the original cannot be read, MokaError if the copy cannot be written.
    """
    picture = KINDS[copy.kind](decode(read_bytes(copy.original.path)), copy.name)
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    path = folder / copy.name
    if _holds(path, data):
        return False
    with atomic_file(path, force=True, one_of_many=True) as temporary:
        temporary.write_bytes(data)
    return True


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        # Writing will say what is wrong with the path, unless it only does not exist.
        return False
