"""Runs inside the tool chains, not in the project's own Python: what an original makes of pictures.

One JSON object a line on stdin, one a line on stdout:
  {"engine": "caffe", "model", "weights", "pictures", "answers"}   pycaffe; pictures with the mean subtracted already
  {"engine": "openvino", "model", "weights", "pictures", "answers"}   openvino 2021.4.2 on the CPU, in float32 arithmetic
  {"engine": "openvino_feed", "model", "weights", "pictures", "answers"}   the same, of float32 numbers for several inputs
`pictures` is a .npy of N x C x H x W, or a .npz of the inputs by name. `answers` is the .npz to write: blob name -> one row
for each picture.
"""

import json
import os
import sys

import numpy as np


def run_caffe(request, pictures):
    os.environ["GLOG_minloglevel"] = "2"  # noqa: SIM112
    import caffe

    caffe.set_mode_cpu()
    net = caffe.Net(request["model"], request["weights"], caffe.TEST)
    rows = []
    for picture in pictures.astype(np.float32):
        net.blobs[net.inputs[0]].data[...] = picture[None]
        rows.append({name: blob.copy() for name, blob in net.forward().items()})
    return rows


def run_openvino(request, pictures):
    from openvino.inference_engine import IECore

    engine = IECore()
    network = engine.read_network(model=request["model"], weights=request["weights"])
    source = next(iter(network.input_info))
    network.input_info[source].precision = "U8"
    loaded = engine.load_network(network, "CPU", config={"ENFORCE_BF16": "NO"})
    return [loaded.infer({source: picture[None]}) for picture in pictures]


def run_feed(request, pictures):
    from openvino.inference_engine import IECore

    engine = IECore()
    network = engine.read_network(model=request["model"], weights=request["weights"])
    loaded = engine.load_network(network, "CPU", config={"ENFORCE_BF16": "NO"})
    return [loaded.infer(dict(pictures))]


ENGINES = {"openvino_feed": run_feed, "caffe": run_caffe, "openvino": run_openvino}


def main():
    answers = os.fdopen(os.dup(1), "w")  # what the engines print on stdout goes to stderr
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        rows = ENGINES[request["engine"]](request, np.load(request["pictures"]))
        np.savez(request["answers"], **{name: np.concatenate([row[name] for row in rows]) for name in rows[0]})
        answers.write(json.dumps({"blobs": sorted(rows[0])}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
