"""Extra training pictures, so that every age class has as many as the largest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from common.tasks import TASKS
from faces.pictures import decode, read_bytes

from .errors import LmdbBuildError
from .samples import Sample

if TYPE_CHECKING:
    from faces.pictures import Picture

_JPEG_QUALITY = 95
_NOISE_VARIANCE = 0.01  # of grey levels counted from 0 to 1


def flip(picture: Picture, name: str) -> Picture:
    """Left and right exchanged."""
    return np.asarray(cv2.flip(picture, 1), np.uint8)


def add_noise(picture: Picture, name: str) -> Picture:
    """Gaussian noise of mean 0 and variance 0.01 of the grey range, clipped; drawn anew for each `name`.

    RandomState, because numpy promises that its numbers stay the same in every version.
    """
    seed = np.frombuffer(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest(), "<u4")
    noisy = np.random.RandomState(seed).standard_normal(picture.shape)
    noisy *= 255 * _NOISE_VARIANCE**0.5
    noisy += picture
    return np.clip(np.rint(noisy, out=noisy), 0, 255, out=noisy).astype(np.uint8)


KINDS: dict[str, Callable[[Picture, str], Picture]] = {"flip": flip, "noise": add_noise}


class Copy(NamedTuple):
    """A picture to be made: the `number`-th copy of its kind of a training picture."""

    original: Sample
    kind: str
    number: int  # from 1

    @property
    def name(self) -> str:
        """The copy's path below the folder of copies. No UTKFace name, so a copy is never taken for an original."""
        return f"{self.original.name}.{self.kind}{self.number}.jpg"

    def sample(self, folder: Path) -> Sample:
        """The copy, once it is drawn in `folder`."""
        return Sample(folder / self.name, self.name, self.original.age, self.original.gender)


def plan_copies(train: Sequence[Sample]) -> list[Copy]:
    """The copies that bring every age class up to the largest: kinds in turn, pictures in turn in the order of `train`.

    For each missing pair one flip and one noisy copy of the same picture. A class without a picture stays empty.
    """
    classes: list[list[Sample]] = [[] for _ in TASKS["age"].classes]
    for sample in train:
        classes[sample.age_class].append(sample)
    largest = max(map(len, classes))
    kinds = list(KINDS)
    copies = []
    for members in filter(None, classes):
        for index in range(largest - len(members)):
            turn, kind = divmod(index, len(kinds))
            round_, member = divmod(turn, len(members))
            copies.append(Copy(members[member], kinds[kind], round_ + 1))
    return copies


def draw_copy(copy: Copy, folder: Path) -> bool:
    """Write the copy below `folder` as a JPEG of quality 95; False if the same bytes are there already."""
    picture = KINDS[copy.kind](decode(read_bytes(copy.original.path)), copy.name)
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    path = folder / copy.name
    temporary = path.with_name(f".{path.name}.part")
    try:
        if path.exists() and path.read_bytes() == data:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(data)
            temporary.replace(path)  # no sync: a copy that a power cut spoils is drawn anew by the next run
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise LmdbBuildError(
            f"{path}: cannot be written ({error.strerror}). The lists were not written; free some room and run again."
        ) from error
    return True
