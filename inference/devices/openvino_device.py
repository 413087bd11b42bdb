"""What the current OpenVINO runs by itself: CPU, GPU and NPU. It reads the same IR that the stick's blob was compiled from."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import CardError, MokaError
from common.messages import COMPILE_AGAIN, last_line, shape_text
from common.places import ROOT

from ..errors import DeviceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard

CACHE = ROOT / ".cache" / "openvino"
"""Where OpenVINO keeps what it compiled, so that the next start is quicker."""
CACHE_FROM = 1 << 20
"""Bytes of a network's weights. Smaller ones are compiled as fast as they are read."""
CACHED_FILES = 16
"""The oldest are deleted beyond that: OpenVINO itself deletes none, and each net that was trained again adds one."""


class OpenVinoDevice:
    """Networks, compiled for one of OpenVINO's devices. `precision` is what OpenVINO made of the requested one.

    It is always requested. By default OpenVINO computes in bfloat16 (x86 with AVX512_BF16) or FP16 (ARM, GPU) where the device
    can, which changes probabilities by about 1e-2.

    `hint` is "latency" (one face at a time is answered soonest) or "throughput" (most faces a second): a CPU then runs several
    requests side by side, each on its share of the cores.
    """

    name: str

    def __init__(self, cards: Sequence[ModelCard], precision: str = "f32", hint: str = "latency") -> None:
        import openvino as ov

        self._core = ov.Core()
        self.check_device(self._core)
        config = {"PERFORMANCE_HINT": hint.upper(), **self.precision_config(precision)}
        self.runtime = f"OpenVINO {ov.__version__.split('-')[0]}"
        self.refused: dict[Path, MokaError] = {}
        self._networks: dict[Path, Any] = {}
        self._requests: dict[Path, list[Any]] = {}
        for card in cards:
            try:
                self._networks[card.path] = self._compile(card, config)
            except MokaError as error:
                self.refused[card.path] = error
        self.precision = precision
        for network in self._networks.values():
            self.precision = network.get_property("INFERENCE_PRECISION_HINT").to_string()

    def check_device(self, core: Any) -> None:
        """Raise DeviceError if OpenVINO does not find the device."""

    def precision_config(self, precision: str) -> dict[str, str]:
        """Return the options of OpenVINO for a precision of the command line."""
        return {"INFERENCE_PRECISION_HINT": precision}

    def infer(self, card: ModelCard, tensor: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """Run the network of `card` on uint8 1 x channels x height x width; return float32 values by output blob."""
        return self.infer_many(card, [tensor])[0]

    def infer_many(
        self, card: ModelCard, tensors: Sequence[NDArray[np.uint8]]
    ) -> list[Mapping[str, NDArray[np.float32]]]:
        """Run the network of `card` on each tensor, several at a time; return their values in the same order.

        A stream of requests is faster than one request with a batch of faces: tools/bench/devices.py compares them.
        """
        network = self._networks[card.path]
        port = network.input(card.input.blob)
        kind = port.element_type.to_dtype()
        requests = self._requests_for(card.path, len(tensors))
        found: list[Mapping[str, NDArray[np.float32]]] = []
        try:
            for number, tensor in enumerate(tensors):
                request = requests[number % len(requests)]
                if number >= len(requests):
                    found.append(_values(request))
                request.start_async({port: tensor.astype(kind, copy=False)})
            for number in range(len(found), len(tensors)):
                found.append(_values(requests[number % len(requests)]))
        except BaseException as error:
            # Those still running would be in the way of the next call.
            self._requests.pop(card.path, None)
            if not isinstance(error, RuntimeError):
                raise
            raise DeviceError(
                f"{card.xml_path}: OpenVINO cannot run it on the {self.name}: {last_line(error)}."
            ) from error
        return found

    def close(self) -> None:
        """Release the networks."""
        self._requests.clear()
        self._networks.clear()

    def _requests_for(self, path: Path, count: int) -> list[Any]:
        """Return requests for `count` tensors: twice as many as the device works on at a time, so that none of it waits."""
        network = self._networks[path]
        requests = self._requests.setdefault(path, [])
        most = 2 * int(network.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")) if count > 1 else 1
        while len(requests) < min(most, count):
            requests.append(network.create_infer_request())
        return requests

    def _compile(self, card: ModelCard, config: Mapping[str, str]) -> Any:
        """Read and compile one network. Raises CardError unless it is the one that the card describes."""
        xml = card.xml_path
        for file in (xml, card.bin_path):
            card.check_file(file)
        try:
            model = self._core.read_model(xml)
        except RuntimeError as error:
            raise CardError(
                f"{xml}: OpenVINO cannot read it or its .bin: {last_line(error)}. {COMPILE_AGAIN}"
            ) from error
        inputs = {
            name: list(port.shape) for port in model.inputs for name in port.names if port.partial_shape.is_static
        }
        if len(model.inputs) != 1 or inputs.get(card.input.blob) != card.input.shape:
            found = ", ".join(f'"{name}" of {shape_text(shape)}' for name, shape in inputs.items())
            raise CardError(
                f"{xml}: takes {found or 'inputs of no fixed size'}, but {card.path} describes "
                f'"{card.input.blob}" of {shape_text(card.input.shape)}. {COMPILE_AGAIN}'
            )
        outputs = {name for port in model.outputs for name in port.names}
        for blob in card.device_blobs:
            if blob not in outputs:
                raise CardError(
                    f'{xml}: has no output "{blob}", but {card.path} names it; '
                    f"it has {', '.join(sorted(outputs))}. {COMPILE_AGAIN}"
                )
        try:
            return self._core.compile_model(model, self.name, {**config, **_cache_config(card.bin_path)})
        except RuntimeError as error:
            raise DeviceError(f"{xml}: OpenVINO cannot compile it for the {self.name}: {last_line(error)}.") from error


def _values(request: Any) -> dict[str, NDArray[np.float32]]:
    """Wait for a request; return its values by output blob. They are copies, as the request will be used again."""
    import numpy as np

    request.wait()
    return {name: np.array(values, np.float32) for port, values in request.results.items() for name in port.names}


def _cache_config(weights: Path) -> dict[str, str]:
    """Return the option that has OpenVINO keep what it compiled, where that is worth it and the folder can be written."""
    with contextlib.suppress(OSError):
        if weights.stat().st_size >= CACHE_FROM:
            CACHE.mkdir(parents=True, exist_ok=True)
            kept = sorted(CACHE.glob("*.blob"), key=lambda file: file.stat().st_mtime)
            for file in kept[: max(0, len(kept) - CACHED_FILES + 1)]:
                file.unlink()
            if os.access(CACHE, os.W_OK):
                return {"CACHE_DIR": str(CACHE)}
    return {}
