"""Verb create_lmdb: tables of labels → an LMDB of pictures, and beside it an LMDB with all labels of each picture.

The picture's record is convert_imageset's. The label's record has the same key; it is a float Datum of one value a task,
in the order of --tasks. A net reads each database through a Data layer of its own, and a Slice layer parts the labels.
A picture that cannot be read is skipped in both databases.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np

from caffe_io.caffe_pb2 import Datum
from caffe_io.databases.lmdb_store import LmdbWriter, is_lmdb, write_lmdb
from common.errors import UsageError
from common.files import refuse_existing_folder

from ..convert_imageset import add_picture_options, check_size
from ..errors import LmdbBuildError
from ..lists import Entry
from ..records import Recipe, Record, readable_records
from .label_tables import LabelSet, parse_source, read_label_set
from .unfinished import Begun, find_begun, identity

EXAMPLE = (
    "./moka create_lmdb --table data/smile/train.csv:10 --table data/faces/train.csv --tasks smile,gender --absent -1"
    " --resize_height 48 --resize_width 48 --shuffle data/lmdb/train_lmdb data/lmdb/train_labels_lmdb"
)


def convert(
    pictures: str, labels: str, found: LabelSet, recipe: Recipe, force: bool = False, begun: Begun | None = None
) -> int:
    """Write both databases and return how many records were skipped. Raises LmdbBuildError and leaves none of them.

    `begun` says what an earlier run left, if this one may go on from there.
    """
    with _write_both(pictures, labels, force, begun) as (picture_db, label_db):
        start, first = _reached(picture_db, found)
        labelled, _ = _reached(label_db, found)

        def label(index: int, key: bytes) -> None:
            # A thousand labels are written at once, but fewer pictures. So either database may be ahead after a kill.
            if index >= labelled:
                label_db.put(key, label_record(found.labels[found.order[index]]))

        for key in picture_db.keys() if labelled < start else ():
            label(_index_of(key), key)
        records = readable_records("", found.entries(), len(found.order), recipe, pictures, start, first)
        for index, key, value in records:
            picture_db.put(key, value)
            label(index, key)
        picture_db.finish()
        label_db.finish()
        if len(picture_db) != len(label_db):
            raise LmdbBuildError(
                f"{pictures}: not written. There are {len(picture_db)} pictures and {len(label_db)} labels, so pictures have "
                "changed since the run that was killed. Start again without --resume."
            )
        return len(found.order) - len(picture_db)


def _reached(database: LmdbWriter, found: LabelSet) -> tuple[int, tuple[Entry, Record] | None]:
    """Return the index after the last record that is written, and the first record of all, if there is one."""
    last = next(database.keys(backwards=True), None)
    if last is None:
        return 0, None
    key = next(database.keys())
    datum = Datum.FromString(database.get(key) or b"")
    entry = Entry(found.paths[found.order[_index_of(key)]], 0)
    return _index_of(last) + 1, (entry, Record(b"", datum.height, datum.width))


def _index_of(key: bytes) -> int:
    return int(key.partition(b"_")[0])


def label_record(values: Sequence[float] | np.typing.NDArray[np.float32]) -> bytes:
    """Return the record of a picture's labels: as many channels of 1x1 as there are tasks."""
    return Datum(channels=len(values), height=1, width=1, float_data=values).SerializeToString()


@contextmanager
def _write_both(
    pictures: str, labels: str, force: bool, begun: Begun | None
) -> Iterator[tuple[LmdbWriter, LmdbWriter]]:
    """Write two databases that appear together.

    The old ones go when both new ones are complete: first the labels, so that there are never pictures with the labels of
    others. Only two renames are left then, with hardly any time for a kill between them.
    """
    pictures_there = False
    begun = begun or Begun({})
    try:
        with write_lmdb(labels, force, begun.labels, begun.keep) as label_db:
            with (
                write_lmdb(pictures, force, begun.pictures, begun.keep) as picture_db,
                begun.marked(picture_db.folder, label_db.folder),
            ):
                yield picture_db, label_db
                for old in (labels, pictures):
                    refuse_existing_folder(old, force, is_lmdb)
                for old in (labels, pictures):
                    _remove(Path(old))
            pictures_there = True
    except BaseException:
        if pictures_there:
            shutil.rmtree(pictures, ignore_errors=True)
        raise


def _remove(database: Path) -> None:
    """Remove an LMDB so that whatever a kill leaves of it is still known as one, or is an empty folder."""
    if database.exists():
        for name in ("lock.mdb", "data.mdb"):
            (database / name).unlink(missing_ok=True)
        database.rmdir()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("pictures", metavar="PICTURE_DB", help="LMDB of pictures to write")
    parser.add_argument("labels", metavar="LABEL_DB", help="LMDB of labels to write")
    parser.add_argument(
        "--table",
        action="append",
        required=True,
        metavar="FILE.csv[:N]",
        help="picture,person,TASK,... as build_dataset writes it; :N takes each of its pictures N times. "
        "Give the option again for more tables",
    )
    parser.add_argument("--tasks", required=True, metavar="A,B,...", help="the labels, in the order of the channels")
    parser.add_argument(
        "--absent",
        type=int,
        metavar="N",
        help="number that stands for an absent label; the same as ignore_label in the net",
    )
    add_picture_options(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on where a killed run of the same command stopped; Ctrl-C and other signals then keep what is written",
    )
    parser.add_argument("--force", action="store_true", help="replace existing databases")


def main(options: argparse.Namespace) -> None:
    """Write the databases that the options describe."""
    check_size(options)
    tasks = options.tasks.split(",")
    if len(set(tasks)) < len(tasks) or not all(tasks):
        raise UsageError(f"--tasks {options.tasks}: expected different names with a comma between them.")
    _refuse_one_in_the_other(options.pictures, options.labels)
    for path in (options.pictures, options.labels):
        refuse_existing_folder(path, options.force, is_lmdb)
    sources = [parse_source(text) for text in options.table]
    found = read_label_set(sources, tasks, options.absent, options.seed if options.shuffle else None)
    recipe = Recipe(options.gray, options.resize_height, options.resize_width)
    what = identity(found, tasks, options.absent, recipe)
    with find_begun(options.pictures, options.labels, what) if options.resume else nullcontext(Begun(what)) as begun:
        skipped = convert(options.pictures, options.labels, found, recipe, options.force, begun)
    written = len(found.order) - skipped
    print(f"{options.pictures}: {written} records from {', '.join(options.table)}; {skipped} skipped")
    print(f"{options.labels}: {written} records with the same keys, {len(tasks)} labels each")
    for channel, (task, known) in enumerate(zip(tasks, found.known, strict=True)):
        absent = len(found.order) - known
        print(
            f"  {channel} {task}: known {known} times"
            + (f", absent {absent} times ({options.absent})" if absent else "")
        )


def _refuse_one_in_the_other(pictures: str, labels: str) -> None:
    one, other = Path(pictures).resolve(), Path(labels).resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UsageError(f"{pictures} and {labels}: are the same folder, or one in the other. Name two folders.")
