"""Looks at pycaffe's arrays, the real pycaffe's or ours: `python pycaffe_memory_script.py WHOSE NETS.json OUT.json`.

For each net: the layout of all arrays of blobs and weights, which of them are the same memory, and what the net computes
after writes through views of them. Needs Python 3.6 or later. test_pycaffe_memory.py compares what it finds.
"""

import json
import sys
from pathlib import Path

import numpy as np

whose, nets, out = sys.argv[1:]
if whose == "ours":
    from training import pycaffe as caffe
else:
    import caffe


def arrays(net):
    found = {}
    for name, blob in net.blobs.items():
        found[name + " data"] = blob.data
        found[name + " diff"] = blob.diff
    for layer, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            found[f"{layer} {index} weight"] = blob.data
            found[f"{layer} {index} weight diff"] = blob.diff
    return found


def layout(array):
    flags = array.flags
    return [
        str(array.dtype),
        list(array.shape),
        list(array.strides),
        flags.c_contiguous,
        flags.writeable,
        flags.owndata,
    ]


def shared(net):
    """Names of arrays that begin at the same place."""
    places = {}
    for name, array in arrays(net).items():
        if array.size:
            places.setdefault(array.__array_interface__["data"][0], []).append(name)
    return sorted(names for names in places.values() if len(names) > 1)


def ends(net):
    return {name: net.blobs[name].data.ravel().tolist() for name in net.outputs}


def look(path, backward):
    random = np.random.RandomState(3)
    net = caffe.Net(path, caffe.TRAIN)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = random.uniform(0.2, 1, blob.data.shape)
    given = {}
    for name in net.inputs:
        whole = name in ("label", "index")
        shape = net.blobs[name].data.shape
        given[name] = random.randint(0, 2, shape) if whole else random.uniform(0.2, 0.8, shape)

    def run():
        for name, values in given.items():
            net.blobs[name].data[...] = values
        net.forward()

    run()
    if backward:
        net.backward()
    found = {
        "layouts": {name: layout(array) for name, array in arrays(net).items()},
        "shared": shared(net),
        "ends": [ends(net)],
    }
    held = arrays(net)
    for name in sorted(held):
        if not name.endswith("weight"):
            continue
        array = held[name]
        array[...] = array * 1.5
        array.ravel()[0] = 0.3
        array.reshape(array.shape[0] if array.ndim else 1, -1)[0, -1:] = 0.7
        array.T[..., :1] += 0.1
        run()
        found["ends"].append(ends(net))
    # Into every blob, and on from there.
    for index, layer in enumerate(net._layer_names):
        for name in net.top_names[layer]:
            array = net.blobs[name].data
            if not array.size or name in net.inputs:
                continue
            run()
            array.ravel()[0] = 0.25
            array.reshape(array.shape[0] if array.ndim else 1, -1)[0, -1:] = 0.75
            seen = {other: blob.data.ravel().tolist() for other, blob in net.blobs.items()}
            if index + 1 < len(net._layer_names):
                net.forward(start=net._layer_names[index + 1])
            found["ends"] += [seen, ends(net)]
    found["still held"] = all(held[name].tolist() == array.tolist() for name, array in arrays(net).items())
    return found


caffe.set_mode_cpu()
results = {}
for name, text in json.loads(Path(nets).read_text()).items():
    Path(whose + ".prototxt").write_text(text)
    results[name] = look(whose + ".prototxt", text.startswith("force_backward"))
Path(out).write_text(json.dumps(results))
