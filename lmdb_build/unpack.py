"""Verb unpack: an archive of pictures → a folder in data/."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .archive import unpack


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m lmdb_build unpack", description=__doc__)
    parser.add_argument("archive", metavar="ARCHIVE", type=Path, help=".tar, .tar.gz, .tar.bz2 or .tar.xz")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    folder = unpack(parser.parse_args(argv).archive, Path("data"))
    print(f"{folder}: unpacked. Next: python build_dataset.py --images {folder}")
