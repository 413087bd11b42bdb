"""Uses pycaffe's interface, the real pycaffe's or ours: `python pycaffe_script.py WHOSE OUT.npz`. Needs Python 3.6 or later.

test_pycaffe.py compares the arrays that it collects.
"""

import sys
from pathlib import Path

import numpy as np

whose, out = sys.argv[1:]
if whose == "ours":
    from training import pycaffe as caffe
else:
    import caffe
    import skimage.io

    read = skimage.io.imread  # its as_grey, which Caffe's load_image uses, is called as_gray by now
    skimage.io.imread = lambda name, as_grey: read(name, as_gray=as_grey)
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

# names and numbers of layers and blobs, Splits included; each copy of a Split has its own diff
for names in [net._layer_names, net._blob_names, *net.top_names.values(), *net.bottom_names.values()]:
    keep(" ".join(["names", *names]), [0])
for index in range(len(net.layers)):
    keep("ids " + str(index), [*net._bottom_ids(index), -1, *net._top_ids(index)])
keep("inputs and outputs", [*net._inputs, -1, *net._outputs])
keep_blobs("all", net, list(net.blobs))
keep("loss weights", list(net.blob_loss_weights.values()))
for blob in list(net.blobs.values()) + [blob for blobs in net.params.values() for blob in blobs]:
    for array in (blob.data, blob.diff):
        flags = array.flags
        kinds = [flags.c_contiguous, flags.writeable, flags.owndata, flags.aligned]
        keep("flags " + str(len(found)), [*kinds, *array.strides])
net.params["conv"][0].data.ravel()[:3] = [1, 2, 3]
net.params["conv"][0].data.reshape(4, -1)[2] = 4
flat = net.params["conv"][0].data
flat.shape = (-1,)
flat[-1] = 5
keep("written through views", net.params["conv"][0].data)

# backward without forward
apart = caffe.Net("deploy.prototxt", caffe.TEST, weights="start.caffemodel")
apart.blobs["pool"].data[...] = random.uniform(-1, 1, apart.blobs["pool"].data.shape)
apart.blobs["fc"].diff[...] = random.uniform(-1, 1, apart.blobs["fc"].data.shape)
apart.backward(start="fc", end="fc")
keep("apart", apart.params["fc"][0].diff)

# callbacks, and batches both ways
calls = []
for when in ("before_forward", "after_forward", "before_backward", "after_backward"):
    getattr(net, when)(lambda i, when=when: calls.append(when[0] + when[-8] + net._layer_names[i]))
net.forward()
net.backward(start="sum", end="b")
calls = [call for call in calls if "split" not in call]
keep("calls", [len(calls)])
keep("what was called", [sum(ord(letter) * (i + 1) for i, letter in enumerate(call)) for call in calls])
many = random.uniform(0, 1, (5, 3, 12, 12)).astype(np.float32)
outs, grads = net.forward_backward_all(
    ["conv"], ["pool"], data=many, sum=random.uniform(-1, 1, (5, *net.blobs["sum"].data.shape[1:]))
)
for name, values in sorted(outs.items()) + sorted(grads.items()):
    keep("all " + name, np.asarray(values)[:5])

# pictures
transformer = caffe.io.Transformer({"data": (1, 3, 12, 12)})
transformer.set_transpose("data", (2, 0, 1))
transformer.set_channel_swap("data", (2, 1, 0))
transformer.set_raw_scale("data", 255)
transformer.set_mean("data", random.uniform(90, 130, 3))
transformer.set_input_scale("data", 0.01)
for name in ("colour", "grey", "alpha"):
    loaded = caffe.io.load_image(name + ".png")
    keep(name, loaded)
    prepared = transformer.preprocess("data", loaded)
    keep(name + " prepared", prepared)
    keep(name + " back", transformer.deprocess("data", prepared))
    keep(name + " larger", caffe.io.resize_image(loaded, (40, 31)))
    keep(name + " taller", caffe.io.resize_image(loaded, (30, 9)))
for name in ("phone.jpg", "phone_grey.jpg", "marked.png", "marked.tif"):
    keep(name, caffe.io.load_image(name))
