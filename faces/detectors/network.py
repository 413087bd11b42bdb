"""A net of a detector, run by OpenVINO on one thread of the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DetectorError


class Network:
    """Loads a .tflite or .onnx file, or an IR: `Network(path)(tensor)` returns the outputs in the file's order."""

    def __init__(self, path: Path) -> None:
        import openvino

        try:
            core = openvino.Core()
            # Several pictures at a time keep the cores busy already; and f32, so that every machine finds the same faces.
            settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
            self.request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()
        except RuntimeError as error:
            raise DetectorError(f"{path}: OpenVINO cannot load it ({str(error).strip().splitlines()[-1]}).") from error

    def __call__(self, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return copies of the outputs for one input."""
        results = self.request.infer([np.ascontiguousarray(tensor, np.float32)])
        return [np.array(value) for value in results.values()]

    def named(self, tensor: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Return copies of the outputs by their names, for one input of the net's own type."""
        results = self.request.infer([np.ascontiguousarray(tensor)])
        return {name: np.array(value, np.float32) for port, value in results.items() for name in port.names}
