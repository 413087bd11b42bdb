"""Verb `blob extract`: take the blob for some number of SHAVEs out of a superblob."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = "./moka blob extract graph/AgeNet.superblob --shaves 6 --out AgeNet.blob"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "superblob", type=Path, metavar="FILE.superblob", help="what compile --superblob or Luxonis's converter wrote"
    )
    parser.add_argument(
        "--shaves", type=int, required=True, metavar="N", help="how many SHAVEs the blob is for, 1 to 16"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.blob", help="the blob to write")
    parser.add_argument("--force", action="store_true", help="replace an existing blob")


def main(options: argparse.Namespace) -> None:
    """Write the blob."""
    from common.errors import UsageError
    from common.files import atomic_file, refuse_existing
    from myriad.superblob import SHAVES, read_superblob

    if not 1 <= options.shaves <= SHAVES:
        raise UsageError(f"--shaves {options.shaves}: expected 1 to {SHAVES}.")
    refuse_existing(options.out, options.force)
    content = read_superblob(options.superblob).blob(options.shaves)
    with atomic_file(options.out, options.force) as path:
        path.write_bytes(content)
    print(f"{options.out}: {len(content):,} bytes, for {options.shaves} SHAVEs")
