#!/usr/bin/env python3
"""Tell age and gender from the picture of one face; `python run_inference.py --help` shows how."""

from inference.command import run

if __name__ == "__main__":
    run()
