"""Caffe's nets, layers, solvers and snapshots, computed by PyTorch; or handed to a real Caffe."""
