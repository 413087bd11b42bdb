"""Verb unpack: an archive of pictures → a folder below data/."""

from __future__ import annotations

import argparse
from pathlib import Path

from .archive import add_limit_option, unpack

EXAMPLE = "./moka unpack UTKFace.tar.gz"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the argument."""
    parser.add_argument("archive", metavar="ARCHIVE", type=Path, help=".tar, .tar.gz, .tar.bz2 or .tar.xz")
    add_limit_option(parser)


def main(options: argparse.Namespace) -> None:
    """Unpack the archive into data/."""
    folder = unpack(options.archive, Path("data"), options.max_unpacked_mb)
    print(f"{folder}: unpacked. Next: python build_dataset.py --images {folder}")
