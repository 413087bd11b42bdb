"""Runs in the tool chain's Python 3.6 to 3.9 with pycaffe: one line of JSON in, blobs of a net's batches out as .npz."""

import json
import sys

import caffe
import numpy as np


def main():
    request = json.loads(sys.stdin.readline())
    caffe.set_mode_cpu()
    net = caffe.Net(request["model"], caffe.TEST, weights=request["weights"])
    blobs = {name: [] for name in request["blobs"]}
    for _ in range(request["batches"]):
        net.forward()
        for name in blobs:
            blobs[name].append(net.blobs[name].data.copy())
    np.savez(request["out"], **{name: np.concatenate(parts) for name, parts in blobs.items()})
    print(json.dumps({"out": request["out"]}))


main()
