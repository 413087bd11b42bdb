"""Runs a net with pycaffe. common/helper.py runs this file in the tool chain: Python 3.6 to 3.9, Caffe 1.0.

load:    {"model": prototxt, "weights": caffemodel} -> {}
forward: {"blobs": names} -> {}, and the arrays of those blobs after the next batch
"""

import os

# Errors only. Caffe would write a line for each layer of each net.
os.environ.setdefault("GLOG_minloglevel", "2")

import caffe

NETS = []


def load(values, arrays):
    """Read a net in phase TEST with its weights."""
    caffe.set_mode_cpu()
    NETS[:] = [caffe.Net(values["model"], caffe.TEST, weights=values["weights"])]
    return {}, {}


def forward(values, arrays):
    """Run the next batch of the net's data layer."""
    net = NETS[0]
    net.forward()
    return {}, {name: net.blobs[name].data.copy() for name in values["blobs"]}


FUNCTIONS = {"load": load, "forward": forward}
