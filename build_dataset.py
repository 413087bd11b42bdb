#!/usr/bin/env python3
"""Writes the lists of a balanced training set and a test set from labelled faces. See `python build_dataset.py --help`."""

from common.environment import ensure

if __name__ == "__main__":
    ensure("train")
    from lmdb_build.__main__ import ROOM

    ROOM.run_one("build_dataset", "python build_dataset.py")
