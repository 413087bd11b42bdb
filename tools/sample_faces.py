"""Draws synthetic faces, for places where no real face may be and nothing can be downloaded.

    python -m tools.sample_faces --out data/sample_faces [--count 1400] [--seed 7] [--force]
    python -m tools.sample_faces --sheet docs/sample_faces.png --seed 1
    python -m tools.sample_faces --people people.png

The portraits are stylised and show age and gender. Pose, light, skin tone, hair, background, blur and noise vary. They
replace photographs so that every step can be tried and tested. A figure measured on them says nothing about real people.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from multiprocessing.pool import Pool
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from common.commands import Parser, run
from common.errors import UsageError
from common.files import atomic_file, atomic_folder
from common.process.cores import cores
from common.tasks import AGE_RANGES, FEMALE, MALE, OLDEST, TASKS

from .drawn_faces import backdrop, beard, features, hair, skin
from .drawn_faces.canvas import SIZE, Canvas, Picture
from .drawn_faces.person import draw_person
from .drawn_faces.shape import Sitter, shape_of

STEPS: tuple[Callable[[Sitter], None], ...] = (
    backdrop.wall,
    hair.back_hair,
    backdrop.shoulders,
    features.ears,
    skin.head,
    skin.spots,
    skin.wrinkles,
    features.eyes,
    features.brows,
    features.nose,
    beard.beard,
    features.mouth,
    features.earrings,
    hair.front_hair,
    hair.bow,
    features.glasses,
    backdrop.light,
)

# The share of each age class in the set: uneven, as in sets of real faces.
SHARES = (0.130, 0.090, 0.235, 0.160, 0.115, 0.100, 0.075, 0.050, 0.045)
# Nobody in a set is older.
OLDEST_FACE = 100
# Name of each age class -> its first and last age (included), and its share of the set.
CLASSES: dict[str, tuple[int, int, float]] = {
    name: (first, min(last, OLDEST_FACE), share)
    for name, (first, last), share in zip(TASKS["age"].classes, AGE_RANGES, SHARES, strict=True)
}
JPEG_QUALITY = 92
# For so few faces, starting more processes takes longer than it saves.
FEW = 60


class Face(NamedTuple):
    """One face of a set, with all that is needed to draw it."""

    name: str
    age: int
    gender: int
    seed: int


def draw_face(age: int, gender: int, seed: int) -> Picture:
    """Draw a face, 200 x 200 x 3 BGR uint8. `age` is in years from 0 to 120, `gender` 0 (male) or 1 (female).

    The same arguments give the same picture, and another seed gives another person. Raises ValueError for an age or
    gender out of range.
    """
    if not 0 <= age <= OLDEST or gender not in (MALE, FEMALE):
        raise ValueError(f"age {age}, gender {gender}: ages go from 0 to {OLDEST}, genders are 0 (male) and 1 (female)")
    rng = np.random.default_rng(seed)
    person = draw_person(age, gender, rng)
    photo = person.photo
    canvas = Canvas(photo.yaw, photo.roll, photo.pitch, photo.scale, photo.shift)
    sitter = Sitter(person, shape_of(person), canvas, rng)
    for step in STEPS:
        step(sitter)
    return backdrop.camera(canvas.finished(), photo, rng)


def plan(count: int, seed: int) -> list[Face]:
    """Choose the people of a set of `count` faces, in a random order, with names as in UTKFace.

    Every class gets its share, and at least one face if there are nine or more. Genders alternate. Race (0 to 4) is drawn
    at random and has no effect on the picture, and the date is made up.
    """
    rng = np.random.default_rng(seed)
    shares = np.array([share for _, _, share in CLASSES.values()])
    quota = np.floor(shares * count).astype(int)
    if count >= len(CLASSES):
        quota = np.maximum(quota, 1)
    order = np.argsort(-shares)
    for i in range(count - int(quota.sum())):
        quota[order[i % len(order)]] += 1
    while quota.sum() > count:
        quota[np.argmax(quota)] -= 1
    people: list[tuple[int, int]] = []
    for (first, last, _), number in zip(CLASSES.values(), quota, strict=True):
        # Few people live to a hundred.
        old = last - first > 9
        for _ in range(number):
            age = rng.triangular(first, first, last + 1) if old else rng.uniform(first, last + 1)
            people.append((min(int(age), last), len(people) % 2))
    moment = datetime(2017, 1, 1)
    faces = []
    for i in rng.permutation(count):
        age, gender = people[i]
        moment += timedelta(milliseconds=int(rng.integers(1, 20_000_000)))
        stamp = f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}"
        name = f"{age}_{gender}_{rng.integers(5)}_{stamp}.jpg.chip.jpg"
        faces.append(Face(name, age, gender, int(rng.integers(2**62))))
    return faces


def write_faces(folder: str | os.PathLike[str], count: int = 1400, seed: int = 7, force: bool = False) -> list[Path]:
    """Draw `count` faces into the new folder `folder`, on all cores, and return their paths in the order of `plan`.

    The folder is complete or absent. Raises UsageError if count is less than 1, OutputExists if the folder exists. With
    `force`, a set of faces of the same seed is replaced, but never other pictures.
    """
    if count < 1:
        raise UsageError(f"--count {count}: expected at least 1.")
    faces = plan(count, seed)
    started = time.monotonic()

    def drawn_here(names: set[str]) -> bool:
        return names == {face.name for face in plan(len(names), seed)}

    with atomic_folder(folder, force, drawn_here) as made:
        jobs = [(made, face) for face in faces]
        with ExitStack() as stack:
            pool = _pool(stack, min(cores(), count)) if count > FEW else None
            drawn = pool.imap_unordered(_write, jobs, chunksize=8) if pool else map(_write, jobs)
            for done, _ in enumerate(drawn, 1):
                _progress(done, count, started)
    return [Path(folder) / face.name for face in faces]


def _pool(stack: ExitStack, workers: int) -> Pool | None:
    """Start processes that end with `stack`; None if this machine lets there be one only."""
    if workers == 1:
        return None
    try:
        return stack.enter_context(multiprocessing.get_context("spawn").Pool(workers, cv2.setNumThreads, (1,)))
    except OSError:
        # Their semaphores are files in /dev/shm, which may be missing or not ours to write.
        return None


def _write(job: tuple[Path, Face]) -> None:
    folder, face = job
    picture = draw_face(face.age, face.gender, face.seed)
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    (folder / face.name).write_bytes(coded.tobytes())


def _progress(done: int, count: int, started: float) -> None:
    if sys.stderr.isatty() and (done % 20 == 0 or done == count):
        rate = done / max(time.monotonic() - started, 1e-6)
        left = (count - done) / rate
        end = "\n" if done == count else ""
        print(f"\r{done}/{count} faces, {rate:.0f} /s, {left:.0f} s left  ", end=end, file=sys.stderr, flush=True)


def contact_sheet(seed: int = 7, side: int = 112) -> Picture:
    """Draw a grid of faces (BGR): a row for each gender, a column for each age class, with the names of the classes above."""
    rows = []
    for gender in (MALE, FEMALE):
        row = []
        for i, (first, last, _) in enumerate(CLASSES.values()):
            face = draw_face(min((first + last) // 2, 88), gender, 1000 * seed + 10 * i + gender)
            row.append(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA))
        rows.append(np.hstack(row))
    head = np.full((24, side * len(CLASSES), 3), 255, np.uint8)
    for i, name in enumerate(CLASSES):
        (width, _), _ = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
        at = (i * side + (side - width) // 2, 17)
        cv2.putText(head, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (60, 50, 50), 1, cv2.LINE_AA)
    return np.asarray(np.vstack([head, *rows]), np.uint8)


def people(seed: int = 7) -> Picture:
    """Draw three portraits on a wall (BGR, 720 x 1280 x 3), a picture in which faces have to be found."""
    ramp = np.linspace(0.75, 1.05, 1280)[None, :, None] * np.array([168, 182, 190])
    wall = np.broadcast_to(ramp, (720, 1280, 3)).clip(0, 255).astype(np.uint8).copy()
    rng = np.random.default_rng(seed)
    for number, (left, top, side) in enumerate(((90, 230, 300), (480, 110, 360), (920, 270, 280))):
        age = int(rng.integers(*((5, 15), (20, 40), (60, 80))[(number + seed) % 3]))
        face = draw_face(age, (number + seed) % 2, 1000 * seed + number)
        cv2.rectangle(wall, (left - 6, top - 6), (left + side + 14, top + side + 14), (120, 130, 136), cv2.FILLED)
        cv2.rectangle(wall, (left - 12, top - 12), (left + side + 11, top + side + 11), (245, 245, 245), cv2.FILLED)
        wall[top : top + side, left : left + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
    return wall


def main(argv: Sequence[str]) -> None:
    """Draw a set or a sheet of faces, or a picture of several people."""
    example = "python -m tools.sample_faces --out data/sample_faces --count 400"
    parser = Parser("python -m tools.sample_faces", example, "draw synthetic faces")
    output = parser.add_mutually_exclusive_group(required=True)
    output.add_argument("--out", type=Path, help="new folder for the faces (UTKFace file names)")
    output.add_argument("--sheet", type=Path, help="PNG with one face for each gender and age class instead of a set")
    output.add_argument("--people", type=Path, help="PNG of three people instead of a set")
    parser.add_argument("--count", type=int, default=1400, help="number of faces (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same faces (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    options = parser.parse_args(argv)
    if options.seed < 0:
        raise UsageError(f"--seed {options.seed}: expected 0 or more.")
    if options.sheet:
        with atomic_file(options.sheet, options.force) as made:
            made.write_bytes(cv2.imencode(".png", contact_sheet(options.seed))[1].tobytes())
        print(f"{options.sheet}: synthetic faces, rows male and female, columns the age classes")
        return
    if options.people:
        with atomic_file(options.people, options.force) as made:
            made.write_bytes(cv2.imencode(".png", people(options.seed))[1].tobytes())
        print(f"{options.people}: three synthetic people")
        return
    started = time.monotonic()
    faces = write_faces(options.out, options.count, options.seed, options.force)
    seconds = time.monotonic() - started
    print(f"{options.out}: {len(faces)} synthetic faces, {SIZE} x {SIZE}, drawn in {seconds:.1f} s")


if __name__ == "__main__":
    run(main)
