"""Verb build_dataset: a folder or archive of labelled faces → training part and test part, as tables and as lists.

Writes below data/DEF, with paths relative to the current folder: a table train.csv, test.csv for each part and tasks.json
(tables.py), for each task with classes the lists TASK_train.txt, TASK_test.txt with lines of "path label", and report.json
and report.txt. The extra training pictures are in data/augmented. The same files give the same lists, and a second run
changes nothing.
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
from typing import Any

from common.errors import PictureError, UsageError
from common.messages import known_names
from common.tasks import TASKS, Task
from faces.pictures import decode, read_bytes

from .archive import add_limit_option
from .cutting.of_samples import cut_samples
from .cutting.options import CutOptions, add_cut_options, cut_options
from .datasets import DATASETS, ReaderOptions, find_dataset, read_dataset
from .datasets.options import add_reader_options, reader_options
from .divide.balancing import Copy, draw_copy, plan_copies
from .divide.division import Division, Parts, divide
from .divide.options import add_division_options, division_of
from .divide.outputs import REPORT, leftovers, part_files
from .divide.report import make_report, report_json, report_text
from .divide.weights import class_weights, infogain_matrix, plan_repeats
from .errors import DatasetError
from .lists import refuse_other_lists, write_lists
from .parallel import in_order, with_progress
from .samples import Found, LeftOut, Sample, shuffled
from .sources import merge, open_sources

EXAMPLE = "python build_dataset.py --images data/UTKFace"

DATA = Path("data")
LISTS = DATA / "DEF"
AUGMENTED = DATA / "augmented"
BALANCES = ("none", "copies", "repeats", "half_repeats", "weights")


@dataclass
class Build:
    """The options of the command, followed by what its steps find, in the order of the steps."""

    images: list[Path]
    dataset: str
    division: Division
    force: bool = False
    max_unpacked_mb: int | None = None
    reader: ReaderOptions = field(default_factory=ReaderOptions)
    main_task: str = ""
    balance: str = ""
    out: Path = LISTS
    cut: CutOptions | None = None
    folders: list[Path] = field(default_factory=list)
    found: Found = field(default_factory=Found)
    tasks: dict[str, Task] = field(default_factory=dict)
    parts: Parts = field(default_factory=dict)
    copies: list[Copy] = field(default_factory=list)
    added: list[Sample] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    lists: dict[Path, bytes] = field(default_factory=dict)
    stale: list[Path] = field(default_factory=list)

    @property
    def task(self) -> Task:
        """The task whose classes are balanced, and have equal shares in all folds."""
        return self.tasks[self.main_task or next(iter(self.tasks))]

    @property
    def where(self) -> str:
        """The folders of the pictures, for messages."""
        return ", ".join(map(str, self.folders))

    @property
    def augmented(self) -> Path:
        """The folder of the extra pictures."""
        return AUGMENTED if self.out == LISTS else self.out / "augmented"


def open_images(build: Build) -> None:
    """Take folders as they are, or unpack archives below data/."""
    build.folders = open_sources(build.images, find_dataset(build.dataset).is_file, DATA, build.max_unpacked_mb)


def read_labels(build: Build) -> None:
    """Read what the data set says of its pictures. If the options say how, cut the faces out and go on with them."""
    parts = [read_dataset(build.dataset, folder, build.reader) for folder in build.folders]
    if build.cut:
        pairs = zip(parts, build.folders, strict=True)
        parts = [cut_samples(part, folder, DATA, build.cut, build.force) for part, folder in pairs]
    build.found = merge(build.folders, parts)


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
    samples = build.found.samples
    print(f"{build.where}: {len(samples)} labelled pictures, {len(build.found.left_out)} files left out")
    if not samples:
        raise DatasetError(f"{build.where}: none of its pictures can be read.")
    repeated = len(samples) - len({sample.digest for sample in samples})
    if repeated and build.division.how in ("picture", "person"):
        print(f"{repeated} of them repeat another file byte for byte; such files go to the same side of the split")


def choose_tasks(build: Build) -> None:
    """Take the tasks that the labels say anything about: the set's own, and those of Moka."""
    for name, task in {**build.found.tasks, **TASKS}.items():
        if any(sample.value(task) is not None for sample in build.found.samples):
            build.tasks[name] = task
    if not build.tasks:
        raise DatasetError(f"{build.where}: none of its pictures has a label.")
    if build.main_task and build.main_task not in build.tasks:
        raise UsageError(
            f"--task {build.main_task}: the set has no such task. {known_names(build.main_task, build.tasks)}"
        )


def split(build: Build) -> None:
    """Divide the pictures into parts."""
    build.parts, notes = divide(build.found.samples, build.division, build.task)
    build.found.notes += notes


def balance(build: Build) -> None:
    """Plan what training gets in addition. No copy of a test picture gets into training."""
    train = build.parts["train"]
    if build.balance == "copies":
        build.copies = plan_copies(train, build.task)
        build.added = [copy.sample(build.augmented) for copy in build.copies]
    elif build.balance in ("repeats", "half_repeats"):
        build.added = plan_repeats(train, build.task, halfway=build.balance == "half_repeats")


