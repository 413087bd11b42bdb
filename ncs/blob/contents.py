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
    parser.add_argument("--svg", type=Path, metavar="FILE.svg", help="draw there which memory is in use at each stage")
    parser.add_argument("--force", action="store_true", help="replace an existing picture")


def main(options: argparse.Namespace) -> None:
    """List the blob on stdout."""
    from common.files import atomic_file, refuse_existing
    from myriad.blob import read_blob
    from myriad.listing import as_json, text

    if options.svg:
        refuse_existing(options.svg, options.force)
    blob = read_blob(options.blob)
    if options.svg:
        # Only the picture needs numpy.
        from myriad.listing import svg

        drawn = svg.picture(blob)
        with atomic_file(options.svg, options.force) as path:
            path.write_text(drawn, encoding="utf-8")
    if options.json:
        print(json.dumps(as_json.contents(blob), indent=1))
    else:
        print(text.contents(blob))
