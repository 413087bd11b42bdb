"""python -m ncs VERB --options"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

from caffe_io.commands import run

VERBS = ("compile", "mean", "types")  # each a module with HELP, add_options(parser) and do(options)


def main(argv: Sequence[str]) -> int:
    """Parse `argv` and do what its verb says."""
    parser = argparse.ArgumentParser(prog="python -m ncs", description="From a caffemodel to what a device runs.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in VERBS:
        module = importlib.import_module(f"ncs.{name}")
        verb = verbs.add_parser(name, help=module.HELP, description=module.HELP)
        verb.add_argument("--debug", action="store_true", help="show the traceback of an error")
        module.add_options(verb)
        verb.set_defaults(do=module.do)
    options = parser.parse_args(argv)
    options.do(options)
    return 0


if __name__ == "__main__":
    run(main)
