"""Turns labelled pictures into Caffe's databases: samples, split, balance, lists, LMDB, mean image."""
