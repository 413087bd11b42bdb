#!/usr/bin/env python3
"""Labelled faces → lists of a balanced training set and a test set. See `python build_dataset.py --help`."""

from tools.in_venv import ensure

if __name__ == "__main__":
    ensure("train", "numpy", "cv2", "lmdb", "google.protobuf")
    from caffe_io.commands import run
    from lmdb_build.build_dataset import main

    run(main)
