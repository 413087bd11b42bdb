"""`python -m training VERB`: one verb a file."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Sequence

from caffe_io.commands import run

VERBS = {  # verb -> one line about it; the module of the same name has add_options(parser) and main(options)
    "train": "train a net by a solver prototxt",
    "test": "score a net: the means of its outputs over batches of its test data",
    "time": "time the forward and backward pass of each layer",
    "upgrade": "write a net or solver of an older format in the current one",
    "draw": "show a net as a table and as an SVG picture",
    "extract_features": "write blobs of a net, batch by batch, into LMDBs",
    "evaluate": "measure a trained classifier: accuracy, 1-off, recall, confusion matrix",
}


def main(argv: Sequence[str]) -> int | None:
    """Parse the verb's options and run it; the verb's module is imported only when it is called.

    Options may begin with one dash as with two (-solver, --solver), as those of Caffe's own tool.
    """
    argv = [re.sub(r"^-(?=[a-z_]{2})", "--", word) for word in argv]
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parsers = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    wanted = next((word for word in argv if not word.startswith("-")), None)
    for verb, text in VERBS.items():
        verb_parser = parsers.add_parser(verb, help=text, description=text[0].upper() + text[1:] + ".")
        verb_parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
        if verb == wanted:
            module = importlib.import_module(f"training.{verb}")
            module.add_options(verb_parser)
    options = parser.parse_args(argv)
    return module.main(options)  # type: ignore[no-any-return]


if __name__ == "__main__":
    run(main)
