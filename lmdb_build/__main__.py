"""python -m lmdb_build VERB ...: labelled pictures → lists → LMDB → mean image.

    build_dataset        a folder or archive of labelled faces → balanced training set, test set, lists
    convert_imageset     a list of pictures → LMDB, with the flags of Caffe's convert_imageset
    compute_image_mean   LMDB → mean.binaryproto, as Caffe's compute_image_mean
    unpack               an archive of pictures → a folder in data/

Each verb tells its options with --help.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Sequence

from caffe_io.commands import run
from caffe_io.errors import UsageError

VERBS = ("build_dataset", "compute_image_mean", "convert_imageset", "unpack")


def main(argv: Sequence[str]) -> None:
    """Hand the options to the verb's module, which is imported only now: help needs no OpenCV."""
    verb, *options = argv or ["--help"]
    if verb in ("-h", "--help"):
        print(__doc__)
        return
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"no verb {verb!r}; there are {', '.join(VERBS)}.{hint}")
    importlib.import_module(f"lmdb_build.{verb}").main(options)


if __name__ == "__main__":
    run(main)