def plan_lists(build: Build) -> None:
    """Make the files from this run's split and plan, never from the files that are in data/augmented."""
    everything = dict(build.parts)
    everything["train"] = shuffled([*build.parts["train"], *build.added], build.division.seed)
    paths = {sample.path: os.path.relpath(sample.path) for samples in everything.values() for sample in samples}
    files = part_files(everything, build.tasks, lambda sample: paths[sample.path])
    report = make_report(build.found, build.tasks, build.parts, lambda sample: paths[sample.path])
    build.report = {"dataset": build.dataset, "options": _options(build), **report, "added_to_train": len(build.added)}
    if build.balance == "weights":
        build.report["class_weights"] = {}
        for name, task in build.tasks.items():
            if task.classes:
                weights = class_weights(build.parts["train"], task)
                files[f"{name}_infogain.binaryproto"] = infogain_matrix(weights)
                build.report["class_weights"][name] = dict(zip(task.classes, weights, strict=True))
    files["report.txt"] = report_text(build.report, build.tasks, _columns(build)).encode("utf-8", "surrogateescape")
    build.report["files"] = sorted(files)
    files[REPORT] = report_json(build.report)
    build.lists = {build.out / name: content for name, content in files.items()}
    # A report says more than the division: files that were left out may come and go.
    fixed = {path: text for path, text in build.lists.items() if path.stem != "report"}
    refuse_other_lists(fixed, build.force)
    build.stale = leftovers(build.out, files, build.force)


def draw_copies(build: Build) -> None:
    """Write the extra pictures."""
    if not build.copies:
        return
    drawn = in_order(lambda copy: draw_copy(copy, build.augmented), build.copies)
    new = sum(with_progress(drawn, len(build.copies), "drawn"))
    print(f"{build.augmented}: {len(build.copies)} extra training pictures, {new} of them newly written")


def write(build: Build) -> None:
    """Write the lists last, so that they never name a picture that does not exist."""
    write_lists(build.lists, build.stale)


def report_counts(build: Build) -> None:
    """Print the report: notes, the class counts of all parts, and what is in two parts."""
    print("\n" + report_text(build.report, build.tasks, _columns(build)))
    print("\n".join(map(str, build.lists)))
    one_net_a_task = {LISTS / "age_train.txt", LISTS / "gender_train.txt"} <= set(build.lists)
    tasks = ",".join(build.tasks)
    table = f"./moka create_lmdb --table {build.out / 'train.csv'} --tasks {tasks} PICTURE_DB LABEL_DB"
    print(f"Next: {'./create_lmdb.sh' if one_net_a_task else table}")


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


def _columns(build: Build) -> dict[str, list[Sample]]:
    if not build.added:
        return build.parts
    before = {"train before": build.parts["train"], "after": [*build.parts["train"], *build.added]}
    return before | {part: samples for part, samples in build.parts.items() if part != "train"}


def _options(build: Build) -> dict[str, Any]:
    """Return what the division depends on, for the report. Not where the pictures lie: that changes nothing."""
    own = find_dataset(build.dataset).options
    reader = {name: value for name, value in dataclasses.asdict(build.reader).items() if name in own}
    division = dataclasses.asdict(build.division)
    return {
        **reader,
        **division,
        "task": build.task.name,
        "balance": build.balance,
        **(build.cut.settings() if build.cut else {}),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--images",
        type=Path,
        action="append",
        required=True,
        metavar="DIR|TAR|CSV",
        help="folder or .tar(.gz) of faces, or a .csv of them; give the option again for more of the same set",
    )
    parser.add_argument(
        "--dataset", default="utkface", help=f"the data set: {', '.join(sorted(DATASETS))} (default: %(default)s)"
    )
    add_division_options(parser)
    parser.add_argument(
        "--task", default="", help="the task that is balanced and spread over folds (default: the first)"
    )
    parser.add_argument(
        "--balance",
        choices=BALANCES,
        help="make the training classes equal: copies (flipped or noisy), repeats, half_repeats (halfway to equal), "
        "weights (for InfogainLoss); default: copies for utkface, otherwise none",
    )
    parser.add_argument(
        "--out", type=Path, default=LISTS, metavar="DIR", help="folder to write to (default: %(default)s)"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace lists that were made from other pictures or with other options"
    )
    add_limit_option(parser)
    add_cut_options(parser, required=False)
    add_reader_options(parser)


def main(options: argparse.Namespace) -> None:
    """Run the steps in turn."""
    division = division_of(options)
    dataset = find_dataset(options.dataset)
    build = Build(
        options.images,
        options.dataset,
        division,
        options.force,
        options.max_unpacked_mb,
        reader_options(options, options.dataset, dataset.options),
        options.task,
        options.balance or dataset.balance,
        options.out,
        cut_options(options),
    )
    for step in STEPS:
        step(build)
