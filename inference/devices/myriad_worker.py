"""Drives a Myriad X stick: loads networks once, then answers each line of JSON on stdin with one on stdout.

Runs in the Python that holds an OpenVINO with the MYRIAD plugin (3.6 and newer), never in the runner's; it imports
nothing of the project. Requests and replies:

    {"do": "load", "device": "MYRIAD", "networks": {NAME: {"blob": PATH (may be absent), "xml": PATH}}}
        -> {"runtime": "2021.4.2",
            "networks": {NAME: {"source": "blob" or "xml", "inputs": {BLOB: SHAPE}, "outputs": [BLOB]}}}
    {"do": "infer", "network": NAME, "input": BLOB, "shape": [1, C, H, W], "data": BASE64 of the uint8 values}
        -> {"outputs": {BLOB: [numbers]}}
    anything that fails -> {"error": TEXT}
"""

import base64
import json
import os
import sys
from pathlib import Path

sys.path.pop(0)  # this folder: its module names are no business of the runtime

import numpy as np


class InferenceEngine:
    """OpenVINO up to 2021.4: IECore, blobs by import_network."""

    def __init__(self):
        from openvino.inference_engine import IECore, get_version

        self.core = IECore()
        self.version = get_version()

    def import_blob(self, path, device):
        return self.core.import_network(path, device)

    def compile_ir(self, path, device):
        network = self.core.read_network(path, path[: -len("xml")] + "bin")
        for info in network.input_info.values():
            info.precision = "U8"
        return self.core.load_network(network, device)

    def inputs(self, network):
        return {name: list(info.input_data.shape) for name, info in network.input_info.items()}

    def outputs(self, network):
        return sorted(network.outputs)

    def infer(self, network, name, tensor):
        return network.infer({name: tensor})


class Runtime:
    """OpenVINO 2022.1 and newer: Core, blobs by import_model."""

    def __init__(self):
        try:
            from openvino.runtime import Core, get_version
        except ImportError:  # the module's name from 2023.1 on
            from openvino import Core, get_version

        self.core = Core()
        self.version = get_version()

    def import_blob(self, path, device):
        return self.core.import_model(Path(path).read_bytes(), device)

    def compile_ir(self, path, device):
        return self.core.compile_model(path, device)

    def inputs(self, network):
        return {port.get_any_name(): list(port.shape) for port in network.inputs}

    def outputs(self, network):
        return sorted(name for port in network.outputs for name in port.get_names())

    def infer(self, network, name, tensor):
        results = network.create_infer_request().infer({name: tensor})
        return {name: values for port, values in results.items() for name in port.get_names()}


def find_api():
    """The API of the OpenVINO that is here; the old one first, which 2022.x carries as well."""
    try:
        return InferenceEngine()
    except ImportError:
        return Runtime()


class Worker:
    """The networks on the device."""

    def __init__(self):
        self.api = find_api()
        self.networks = {}

    def load(self, request):
        described = {}
        for name, files in sorted(request["networks"].items()):
            network, source = self.open(files, request["device"])
            self.networks[name] = network
            inputs, outputs = self.api.inputs(network), self.api.outputs(network)
            described[name] = {"source": source, "inputs": inputs, "outputs": outputs}
        return {"runtime": self.api.version.split("-")[0], "networks": described}

    def open(self, files, device):
        """The blob if there is one; the IR where this runtime refuses the blob, as another version of it may."""
        if "blob" in files:
            try:
                return self.api.import_blob(files["blob"], device), "blob"
            except RuntimeError as error:
                if any(word in str(error) for word in ("NC_ERROR", "X_LINK", "not registered")):
                    raise  # the device is at fault, not the blob
                print("blob refused:", error, file=sys.stderr)
        return self.api.compile_ir(files["xml"], device), "xml"

    def infer(self, request):
        tensor = np.frombuffer(base64.b64decode(request["data"]), np.uint8).reshape(request["shape"])
        results = self.api.infer(self.networks[request["network"]], request["input"], tensor)
        return {"outputs": {name: [float(v) for v in np.ravel(values)] for name, values in results.items()}}


def main():
    """Serve requests until stdin ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the plugin prints warnings to stdout: only replies may go there
    worker = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            worker = worker or Worker()
            reply = {"load": worker.load, "infer": worker.infer}[request["do"]](request)
        except Exception as error:  # whatever it was, the other side must hear of it
            reply = {"error": " ".join(str(error).split()) or type(error).__name__}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
