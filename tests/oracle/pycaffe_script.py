"""A script against pycaffe's interface, run with the real pycaffe and with ours: `python pycaffe_script.py WHOSE OUT.npz`.

Written for Python 3.6 on. What it collects is compared by test_pycaffe.py.
"""

import sys

import numpy as np

whose, out = sys.argv[1:]
if whose == "ours":
    from training import pycaffe as caffe
else:
    import caffe
found = {}


def keep(name, values):
    found[name] = np.array(values, dtype=np.float64)


def keep_blobs(name, net, blobs):
    for blob in blobs:
        keep(" ".join([name, blob, "data"]), net.blobs[blob].data)
        keep(" ".join([name, blob, "diff"]), net.blobs[blob].diff)


def keep_weights(name, net, field="data"):
    for layer, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            keep(" ".join([name, layer, str(index), field]), getattr(blob, field))


caffe.set_mode_cpu()
random = np.random.RandomState(0)

# a deploy net: shapes, forward with inputs, parts, reshaping, batches
net = caffe.Net("deploy.prototxt", caffe.TEST, weights="start.caffemodel")
keep("inputs", [name == "data" for name in net.inputs])
keep("outputs", [name == "prob" for name in net.outputs])
keep("layer count", [len([n for n in net._layer_names if "split" not in n])])
blob = net.blobs["fc"]
keep("fc", [blob.num, blob.channels, blob.height, blob.width, blob.count, *blob.shape])
keep_weights("loaded", net)
picture = random.uniform(0, 1, (2, 3, 12, 12)).astype(np.float32)
view = net.blobs["prob"].data
keep("prob", net.forward(data=picture)["prob"])
keep("the same array", view)
again = net.forward(["conv"], end="fc")
keep("names", [len(again), "fc" in again, "conv" in again])
keep("conv in place", again["conv"])
net.blobs["fc"].data[...] = random.uniform(-1, 1, net.blobs["fc"].data.shape)
keep("from prob on", net.forward(start="prob")["prob"])
net.params["fc"][1].data[...] = [0.5, -0.5, 2.0]
keep("changed bias", net.forward()["prob"])
net.blobs["data"].reshape(1, 3, 12, 12)
net.reshape()
keep("reshaped", list(net.blobs["conv"].data.shape) + list(net.blobs["prob"].data.shape))
keep("one picture", net.forward(data=picture[:1])["prob"])
net.blobs["data"].reshape(3, 3, 12, 12)
keep("three by forward", net.forward(data=np.concatenate([picture, picture[:1]]))["prob"])
keep("all", net.forward_all(data=random.uniform(0, 1, (6, 3, 12, 12)).astype(np.float32))["prob"])
net.save(whose + ".caffemodel")
other = caffe.Net("deploy.prototxt", caffe.TEST)
other.copy_from(whose + ".caffemodel")
keep_weights("saved", other)
old = caffe.Net("deploy.prototxt", "start.caffemodel", caffe.TEST)
keep_weights("old constructor", old)

# gradients of a net with force_backward, with diffs given by hand
net = caffe.Net("branches.prototxt", caffe.TEST, weights="start.caffemodel")
net.blobs["data"].data[...] = picture
net.forward()
diff = random.uniform(-1, 1, net.blobs["sum"].data.shape)
back = net.backward(["conv"], sum=diff)
keep("backward", [len(back)])
keep("to data", back["data"])
keep("to conv", back["conv"])
keep_weights("gradient", net, "diff")
net.backward(sum=diff)
keep_weights("gradients add up", net, "diff")
net.backward(start="sum", end="b")
keep("part", net.blobs["b"].diff)

# training, step by step
solver = caffe.get_solver("solver.prototxt")
solver.net.copy_from("start.caffemodel")
keep("before", [solver.iter, len(solver.test_nets), solver.param.max_iter])
solver.step(1)
keep_blobs("one step", solver.net, ["conv", "pool", "fc", "loss", "label"])
keep_weights("one step", solver.net)
keep_weights("one step", solver.net, "diff")
solver.step(4)
keep("five", [solver.iter])
keep_weights("five", solver.net)
keep("loss", solver.net.blobs["loss"].data)
test = solver.test_nets[0]
test.share_with(solver.net)
keep("test net", test.forward()["accuracy"])
keep_weights("test net's", test)

# a loop of one's own
solver.net.clear_param_diffs()
solver.net.forward()
solver.net.backward()
keep_weights("own", solver.net, "diff")
solver.apply_update()
keep_weights("own", solver.net)
keep_weights("own step", solver.net, "diff")
solver.snapshot()
keep("six", [solver.iter])

# resumed
resumed = caffe.SGDSolver("solver.prototxt")
resumed.restore(whose + "_iter_6.solverstate")
keep("resumed", [resumed.iter])
keep_weights("resumed", resumed.net)
resumed.solve()
keep("solved", [resumed.iter])
np.savez(out, **found)
