"""Compiles as ncs/myriad_worker.py does, but without the convolution unit: all stages run on SHAVEs.

It runs in the tool chain's Python.
"""

import importlib.util
from pathlib import Path

WORKER = Path(__file__).parents[2] / "ncs" / "myriad_worker.py"
SETTING = {"MYRIAD_ENABLE_HW_ACCELERATION": "NO"}


def compile_blob(values, arrays):
    from openvino import inference_engine

    plain = inference_engine.IECore

    class Software(plain):
        def load_network(self, network, device, config):
            return super().load_network(network, device, {**config, **SETTING})

    spec = importlib.util.spec_from_file_location("myriad_worker", WORKER)
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    inference_engine.IECore = Software
    try:
        return worker.compile_blob(values, arrays)
    finally:
        inference_engine.IECore = plain


FUNCTIONS = {"compile": compile_blob}
