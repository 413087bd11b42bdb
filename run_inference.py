#!/usr/bin/env python3
"""Estimates age and gender from the picture of a face. See `python run_inference.py --help`."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)
    from common.environment import ensure

    ensure("runner")
    from inference.__main__ import ROOM

    ROOM.run_one("infer", "python run_inference.py")
