"""Caffe's solvers: the training loop, updates, learning rates, snapshots, logs and workers."""
