#!/usr/bin/env python3
"""Writes the lists of a balanced training set and a test set from labelled faces. See `python build_dataset.py --help`."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)
    from common.environment import ensure

    ensure("train")
    from lmdb_build.__main__ import ROOM

    ROOM.run_one("build_dataset", "python build_dataset.py")
