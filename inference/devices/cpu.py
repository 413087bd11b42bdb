"""The CPU, by the current OpenVINO, which reads the same IR that the stick's blob was compiled from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common.errors import CardError

from ..errors import DeviceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard


_AGAIN = "Run ./compile2Movidius.sh again"


class CpuDevice:
    """All networks compiled for the CPU.

    Without a hint OpenVINO computes in bfloat16 (x86 with AVX512_BF16) or FP16 (ARM) wherever the CPU can, and the
    probabilities then differ by some 1e-2; so the precision is always set. `precision` holds what OpenVINO made of it.
    """

    name = "CPU"

    def __init__(self, cards: Sequence[ModelCard], precision: str = "f32") -> None:
        import openvino as ov

        self.runtime = f"OpenVINO {ov.__version__.split('-')[0]}"
        self._core = ov.Core()
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        self._networks = {card.name: _compile(self._core, card, config) for card in cards}
        used = next(iter(self._networks.values())).get_property("INFERENCE_PRECISION_HINT")
        self.precision = used.to_string()
        if self.precision == "bf16" and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            self.precision = "bf16 (emulated, slower than f32: this CPU has no bf16)"

    def infer(self, card: ModelCard, tensor: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """uint8 (1, channels, height, width) → float32 values by output blob."""
        network = self._networks[card.name]
        port = network.input(card.input.blob)
        results = network({port: tensor.astype(port.element_type.to_dtype(), copy=False)})
        return {name: values.astype("float32") for port, values in results.items() for name in port.names}

    def close(self) -> None:
        """Let the networks go."""
        self._networks.clear()


def _compile(core: Any, card: ModelCard, config: dict[str, str]) -> Any:
    """Read and compile one network, and see that it is the one on the card."""
    for file in (card.xml_path, card.bin_path):
        card.check_file(file)
    try:
        model = core.read_model(card.xml_path)
    except RuntimeError as error:
        raise CardError(f"{card.xml_path}: OpenVINO cannot read it or its .bin: {_last(error)}. {_AGAIN}") from None
    inputs = {name: list(port.shape) for port in model.inputs for name in port.names if port.partial_shape.is_static}
    outputs = {name for port in model.outputs for name in port.names}
    if len(model.inputs) != 1 or inputs.get(card.input.blob) != card.input.shape:
        raise CardError(
            f"{card.xml_path}: takes {inputs}; {card.path} says {card.input.blob} of {card.input.shape}. {_AGAIN}"
        )
    for output in card.outputs:
        if output.blob not in outputs:
            raise CardError(
                f'{card.xml_path}: has no output "{output.blob}", but {card.path} names it; '
                f"it has {', '.join(sorted(outputs))}. {_AGAIN}"
            )
    try:
        return core.compile_model(model, "CPU", config)
    except RuntimeError as error:
        raise DeviceError(f"{card.xml_path}: OpenVINO cannot compile it for the CPU: {_last(error)}") from None


def _last(error: RuntimeError) -> str:
    """OpenVINO's message without the source lines of OpenVINO above it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "no reason given"
