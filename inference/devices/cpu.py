"""The CPU, by the current OpenVINO. It reads the same IR that the stick's blob was compiled from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import CardError, MokaError
from common.messages import COMPILE_AGAIN, last_line, shape_text

from ..errors import DeviceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard


class CpuDevice:
    """Networks, compiled for the CPU. `precision` is what OpenVINO made of the requested one.

    It is always requested. By default OpenVINO computes in bfloat16 (x86 with AVX512_BF16) or FP16 (ARM) where the CPU
    can, which changes probabilities by about 1e-2.
    """

    name = "CPU"

    def __init__(self, cards: Sequence[ModelCard], precision: str = "f32") -> None:
        import openvino as ov

        core = ov.Core()
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        self.runtime = f"OpenVINO {ov.__version__.split('-')[0]}"
        self.refused: dict[Path, MokaError] = {}
        self._networks: dict[Path, Any] = {}
        for card in cards:
            try:
                self._networks[card.path] = _compile(core, card, config)
            except MokaError as error:
                self.refused[card.path] = error
        self.precision = precision
        for network in self._networks.values():
            self.precision = network.get_property("INFERENCE_PRECISION_HINT").to_string()
        if self.precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            self.precision = "bf16 (emulated, slower than f32: this CPU has no bf16)"

    def infer(self, card: ModelCard, tensor: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run the network of `card` on uint8 1 x channels x height x width; return float32 values by output blob."""
        network = self._networks[card.path]
        port = network.input(card.input.blob)
        try:
            results = network({port: tensor.astype(port.element_type.to_dtype(), copy=False)})
        except RuntimeError as error:
            raise DeviceError(f"{card.xml_path}: OpenVINO cannot run it on the CPU: {last_line(error)}.") from error
        return {name: values.astype("float32") for port, values in results.items() for name in port.names}

    def close(self) -> None:
        """Release the networks."""
        self._networks.clear()


def _compile(core: Any, card: ModelCard, config: dict[str, str]) -> Any:
    """Read and compile one network. Raises CardError unless it is the one that the card describes."""
    xml = card.xml_path
    for file in (xml, card.bin_path):
        card.check_file(file)
    try:
        model = core.read_model(xml)
    except RuntimeError as error:
        raise CardError(f"{xml}: OpenVINO cannot read it or its .bin: {last_line(error)}. {COMPILE_AGAIN}") from error
    inputs = {name: list(port.shape) for port in model.inputs for name in port.names if port.partial_shape.is_static}
    if len(model.inputs) != 1 or inputs.get(card.input.blob) != card.input.shape:
        found = ", ".join(f'"{name}" of {shape_text(shape)}' for name, shape in inputs.items())
        raise CardError(
            f"{xml}: takes {found or 'inputs of no fixed size'}, but {card.path} describes "
            f'"{card.input.blob}" of {shape_text(card.input.shape)}. {COMPILE_AGAIN}'
        )
    outputs = {name for port in model.outputs for name in port.names}
    for output in card.outputs:
        if output.blob not in outputs:
            raise CardError(
                f'{xml}: has no output "{output.blob}", but {card.path} names it; '
                f"it has {', '.join(sorted(outputs))}. {COMPILE_AGAIN}"
            )
    try:
        return core.compile_model(model, "CPU", config)
    except RuntimeError as error:
        raise DeviceError(f"{xml}: OpenVINO cannot compile it for the CPU: {last_line(error)}.") from error
