"""Caffe's solvers: updates, learning rates, snapshots, logs, workers."""