keep("alpha as grey", caffe.io.load_image("alpha.png", color=False))
keep("colour as grey", caffe.io.load_image("colour.png", color=False))
keep("grey as grey", caffe.io.load_image("grey.png", False))
for size in ((7, 9), (40, 31)):
    keep("nearest " + str(size[0]), caffe.io.resize_image(loaded, size, interp_order=0))
keep("nearest of two channels", caffe.io.resize_image(np.arange(126.0).reshape(9, 7, 2), (4, 11), interp_order=0))
keep("two channels", caffe.io.resize_image(random.uniform(0, 1, (9, 7, 2)).astype(np.float32), (5, 11)))
keep("crops", caffe.io.oversample([random.uniform(0, 1, (9, 8, 3)) for _ in range(2)], (5, 6)))
transformer.set_mean("data", random.uniform(90, 130, (3, 20, 17)))
keep("mean picture", transformer.preprocess("data", loaded))
array = random.uniform(0, 1, (2, 3, 4)).astype(np.float32)
blob = caffe.io.array_to_blobproto(array, array + 1)
keep("blob", caffe.io.blobproto_to_array(blob))
keep("its diff", caffe.io.blobproto_to_array(blob, True))
keep("datum", caffe.io.datum_to_array(caffe.io.array_to_datum(array, 3)))
keep("label", [caffe.io.array_to_datum(array, 3).label])
classifier = caffe.Classifier(
    "deploy.prototxt", "start.caffemodel", image_dims=(16, 18), raw_scale=255, channel_swap=(2, 1, 0),
    mean=np.array([100.0, 110, 120]), input_scale=0.01,
)  # fmt: skip
pictures = [caffe.io.load_image(name + ".png") for name in ("colour", "alpha", "grey")]
keep("ten crops", classifier.predict(pictures))
keep("the middle", classifier.predict(pictures, oversample=False))

# a net written here
L, P = caffe.layers, caffe.params
n = caffe.NetSpec()
n.data, n.label = L.Data(source="records", backend=P.Data.LMDB, batch_size=6, ntop=2, transform_param={"scale": 0.01})
n.conv = L.Convolution(n.data, num_output=4, kernel_size=3, weight_filler={"type": "xavier"}, param=[{"lr_mult": 2}])
n.relu = L.ReLU(n.conv, in_place=True)
n["fc"] = L.InnerProduct(L.Pooling(n.relu, pool=P.Pooling.AVE, kernel_size=2, stride=2), num_output=3)
n.loss = L.SoftmaxWithLoss(n.fc, n.label, include={"phase": caffe.TRAIN})
n.silence = L.Silence(n.loss, ntop=0)
Path(whose + "_spec.prototxt").write_text(str(n.to_proto()))
Path(whose + "_tops.prototxt").write_text(
    str(caffe.to_proto(L.Concat(L.DummyData(shape={"dim": [2, 3]}), L.DummyData(shape={"dim": [2, 4]}))))
)
spec = caffe.Net(whose + "_spec.prototxt", caffe.TRAIN)
keep("spec", spec.blobs["fc"].data.shape)

# a solver whose nets the script feeds
Path("fed.prototxt").write_text("""
layer { name: "data" type: "Input" top: "data" top: "label" input_param { shape { dim: 2 dim: 4 } shape { dim: 2 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }""")
Path(whose + "_fed_solver.prototxt").write_text(
    'net: "fed.prototxt" test_iter: 1 test_interval: 1 base_lr: 0.1 lr_policy: "fixed" max_iter: 9 snapshot_prefix: "x"'
)
fed = caffe.get_solver(whose + "_fed_solver.prototxt")
for each in (fed.net, fed.test_nets[0]):
    each.blobs["data"].data[...] = 0.5
    each.blobs["label"].data[...] = 2
fed.step(2)
keep("fed", fed.test_nets[0].blobs["loss"].data)

# training, step by step
solver = caffe.get_solver("solver.prototxt")
solver.net.copy_from("start.caffemodel")
keep("before", [solver.iter, len(solver.test_nets), solver.param.max_iter])
turns = []
solver.add_callback(lambda: turns.append(solver.iter), lambda: turns.append(-solver.iter - 1))
solver.step(1)
keep_blobs("one step", solver.net, ["conv", "pool", "fc", "loss", "label"])
keep_weights("one step", solver.net)
keep_weights("one step", solver.net, "diff")
solver.step(4)
keep("five", [solver.iter])
keep("turns", turns)
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
