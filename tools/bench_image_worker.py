"""Milliseconds for one image through a net, median of 30 after 5: by OpenVINO here, by pycaffe in the tool chain's Python.

Called by tools/bench.py in both Pythons: `bench_image_worker.py DEPLOY.prototxt FILE.caffemodel`. Runs on Python 3.6 and later.
"""

import statistics
import sys
import time


def pycaffe(deploy, weights):
    """A function that runs the net once, in real Caffe."""
    import caffe

    caffe.set_mode_cpu()
    return caffe.Net(deploy, caffe.TEST, weights=weights).forward


def openvino(deploy, weights):
    """A function that runs the converted net once, in f32, as run_inference.py does."""
    import openvino as ov

    from caffe_io.prototxt import read_net
    from caffe_io.weights import read_weights
    from ncs.converter import convert

    model = convert(read_net(deploy), read_weights(weights))
    request = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    return request.infer


def main():
    """Time the one that this Python has."""
    try:
        import caffe  # noqa: F401

        make = pycaffe
    except ImportError:
        make = openvino
    run_once = make(*sys.argv[1:])
    times = []
    for _ in range(35):
        begun = time.perf_counter()
        run_once()
        times.append(time.perf_counter() - begun)
    print("%.2f ms" % (1000 * statistics.median(times[5:])))  # Python 3.6


if __name__ == "__main__":
    main()
