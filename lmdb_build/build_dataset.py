"""Verb build_dataset: a folder or archive of labelled faces → balanced training set, test set, four list files.

Writes data/DEF/{age,gender}_{train,test}.txt (lines of "path label", with paths relative to the current folder) and the
extra training pictures in data/augmented. The same files give the same lists, and a second run changes nothing.
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
from common.tasks import TASKS
from faces.pictures import decode, read_bytes

from .archive import add_limit_option, unpack
from .balancing import Copy, draw_copy, plan_copies
from .counts import count_table
from .datasets import DATASETS, read_dataset
from .errors import DatasetError
from .lists import Entry, list_text, refuse_other_lists, write_lists
from .parallel import in_order, with_progress
from .samples import LeftOut, Sample, shuffled
from .splitting import check_split, split_samples

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
    samples: list[Sample] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    train: list[Sample] = field(default_factory=list)
    test: list[Sample] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    lists: dict[Path, bytes] = field(default_factory=dict)


def open_images(build: Build) -> None:
    """Take a folder as it is, or unpack an archive below data/."""
    build.folder = build.images if build.images.is_dir() else unpack(build.images, DATA, build.max_unpacked_mb)


def read_labels(build: Build) -> None:
    """Read the labels from the names of the files."""
    build.samples, build.left_out = read_dataset(build.dataset, build.folder)


def leave_out_unreadable(build: Build) -> None:
    """Keep only the samples whose pictures can be decoded, and note the hash of each file."""

    def inspect(sample: Sample) -> Sample | LeftOut:
        try:
            data = read_bytes(sample.path)
            decode(data)
        except PictureError as error:
            return LeftOut(sample.name, str(error))
        return dataclasses.replace(sample, digest=hashlib.sha256(data).hexdigest())

    found = list(with_progress(in_order(inspect, build.samples), len(build.samples), "looked at"))
    build.samples = [item for item in found if isinstance(item, Sample)]
    build.left_out += [item for item in found if isinstance(item, LeftOut)]


def report_left_out(build: Build) -> None:
    """Name every file that is not used. Raises DatasetError if no picture is left."""
    for name, reason in build.left_out:
        print(f"left out: {name}: {reason}", file=sys.stderr)
    print(f"{build.folder}: {len(build.samples)} labelled pictures, {len(build.left_out)} files left out")
    if not build.samples:
        raise DatasetError(f"{build.folder}: none of its pictures can be read.")
    repeated = len(build.samples) - len({sample.digest for sample in build.samples})
    if repeated:
        print(f"{repeated} of them repeat another file byte for byte; such files go to the same side of the split")


def split(build: Build) -> None:
    """Divide the pictures into a training and a test set."""
    build.train, build.test = split_samples(build.samples, build.split, build.seed)


def balance(build: Build) -> None:
    """Plan copies of training pictures only, so that no copy of a test picture gets into training."""
    build.copies = plan_copies(build.train)


def plan_lists(build: Build) -> None:
    """Make the lists from this run's split and plan, never from the files that are in data/augmented."""
    everything = {"train": shuffled([*build.train, *_copied(build)], build.seed), "test": build.test}
    for task in TASKS:
        for part, samples in everything.items():
            entries = (Entry(os.path.relpath(sample.path), sample.label(task)) for sample in samples)
            build.lists[LISTS / f"{task}_{part}.txt"] = list_text(entries)
    refuse_other_lists(build.lists, build.force)


def draw_copies(build: Build) -> None:
    """Write the extra pictures."""
    drawn = in_order(lambda copy: draw_copy(copy, AUGMENTED), build.copies)
    new = sum(with_progress(drawn, len(build.copies), "drawn"))
    print(f"{AUGMENTED}: {len(build.copies)} extra training pictures, {new} of them newly written")


def write(build: Build) -> None:
    """Write the lists last, so that they never name a picture that does not exist."""
    write_lists(build.lists)


def report_counts(build: Build) -> None:
    """Print the class counts of the training set before and after balancing, and of the test set."""
    after = [*build.train, *_copied(build)]
    for task in TASKS:
        print("\n" + count_table(task, {"train before": build.train, "after": after, "test": build.test}))
    print("\n" + "\n".join(map(str, build.lists)) + "\nNext: ./create_lmdb.sh")


STEPS: list[Callable[[Build], None]] = [
    open_images,
    read_labels,
    leave_out_unreadable,
    report_left_out,
    split,
    balance,
    plan_lists,
    draw_copies,
    write,
    report_counts,
]


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
