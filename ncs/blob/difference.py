"""Verb `blob diff`: say how two Myriad X blobs differ."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = "./moka blob diff old/AgeNet.blob graph/AgeNet.blob"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("old", type=Path, metavar="OLD.blob", help="a blob")
    parser.add_argument("new", type=Path, metavar="NEW.blob", help="the blob that is compared with it")


def main(options: argparse.Namespace) -> None:
    """Print what was added, removed or changed."""
    from myriad.blob import read_blob
    from myriad.listing.difference import difference

    print("\n".join(difference(read_blob(options.old), read_blob(options.new))))
