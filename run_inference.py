#!/usr/bin/env python3
"""Tell age and gender from the picture of one face; `python run_inference.py --help` shows how."""

from common.environment import ensure

if __name__ == "__main__":
    ensure("runner")
    from inference.__main__ import ROOM

    ROOM.run_one("infer", "python run_inference.py")
