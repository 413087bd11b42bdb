"""Verb cut_faces: pictures of people → their faces, upright and square, under the same names.

The folder --out becomes a copy of the folder of pictures, in which every picture is a PNG of the face. So every reader of
data sets reads it as it reads the original. A picture without a face is left out and named. OUT.json says what was found.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from common.files import atomic_file, refuse_existing
from faces.landmarks import ENDING

from ..archive import add_limit_option, unpack
from ..errors import DatasetError
from ..folders import files_below
from .cutter import Source, open_cutter, record_path
from .folder import only_run
from .options import CutOptions, add_cut_options, check_places, cut_options
from .record import Record

EXAMPLE = "./moka cut_faces --images FGNET.tar --faces blazeface --margin 0.2 --size 64 --out data/fgnet_faces"

DATA = Path("data")
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--images", type=Path, required=True, metavar="DIR|TAR", help="folder or .tar(.gz) of pictures")
    add_cut_options(parser, required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the cut faces")
    parser.add_argument("--force", action="store_true", help="cut again what was cut with other options")
    add_limit_option(parser)


def main(options: argparse.Namespace) -> None:
    """Cut the faces of all pictures of a folder."""
    how = cut_options(options)
    assert how is not None, "--size is required"
    images = options.images if options.images.is_dir() else unpack(options.images, DATA, options.max_unpacked_mb)
    out = options.out
    check_places(images, out, f"--out {out}:")
    names = files_below(images)
    pictures = [name for name in names if name.lower().endswith(PICTURES)]
    if not pictures:
        raise DatasetError(f"{images}: holds no picture. Expected names that end in {', '.join(PICTURES)}.")
    cutter = open_cutter(out, images, how, options.force)
    others = sorted({*names} - {*pictures})
    with only_run(out):
        new = cutter.cut_all([Source(name, images / name) for name in pictures])
        copied = copy_others(images, out, others, options.force)
    report(how, images, out, cutter.record, pictures, new, copied)


def copy_others(images: Path, out: Path, names: list[str], force: bool) -> int:
    """Copy what is neither a picture nor a file of landmarks, such as labels.txt. Return how many files there are."""
    others = [name for name in names if not name.lower().endswith(ENDING)]
    for name in others:
        source, target = images / name, out / name
        if target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        if not force:
            refuse_existing(target)
        with atomic_file(target, force=force, one_of_many=True) as temporary:
            shutil.copyfile(source, temporary)
    return len(others)


def report(
    options: CutOptions, images: Path, out: Path, record: Record, pictures: list[str], new: int, copied: int
) -> None:
    """Name every picture that is left out, and say how many faces there are. Raises DatasetError if there is none."""
    entries = {name: record.pictures[name] for name in pictures}
    left_out = {name: each.reason for name, each in entries.items() if not each.cut}
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    faces = len(entries) - len(left_out)
    several = sum(each.faces > 1 for each in entries.values())
    print(f"{images}: {len(entries)} pictures, {faces} faces, {len(left_out)} pictures left out")
    if several:
        print(f"{several} pictures show more than one face; the largest near the middle was taken")
    gone = sorted(set(record.pictures) - set(entries))
    if gone:
        print(
            f"{len(gone)} faces in {out} are of pictures that are no longer there, such as {gone[0]}", file=sys.stderr
        )
    if not faces:
        raise DatasetError(f"{images}: no face was found in its {len(entries)} pictures. Try another --faces.")
    print(
        f"{out}: {faces} faces of {options.size}x{options.size}, {new} of them newly cut; {copied} other files copied"
    )
    print(f"{record_path(out)}: what was found in each picture")
    print(f"the card of a net that learns from them needs {options.on_card()}")
