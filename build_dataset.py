"""Labelled faces → lists of a balanced training set and a test set. See `python build_dataset.py --help`."""

from caffe_io.commands import run
from lmdb_build.build_dataset import main

if __name__ == "__main__":
    run(main)
