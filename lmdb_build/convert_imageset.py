"""Verb convert_imageset: pictures and labels → LMDB or LevelDB of Caffe Datum, with the flags and the records of Caffe's tool.

Each record's key is the index of its line (after the shuffle), "_" and its path. A picture that cannot be read is
skipped, named and counted; its index stays unused, as in Caffe. Pictures of different sizes are an error, because no
network can take them: give --resize_height and --resize_width.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from caffe_io.databases.backends import BACKENDS
from common.errors import UsageError
from common.files import refuse_existing_folder
from common.gflags import add_log_options
from common.pictures.header import most_pixels

from .lists import Entry, read_list, refuse_several_labels
from .records import Recipe, readable_records
from .samples import shuffled

EXAMPLE = (
    "./moka convert_imageset --resize_height=227 --resize_width=227 --shuffle ./"
    " data/DEF/age_train.txt data/lmdb/age_train_lmdb"
)


def convert(
    root: str, entries: Sequence[Entry], database: str, recipe: Recipe, backend: str = "lmdb", force: bool = False
) -> int:
    """Write the database and return how many pictures were skipped.

    Raises LmdbBuildError and leaves no database if no picture can be read or sizes differ.
    """
    written = 0
    with BACKENDS[backend].write(database, force) as db:
        for _, key, value in readable_records(with_slash(root), entries, len(entries), recipe, database):
            db.put(key, value)
            written += 1
    return len(entries) - written


def with_slash(root: str) -> str:
    """Return what is put before the paths of a list."""
    return root if not root or root.endswith("/") else f"{root}/"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of Caffe's convert_imageset, and --seed and --force."""
    parser.add_argument("root", metavar="ROOTFOLDER/", help="folder that the paths in the list are relative to")
    parser.add_argument("list", metavar="LISTFILE", help='one picture a line: "path label"')
    parser.add_argument("database", metavar="DB_NAME", help="folder to write")
    add_picture_options(parser)
    parser.add_argument("--backend", choices=BACKENDS, default="lmdb", help="kind of DB_NAME (default: %(default)s)")
    parser.add_argument("--check_size", action="store_true", help="accepted for old scripts: sizes are always checked")
    parser.add_argument("--encoded", action="store_true", help="store compressed pictures instead of raw bytes")
    parser.add_argument(
        "--encode_type", default="", metavar="TYPE", help="imply --encoded, with this type: jpg, png, ..."
    )
    parser.add_argument("--force", action="store_true", help="replace an existing database")
    add_log_options(parser)


def add_picture_options(parser: argparse.ArgumentParser) -> None:
    """Declare what create_lmdb has too: the order of the pictures, their size and their channels."""
    parser.add_argument("--gray", action="store_true", help="one channel instead of three")
    parser.add_argument("--shuffle", action="store_true", help="write the pictures in a random order")
    parser.add_argument("--seed", type=int, default=0, help="seed of that order (default: %(default)s)")
    parser.add_argument("--resize_height", type=int, default=0, metavar="N", help="stretch to this many rows")
    parser.add_argument("--resize_width", type=int, default=0, metavar="N", help="stretch to this many columns")


def check_size(options: argparse.Namespace) -> None:
    """Raise UsageError for a size that pictures cannot be given."""
    if (options.resize_height > 0) != (options.resize_width > 0) or min(
        options.resize_height, options.resize_width
    ) < 0:
        raise UsageError(
            f"--resize_height {options.resize_height} --resize_width {options.resize_width}: give both, above 0, "
            "or neither. With only one of them Caffe does not resize at all."
        )
    if options.resize_height * options.resize_width > most_pixels():
        raise UsageError(
            f"--resize_height {options.resize_height} --resize_width {options.resize_width}: at most {most_pixels()} "
            "pixels. A network takes some hundred a side."
        )


def main(options: argparse.Namespace) -> None:
    """Write the database that the options describe."""
    check_size(options)
    refuse_existing_folder(options.database, options.force, BACKENDS[options.backend].recognise)
    entries = read_list(options.list)
    refuse_several_labels(options.list, with_slash(options.root), entries)
    if options.shuffle:
        entries = shuffled(entries, options.seed)
    recipe = Recipe(options.gray, options.resize_height, options.resize_width, options.encoded, options.encode_type)
    skipped = convert(options.root, entries, options.database, recipe, options.backend, options.force)
    print(f"{options.database}: {len(entries) - skipped} records from {options.list}, {skipped} pictures skipped")
