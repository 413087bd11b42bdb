"""Verb `blob list`: say what is in a Myriad X blob."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

EXAMPLE = "./moka blob list graph/AgeNet.blob"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "blob", type=Path, metavar="FILE.blob", help="a blob of OpenVINO 2020 to 2022, whoever compiled it"
    )
    parser.add_argument("--json", action="store_true", help="write JSON instead of text")


def main(options: argparse.Namespace) -> None:
    """List the blob on stdout."""
    from myriad.blob import read_blob
    from myriad.listing import as_json, text

    blob = read_blob(options.blob)
    if options.json:
        print(json.dumps(as_json.contents(blob), indent=1))
    else:
        print(text.contents(blob))
