"""A Myriad X stick (Neural Compute Stick 2), driven by a helper process in an older Python.

The MYRIAD plugin ended with OpenVINO 2022.3. So it runs in the Python of the tool chain (OpenVINO 2021.4.2), or in the
one that MOKA_MYRIAD_PYTHON names, such as one with the OpenVINO 2022.3.2 archive on a Raspberry Pi.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import CardError, MokaError
from common.helper import Helper, HelperEnded, HelperError, HelperNotStarted, HelperRefused, HelperTimeout, Reply
from common.messages import COMPILE_AGAIN, shape_text
from common.places import make_toolchain, toolchain_program
from myriad.lock import why_locked_out

from ..errors import DeviceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard

WORKER = Path(__file__).with_name("myriad_worker.py")
VARIABLE = "MOKA_MYRIAD_PYTHON"
# The search for a stick takes 5 seconds. A blob is about 25 MB, which takes longest over USB 2.
LOAD_SECONDS = 120.0
INFER_SECONDS = 30.0

_CHECK = "Check the cable, the power of the hub and the udev rule (tools/97-moka-myriad.rules)"
NO_STICK = f"There is no Movidius stick on USB (looked for 03e7:2485 and 03e7:f63b). {_CHECK}, or use --device CPU."
NOT_OPENED = (
    "The Movidius stick (03e7:2485 or 03e7:f63b) is missing or does not open (NC_ERROR). "
    f"{_CHECK}, and that no other program uses it."
)


def worker_python() -> Path:
    """Return the Python that can drive a stick. Raises DeviceError, which says how to get one."""
    named = os.environ.get(VARIABLE)
    python = Path(named) if named else toolchain_program("movidius", "python")
    if os.access(python, os.X_OK) and python.is_file():
        return python
    if named:
        raise DeviceError(f"{VARIABLE}={named}: no such program. Name a Python with OpenVINO 2021.4 or 2022.3.")
    raise DeviceError(
        f"the tool chain that drives it is missing. Install it: {make_toolchain('movidius')} "
        f"(on a Raspberry Pi set {VARIABLE}, see docs/raspberry_pi.md)."
    )


class MyriadDevice:
    """Networks on one stick, loaded once. `sources` says of each whether it came from its blob or its IR (xml).

    `python` is the tool chain's by default. `device` is another of its plugins only in tests.
    """

    precision = "f16"

    def __init__(self, cards: Sequence[ModelCard], python: Path | None = None, device: str = "MYRIAD") -> None:
        self.name = device
        self.refused: dict[Path, MokaError] = {}
        networks = {}
        for card in cards:
            try:
                networks[str(card.path)] = _files(card)
            except CardError as error:
                self.refused[card.path] = error
        # A PYTHONPATH that belongs to a Python of the user's choice may come from its OpenVINO's setupvars.sh.
        keep = bool(os.environ.get(VARIABLE))
        try:
            self._helper = Helper(
                "the program that drives the stick", python or worker_python(), WORKER, keep_python_path=keep
            )
        except HelperNotStarted as error:
            raise DeviceError(str(error)) from error
        try:
            loaded = self._call("load", {"device": device, "networks": networks}, {}, LOAD_SECONDS).values
            self.runtime = f"OpenVINO {loaded['runtime']}"
            self.sources: dict[Path, str] = {}
            for card in cards:
                network = loaded["networks"].get(str(card.path))
                if network is None:
                    continue
                try:
                    _compare(card, network)
                    self.sources[card.path] = network["source"]
                except MokaError as error:
                    self.refused[card.path] = error
        except BaseException:
            self.close()
            raise

    def infer(self, card: ModelCard, tensor: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run the network of `card` on uint8 1 x channels x height x width; return float32 values by output blob."""
        import numpy as np

        request = {"network": str(card.path), "input": card.input.blob}
        answer = self._call("infer", request, {"tensor": tensor}, INFER_SECONDS)
        return {name: np.asarray(values).astype(np.float32) for name, values in answer.arrays.items()}

    def infer_many(
        self, card: ModelCard, tensors: Sequence[NDArray[np.uint8]]
    ) -> list[Mapping[str, NDArray[np.float32]]]:
        """Run the network of `card` on each tensor; return their values in the same order."""
        return [self.infer(card, tensor) for tensor in tensors]

    def close(self) -> None:
        """End the process, which releases the stick."""
        self._helper.close()

    def _call(
        self, function: str, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], seconds: float
    ) -> Reply:
        try:
            return self._helper.call(function, values, arrays, seconds=seconds)
        except HelperRefused as error:
            raise DeviceError(explain(error.reason or error.kind)) from error
        except HelperTimeout as error:
            raise DeviceError(
                f"The stick gave no answer in {seconds:g} s. Unplug it and plug it in again, best into a powered hub."
            ) from error
        except HelperError as error:
            locked_out = why_locked_out() if isinstance(error, HelperEnded) else ""
            raise DeviceError(locked_out or str(error)) from error


def _files(card: ModelCard) -> dict[str, str]:
    """Return the files that the worker may load: the blob, if there is one, and the IR for a runtime that refuses it."""
    files = {"xml": str(card.xml_path.resolve())}
    for file in (card.xml_path, card.bin_path):
        # Only the blob need be copied to the machine with the stick.
        if card.blob_path is None or file.exists():
            card.check_file(file)
    if card.blob_path:
        card.check_file(card.blob_path)
        files["blob"] = str(card.blob_path.resolve())
    return files


def _compare(card: ModelCard, network: Mapping[str, Any]) -> None:
    """Raise DeviceError if the network was refused, and CardError if it has other inputs or outputs than the card describes."""
    if "error" in network:
        raise DeviceError(f"{card.blob_path or card.xml_path}: {explain(network['error'])}")
    inputs, outputs = network["inputs"], network["outputs"]
    described = [output.blob for output in card.outputs]
    if inputs == {card.input.blob: card.input.shape} and set(described) <= set(outputs):
        return
    found = ", ".join(f'"{name}" of {shape_text(shape)}' for name, shape in inputs.items())
    raise CardError(
        f"{card.blob_path or card.xml_path}: takes {found} and gives {', '.join(sorted(outputs))}, but {card.path} describes "
        f'"{card.input.blob}" of {shape_text(card.input.shape)} and {", ".join(described)}. {COMPILE_AGAIN}'
    )


def explain(reason: str) -> str:
    """Turn an error of the stick's OpenVINO into a sentence about what the user can do."""
    reason = " ".join(reason.split())
    if "NC_ERROR" in reason or "X_LINK" in reason:
        return NOT_OPENED
    if "libusb" in reason:
        return "The stick's driver needs libusb-1.0, which is not installed: sudo apt install libusb-1.0-0"
    if "not registered" in reason:
        return (
            f"This OpenVINO cannot drive a stick ({reason.rstrip('.')}). "
            f"Expected 2021.4.2 ({make_toolchain('movidius')}) or a 2022.3 archive."
        )
    return f"The stick's OpenVINO says: {reason}"
