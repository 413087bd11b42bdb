"""Prints how long one picture takes through AgeNet, from pixels to probabilities: the median of 30 runs after 5.

    image_worker.py [f32|bf16]                       with the runner and the compiled net in graph/
    image_worker.py DEPLOY.prototxt FILE.caffemodel  with pycaffe, in the tool chain's Python

Runs on Python 3.6 and later.
"""

import statistics
import sys
import time

import numpy as np

PICTURE = np.random.RandomState(0).randint(0, 256, (227, 227, 3)).astype(np.uint8)


def pycaffe(deploy, weights):
    """Return a function that subtracts a mean and runs the net once in the real Caffe."""
    import caffe

    caffe.set_mode_cpu()
    net = caffe.Net(deploy, caffe.TEST, weights=weights)

    def run_once():
        net.blobs["data"].data[...] = PICTURE.transpose(2, 0, 1) - np.float32(128)
        return net.forward()

    return run_once


def runner(precision="f32"):
    """Return a function that runs all nets of graph/ once on the CPU."""
    from inference.runner import Runner

    loaded = Runner("graph", "CPU", precision)
    return lambda: loaded.answer(PICTURE)


def main():
    """Time whichever of the two this Python can import."""
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
    print("%.2f ms" % (1000 * statistics.median(times[5:])))


if __name__ == "__main__":
    main()
