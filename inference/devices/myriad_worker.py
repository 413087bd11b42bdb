"""Drives a Myriad X stick: loads networks once, then runs them.

common/helper.py runs this file in a Python (3.6 or newer) that holds an OpenVINO with the MYRIAD plugin.
worker_device.py says what its functions take and return.
"""

import sys
from pathlib import Path

import numpy as np

# As many requests as the device can have in flight.
OPTIMAL = 0


class InferenceEngine:
    """OpenVINO up to 2021.4: IECore, and blobs by import_network."""

    def __init__(self):
        from openvino.inference_engine import IECore, get_version

        self.core = IECore()
        self.version = get_version()

    def import_blob(self, path, device):
        """Load a compiled blob."""
        return self.core.import_network(path, device, None, OPTIMAL)

    def compile_ir(self, path, device):
        """Compile an IR."""
        network = self.core.read_network(path, path[: -len("xml")] + "bin")
        for info in network.input_info.values():
            info.precision = "U8"
        return self.core.load_network(network, device, None, OPTIMAL)

    def inputs(self, network):
        """Return the shapes of the inputs by name."""
        return {name: list(info.input_data.shape) for name, info in network.input_info.items()}

    def outputs(self, network):
        """Return the names of the outputs."""
        return sorted(network.outputs)

    def requests(self, network):
        """Return the requests that keep the device busy."""
        return network.requests

    def begin(self, request, name, tensor):
        """Start a request."""
        request.async_infer({name: tensor})

    def end(self, request):
        """Wait for a request; return its outputs by name."""
        status = request.wait()
        if status != 0:
            raise RuntimeError(f"the request ended with status {status} (NC_ERROR)")
        return {name: np.array(blob.buffer) for name, blob in request.output_blobs.items()}


class Runtime:
    """OpenVINO 2022.1 and newer: Core, and blobs by import_model. The methods are those of InferenceEngine."""

    def __init__(self):
        try:
            from openvino.runtime import Core, get_version
        except ImportError:
            # The name of the module from 2023.1 on.
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

    def requests(self, network):
        count = int(network.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        return [network.create_infer_request() for _ in range(count)]

    def begin(self, request, name, tensor):
        request.start_async({name: tensor})

    def end(self, request):
        request.wait()
        return {name: np.array(values) for port, values in request.results.items() for name in port.get_names()}


def find_api():
    """Return the API of the OpenVINO that is installed. 2022.x has both; the old one goes first."""
    try:
        return InferenceEngine()
    except ImportError:
        return Runtime()


def concerns_device(error):
    """Return whether the device is the problem, and not the network."""
    return any(word in str(error) for word in ("NC_ERROR", "X_LINK", "not registered"))


class Stick:
    """The networks on the device."""

    def __init__(self):
        self.api = None
        self.networks = {}
        self.requests = {}

    def load(self, values, arrays):
        """Load networks and describe them."""
        self.api = find_api()
        described = {}
        for name, files in sorted(values["networks"].items()):
            try:
                network, source = self.open(files, values["device"])
            except RuntimeError as error:
                if concerns_device(error):
                    raise
                described[name] = {"error": str(error)}
                continue
            self.networks[name] = network
            inputs, outputs = self.api.inputs(network), self.api.outputs(network)
            described[name] = {"source": source, "inputs": inputs, "outputs": outputs}
        return {"runtime": self.api.version.split("-")[0], "networks": described}, {}

    def open(self, files, device):
        """Load the blob if there is one. This runtime may refuse a blob of another version; then compile the IR."""
        if "blob" in files:
            try:
                return self.api.import_blob(files["blob"], device), "blob"
            except RuntimeError as error:
                if concerns_device(error):
                    raise
                print("blob refused:", error, file=sys.stderr)
        return self.api.compile_ir(files["xml"], device), "xml"

    def infer(self, values, arrays):
        """Run one network on each array, as many at a time as the device takes."""
        name, source = values["network"], values["input"]
        if name not in self.requests:
            self.requests[name] = self.api.requests(self.networks[name])
        requests = self.requests[name]
        tensors = [np.asarray(arrays[str(number)]) for number in range(len(arrays))]
        found = []
        for number, tensor in enumerate(tensors):
            request = requests[number % len(requests)]
            if number >= len(requests):
                found.append(self.api.end(request))
            self.api.begin(request, source, tensor)
        for number in range(len(found), len(tensors)):
            found.append(self.api.end(requests[number % len(requests)]))
        results = {
            f"{number}/{blob}": numbers for number, outputs in enumerate(found) for blob, numbers in outputs.items()
        }
        return {"ticket": values["ticket"]}, results


STICK = Stick()
FUNCTIONS = {"load": STICK.load, "infer": STICK.infer}
