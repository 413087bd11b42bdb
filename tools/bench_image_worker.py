"""Milliseconds for one picture through AgeNet, median of 30 after 5, from its pixels to the probabilities.

Here by the runner, as run_inference.py does: `bench_image_worker.py [f32|bf16]`, with the compiled net in graph/. In the tool
chain's Python by pycaffe: `bench_image_worker.py DEPLOY.prototxt FILE.caffemodel`. Runs on Python 3.6 and later.
"""

import statistics
import sys
import time

import numpy as np

PICTURE = np.random.RandomState(0).randint(0, 256, (227, 227, 3)).astype(np.uint8)


def pycaffe(deploy, weights):
    """A function that subtracts a mean and runs the net once, in real Caffe."""
    import caffe

    caffe.set_mode_cpu()
    net = caffe.Net(deploy, caffe.TEST, weights=weights)

    def run_once():
        net.blobs["data"].data[...] = PICTURE.transpose(2, 0, 1) - np.float32(128)
        return net.forward()

    return run_once


def runner(precision="f32"):
    """A function that has all nets of graph/ answer once, on the CPU."""
    from inference.runner import Runner

    loaded = Runner("graph", "CPU", precision)
    return lambda: loaded.answer(PICTURE)


def main():
    """Time the one that this Python has."""
    try:
        import caffe  # noqa: F401

        make = pycaffe
    except ImportError:
        make = runner
    run_once = make(*sys.argv[1:])
    times = []
    for _ in range(35):
        begun = time.perf_counter()
        run_once()
        times.append(time.perf_counter() - begun)
    print("%.2f ms" % (1000 * statistics.median(times[5:])))  # Python 3.6


if __name__ == "__main__":
    main()
