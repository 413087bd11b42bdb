"""Computes an IR with OpenVINO 2021.4.2's CPU plugin. common/helper.py runs it in the tool chain's Python.

load: {"xml", "bin"} -> {}; its only input takes bytes.
infer: arrays {"data"} -> {}, arrays by output
"""

import numpy as np

LOADED = {}


def load(values, arrays):
    """Load an IR, to compute in float32."""
    from openvino.inference_engine import IECore

    engine = IECore()
    network = engine.read_network(model=values["xml"], weights=values["bin"])
    LOADED["source"] = next(iter(network.input_info))
    network.input_info[LOADED["source"]].precision = "U8"
    LOADED["engine"] = engine
    LOADED["net"] = engine.load_network(network, "CPU", config={"ENFORCE_BF16": "NO"})
    return {}, {}


def infer(values, arrays):
    """Compute what was loaded last."""
    found = LOADED["net"].infer({LOADED["source"]: arrays["data"]})
    return {}, {name: np.ascontiguousarray(numbers, np.float32) for name, numbers in found.items()}


FUNCTIONS = {"load": load, "infer": infer}
