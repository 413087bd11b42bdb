"""Runs in the tool chain's Python with pycaffe: what Caffe makes of a small net, forward and backward.

One JSON object a line on stdin, one a line on stdout:
  {"net": prototxt text, "phase": "TRAIN" or "TEST", "backward": bool, "forwards": how many times forward,
   "rounds": how many times forward and backward, without clearing the weights' diffs,
   "given": .npz, "answers": .npz to write}
Arrays for a MemoryData layer in first place: memory:data and memory:labels.
Names in both files:  data:BLOB  diff:BLOB  weight:LAYER:INDEX  weight_diff:LAYER:INDEX
Of `given`, data fills bottoms and diff the tops' gradients before backward (a loss keeps its own: the loss weight).
Or, to train: {"solver": its prototxt, "weights": caffemodel to begin with, "folder": to which all paths are relative,
   "iterations": how many, "answers": .npz to write}, which then holds  loss:BLOB (of each iteration)  weight:LAYER:INDEX
The answer is {}, or {"refused": what Caffe said} if Caffe ended itself, as it does when it refuses a net.
Each request runs in a forked child, so that a refusal costs nothing.
"""

import json
import os
import re
import resource
import sys
import tempfile

os.environ["GLOG_logtostderr"] = "1"  # noqa: SIM112
os.environ["GLOG_minloglevel"] = "2"  # noqa: SIM112
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads do not outlive a fork

import caffe
import numpy as np


def work(request):
    given = np.load(request["given"])
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
        file.write(request["net"])
        file.flush()
        caffe.set_random_seed(1)
        net = caffe.Net(file.name, getattr(caffe, request["phase"]))

    def fill(kind):
        for key in given.files:
            what, name, *index = key.split(":")
            if what != kind:
                continue
            blob = net.params[name][int(index[0])] if index else net.blobs[name]
            target = blob.diff if what == "diff" else blob.data
            if target.shape != given[key].shape:
                raise ValueError(f"{key} is {target.shape} in Caffe, {given[key].shape} was given")
            target[...] = given[key]

    if "memory:data" in given.files:
        net.set_input_arrays(given["memory:data"], given["memory:labels"])
    fill("weight")
    for _ in range(request["rounds"]):
        for _ in range(request["forwards"]):
            fill("data")  # each time: a layer in place has overwritten its bottom
            net.forward()
        answers = {"data:" + name: blob.data.copy() for name, blob in net.blobs.items()}
        if request["backward"]:
            fill("diff")
            net.backward()
    if request["backward"]:
        answers.update({"diff:" + name: blob.diff.copy() for name, blob in net.blobs.items()})
    for layer, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            answers[f"weight:{layer}:{index}"] = blob.data.copy()
            answers[f"weight_diff:{layer}:{index}"] = blob.diff.copy()
    np.savez(request["answers"], **answers)


def train(request):
    os.chdir(request["folder"])
    solver = caffe.get_solver(request["solver"])
    solver.net.copy_from(request["weights"])
    losses = {name: [] for name in solver.net.outputs}
    for _ in range(request["iterations"]):
        solver.step(1)
        for name, values in losses.items():
            values.append(float(solver.net.blobs[name].data))
    answers = {"loss:" + name: np.array(values) for name, values in losses.items()}
    for layer, blobs in solver.net.params.items():
        answers.update({f"weight:{layer}:{index}": blob.data.copy() for index, blob in enumerate(blobs)})
    np.savez(request["answers"], **answers)


def in_child(request):
    with tempfile.TemporaryFile() as log:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                os.dup2(log.fileno(), 2)
                (train if "solver" in request else work)(request)
                code = 0
            except BaseException as error:
                sys.stderr.write(f"worker: {type(error).__name__}: {error}\n")
                sys.stderr.flush()
            finally:
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        log.seek(0)
        said = log.read().decode(errors="replace")
    if status == 0:
        return {}
    fatal = re.search(r"^F\d+ .*?\] (.*)$", said, re.M)
    if fatal:
        return {"refused": fatal.group(1)}
    return {"error": f"status {status}: {said[-2000:]}"}


def main():
    caffe.set_mode_cpu()
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        replies.write(json.dumps(in_child(json.loads(line))) + "\n")
        replies.flush()


main()
