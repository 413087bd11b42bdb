#!/usr/bin/env python3
"""Estimates age and gender from the picture of a face. See `python run_inference.py --help`."""

from common.environment import ensure

if __name__ == "__main__":
    ensure("runner")
    from inference.__main__ import ROOM

    ROOM.run_one("infer", "python run_inference.py")
