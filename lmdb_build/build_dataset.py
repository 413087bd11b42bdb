"""Verb build_dataset: a folder or archive of labelled faces → training part and test part, as tables and as lists.

Writes below data/DEF, with paths relative to the current folder: a table train.csv, test.csv for each part and tasks.json
(tables.py), and for each task with classes the lists TASK_train.txt, TASK_test.txt with lines of "path label". The extra
training pictures are in data/augmented. The same files give the same lists, and a second run changes nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import PictureError
from common.tasks import NEEDS_ITS_LABEL, TASKS, Task
from faces.pictures import decode, read_bytes

from .archive import add_limit_option, unpack
from .datasets import DATASETS, find_dataset, read_dataset
from .divide.balancing import Copy, draw_copy, plan_copies
from .divide.counts import count_table
from .divide.splitting import check_split, split_samples
from .errors import DatasetError
from .lists import Entry, list_text, refuse_other_lists, write_lists
from .parallel import in_order, with_progress
from .samples import Found, LeftOut, Sample, shuffled
from .tables import TASKS_FILE, Row, table_text, tasks_text

EXAMPLE = "python build_dataset.py --images data/UTKFace"

DATA = Path("data")
LISTS = DATA / "DEF"
AUGMENTED = DATA / "augmented"


@dataclass
class Build:
    """The options of the command, followed by what its steps find, in the order of the steps."""

    images: Path
    dataset: str
    seed: int
    split: float
    force: bool
    max_unpacked_mb: int | None = None
    folder: Path = Path()
    found: Found = field(default_factory=Found)
    tasks: dict[str, Task] = field(default_factory=dict)
    train: list[Sample] = field(default_factory=list)
    test: list[Sample] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    lists: dict[Path, bytes] = field(default_factory=dict)


def open_images(build: Build) -> None:
    """Take a folder as it is, or unpack an archive below data/."""
    if build.images.is_dir() or find_dataset(build.dataset).is_file:
        build.folder = build.images
    else:
        build.folder = unpack(build.images, DATA, build.max_unpacked_mb)


def read_labels(build: Build) -> None:
    """Read what the data set says of its pictures."""
    build.found = read_dataset(build.dataset, build.folder)


def leave_out_unreadable(build: Build) -> None:
    """Keep only the samples whose pictures can be decoded, and note the hash of each file."""

    def inspect(sample: Sample) -> Sample | LeftOut:
        try:
            data = read_bytes(sample.path)
            decode(data)
        except PictureError as error:
            return LeftOut(sample.name, str(error))
        return dataclasses.replace(sample, digest=hashlib.sha256(data).hexdigest())

    samples = build.found.samples
    seen = list(with_progress(in_order(inspect, samples), len(samples), "looked at"))
    build.found.samples = [item for item in seen if isinstance(item, Sample)]
    build.found.left_out += [item for item in seen if isinstance(item, LeftOut)]


def report_left_out(build: Build) -> None:
    """Name every file that is not used. Raises DatasetError if no picture is left."""
    for name, reason in build.found.left_out:
        print(f"left out: {name}: {reason}", file=sys.stderr)
    print(f"{build.folder}: {len(build.found.samples)} labelled pictures, {len(build.found.left_out)} files left out")
    if not build.found.samples:
        raise DatasetError(f"{build.folder}: none of its pictures can be read.")
    repeated = len(build.found.samples) - len({sample.digest for sample in build.found.samples})
    if repeated:
        print(f"{repeated} of them repeat another file byte for byte; such files go to the same side of the split")


def choose_tasks(build: Build) -> None:
    """Take the tasks that the labels say anything about: the set's own, and those of Moka."""
    for name, task in {**build.found.tasks, **TASKS}.items():
        if any(sample.value(task) is not None for sample in build.found.samples):
            build.tasks[name] = task


def split(build: Build) -> None:
    """Divide the pictures into a training and a test set."""
    build.train, build.test = split_samples(build.found.samples, build.split, build.seed)


def balance(build: Build) -> None:
    """Plan copies of training pictures only, so that no copy of a test picture gets into training."""
    if find_dataset(build.dataset).balance == "copies":
        build.copies = plan_copies(build.train, next(iter(build.tasks.values())))


def plan_lists(build: Build) -> None:
    """Make the lists from this run's split and plan, never from the files that are in data/augmented."""
    everything = {"train": shuffled([*build.train, *_copied(build)], build.seed), "test": build.test}
    paths = {sample.path: os.path.relpath(sample.path) for samples in everything.values() for sample in samples}
    for name, task in build.tasks.items():
        if not _has_lists(task, build):
            continue
        for part, samples in everything.items():
            values = ((paths[sample.path], sample.value(task)) for sample in samples)
            entries = (Entry(path, int(value)) for path, value in values if value is not None)
            build.lists[LISTS / f"{name}_{part}.txt"] = list_text(entries)
    for part, samples in everything.items():
        rows = (
            Row(paths[sample.path], sample.person, {name: sample.value(task) for name, task in build.tasks.items()})
            for sample in samples
        )
        build.lists[LISTS / f"{part}.csv"] = table_text(list(build.tasks), rows)
    build.lists[LISTS / TASKS_FILE] = tasks_text(build.tasks)
    refuse_other_lists(build.lists, build.force)


def draw_copies(build: Build) -> None:
    """Write the extra pictures."""
    drawn = in_order(lambda copy: draw_copy(copy, AUGMENTED), build.copies)
    new = sum(with_progress(drawn, len(build.copies), "drawn"))
    if build.copies:
        print(f"{AUGMENTED}: {len(build.copies)} extra training pictures, {new} of them newly written")


def write(build: Build) -> None:
    """Write the lists last, so that they never name a picture that does not exist."""
    write_lists(build.lists)


def report_counts(build: Build) -> None:
    """Print the class counts of the training set before and after balancing, and of the test set."""
    after = [*build.train, *_copied(build)]
    for task in build.tasks.values():
        if not task.classes:
            continue
        print("\n" + count_table(task, {"train before": build.train, "after": after, "test": build.test}))
    print("\n" + "\n".join(map(str, build.lists)) + "\nNext: ./create_lmdb.sh")


STEPS: list[Callable[[Build], None]] = [
    open_images,
    read_labels,
    leave_out_unreadable,
    report_left_out,
    choose_tasks,
    split,
    balance,
    plan_lists,
    draw_copies,
    write,
    report_counts,
]


def _has_lists(task: Task, build: Build) -> bool:
    if task.name not in NEEDS_ITS_LABEL:
        return bool(task.classes)
    return any(task.name in sample.labels for sample in build.found.samples)


def _copied(build: Build) -> list[Sample]:
    return [copy.sample(AUGMENTED) for copy in build.copies]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--images", type=Path, required=True, metavar="DIR|TAR", help="folder or .tar(.gz) of faces")
    parser.add_argument(
        "--dataset", default="utkface", help=f"the data set: {', '.join(sorted(DATASETS))} (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=230, help="seed of the split (default: %(default)s)")
    parser.add_argument("--split", type=float, default=0.8, help="share for training, 0 to 1 (default: %(default)s)")
    parser.add_argument(
        "--force", action="store_true", help="replace lists that were made from other pictures or with other options"
    )
    add_limit_option(parser)


def main(options: argparse.Namespace) -> None:
    """Run the steps in turn."""
    check_split(options.split)
    build = Build(options.images, options.dataset, options.seed, options.split, options.force, options.max_unpacked_mb)
    for step in STEPS:
        step(build)
