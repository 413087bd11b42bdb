"""Runs a net with pycaffe. common/helper.py runs this file in the tool chain: Python 3.6 to 3.9, Caffe 1.0.

load:    {"model": prototxt, "weights": caffemodel, "phase": 0 (TRAIN) or 1 (TEST), "level", "stages"} -> {}
forward: {"blobs": names} -> {}, and the arrays of those blobs after the next batch
"""

import os

# Errors only. Caffe would write a line for each layer of each net.
os.environ.setdefault("GLOG_minloglevel", "2")

import caffe

NETS = []


def load(values, arrays):
    """Read a net in its state with its weights."""
    caffe.set_mode_cpu()
    state = {"level": values["level"], "stages": values["stages"]}
    NETS[:] = [caffe.Net(values["model"], values["phase"], weights=values["weights"], **state)]
    return {}, {}


def forward(values, arrays):
    """Run the next batch of the net's data layer."""
    net = NETS[0]
    net.forward()
    return {}, {name: net.blobs[name].data.copy() for name in values["blobs"]}


FUNCTIONS = {"load": load, "forward": forward}
