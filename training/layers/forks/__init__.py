"""Layers of forks of Caffe that have no counterpart in Caffe 1.0; docs/forks.md says whose they are."""
