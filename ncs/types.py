"""Verb `types`: the layer types that the converter knows."""

from __future__ import annotations

import argparse
import json
import textwrap

EXAMPLE = "./moka types"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m ncs types`."""
    parser.add_argument("--json", action="store_true", help='{"converted": [...], "left_out": [...], "refused": {...}}')


def main(options: argparse.Namespace) -> None:
    """Print them."""
    from .layers import LAYERS, LEFT_OUT, REFUSED

    converted, left_out = sorted(["Input", *LAYERS], key=str.lower), sorted(LEFT_OUT)
    if options.json:
        print(json.dumps({"converted": converted, "left_out": left_out, "refused": REFUSED}, indent=2))
        return
    for title, names in (("converted", converted), ("left out, for they judge and give no answer", left_out)):
        print(f"{title}:\n{textwrap.fill(', '.join(names), 100, initial_indent='  ', subsequent_indent='  ')}")
    print("refused:")
    for name, reason in REFUSED.items():
        print(f"  {name}: {reason}")
