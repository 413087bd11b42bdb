"""Verb `blob cost`: estimate how long a Myriad X takes for a blob."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

EXAMPLE = "./moka blob cost graph/AgeNet.blob"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "blobs",
        type=Path,
        nargs="+",
        metavar="FILE.blob",
        help="a blob; of several, such as one net for 4, 6 and 8 SHAVEs, it says which is best for what",
    )
    parser.add_argument("--json", action="store_true", help="write JSON instead of text")


def main(options: argparse.Namespace) -> None:
    """Write the estimate to stdout."""
    from myriad.blob import read_blob
    from myriad.cost import estimate, text

    costs = [estimate(read_blob(path)) for path in options.blobs]
    if options.json:
        print(json.dumps([text.as_json(cost) for cost in costs], indent=1))
    elif len(costs) == 1:
        print(text.one(costs[0]))
    else:
        print(text.several(costs))
