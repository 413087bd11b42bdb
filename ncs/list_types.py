"""Verb `types`: list which layer types ncs converts, leaves out or refuses."""

from __future__ import annotations

import argparse
import json
import textwrap

EXAMPLE = "./moka types"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `python -m ncs types`."""
    parser.add_argument("--json", action="store_true", help='{"converted": [...], "left_out": [...], "refused": {...}}')


def main(options: argparse.Namespace) -> None:
    """Print the three lists."""
    from caffe_io.layer_types import LAYER_TYPES

    rows = sorted(LAYER_TYPES.items(), key=lambda item: item[0].lower())
    converted = [name for name, row in rows if row.converted]
    left_out = [name for name, row in rows if row.predictions]
    refused = {name: row.not_converted for name, row in rows if row.not_converted}
    if options.json:
        print(json.dumps({"converted": converted, "left_out": left_out, "refused": refused}, indent=2))
        return
    for title, names in (("converted", converted), ("left out, because a device has no labels", left_out)):
        print(f"{title}:\n{textwrap.fill(', '.join(names), 100, initial_indent='  ', subsequent_indent='  ')}")
    print("refused:")
    for name, reason in refused.items():
        print(f"  {name}: {reason}")
