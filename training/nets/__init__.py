"""Caffe's nets: layers in order, weights, gradients."""
