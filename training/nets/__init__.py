"""Caffe's nets: layers in order, the objective, weights and gradients."""
