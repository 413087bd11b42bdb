"""A Myriad X stick (Neural Compute Stick 2), driven by a worker in an older Python.

The MYRIAD plugin ended with OpenVINO 2022.3, so it lives in another interpreter: that of the tool chain (OpenVINO
2021.4.2), or any that MOKA_MYRIAD_PYTHON names, such as one with the OpenVINO 2022.3.2 archive on a Raspberry Pi.
myriad_worker.py runs there, loads the blobs once and answers each line of JSON with one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import CardError
from common.places import toolchain_program

from ..errors import DeviceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard

WORKER = Path(__file__).with_name("myriad_worker.py")
VARIABLE = "MOKA_MYRIAD_PYTHON"
LOAD_SECONDS = 120.0  # a search for the stick takes 5 s, a blob some 25 MB over USB 2 at worst
INFER_SECONDS = 30.0

_AGAIN = "Run ./compile2Movidius.sh again"
_CHECK = "Check the cable, a powered hub and the udev rule (tools/97-moka-myriad.rules)"
NO_STICK = f"no Movidius stick on USB (looked for 03e7:2485 and 03e7:f63b). {_CHECK}, or use --device CPU"
NOT_OPENED = (
    "the Movidius stick (03e7:2485 or 03e7:f63b) is not there or does not open (NC_ERROR). "
    f"{_CHECK}, and that no other program uses it"
)


def worker_python() -> Path:
    """The interpreter that can drive a stick. DeviceError says how to get one."""
    named = os.environ.get(VARIABLE)
    python = Path(named) if named else toolchain_program("movidius", "python")
    if os.access(python, os.X_OK) and python.is_file():
        return python
    if named:
        raise DeviceError(f"{VARIABLE}={named}: no such program; wanted a Python with OpenVINO 2021.4 or 2022.3")
    raise DeviceError(
        "the tool chain that drives it is missing: run tools/toolchain.sh movidius "
        f"(on a Raspberry Pi set {VARIABLE}, see docs/raspberry_pi.md)"
    )


class MyriadDevice:
    """All networks on one stick, loaded once. `python` and `device` default to the tool chain and MYRIAD."""

    precision = "f16"

    def __init__(self, cards: Sequence[ModelCard], python: Path | None = None, device: str = "MYRIAD") -> None:
        self.name = device
        python = python or worker_python()
        request = {"do": "load", "device": device, "networks": {card.name: _network(card) for card in cards}}
        self._stderr = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (close ends it)
        pipe = subprocess.PIPE
        try:
            self._worker = subprocess.Popen(
                [python, WORKER], stdin=pipe, stdout=pipe, stderr=self._stderr, env=_environment(), encoding="utf-8"
            )
        except OSError as error:
            self._stderr.close()
            raise DeviceError(f"{python}: cannot be started: {error.strerror}") from None
        try:
            reply = self._ask(request, LOAD_SECONDS)
            self.runtime = f"OpenVINO {reply['runtime']}"
            self.sources: dict[str, str] = {name: network["source"] for name, network in reply["networks"].items()}
            for card in cards:
                _compare(card, reply["networks"][card.name])
        except BaseException:
            self.close()
            raise

    def infer(self, card: ModelCard, tensor: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """uint8 (1, channels, height, width) → float32 values by output blob."""
        import numpy as np

        data = base64.b64encode(tensor.tobytes()).decode("ascii")
        request = {"do": "infer", "network": card.name, "input": card.input.blob, "shape": tensor.shape, "data": data}
        reply = self._ask(request, INFER_SECONDS)
        return {name: np.array(values, np.float32) for name, values in reply["outputs"].items()}

    def close(self) -> None:
        """End the worker; the stick is free afterwards."""
        if self._worker.stdin:
            with contextlib.suppress(OSError):  # it may have gone already
                self._worker.stdin.close()  # the worker's sign to leave
        try:
            self._worker.wait(10)
        except subprocess.TimeoutExpired:
            self._worker.kill()
            self._worker.wait()
        if self._worker.stdout:
            self._worker.stdout.close()
        self._stderr.close()

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """One request, one reply. DeviceError if the worker reports a fault, ends, or is silent for too long."""
        worker, late = self._worker, threading.Event()
        assert worker.stdin and worker.stdout

        def stop() -> None:
            late.set()
            worker.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            worker.stdin.write(json.dumps(request) + "\n")
            worker.stdin.flush()
            line = worker.stdout.readline()
        except OSError:
            line = ""
        finally:
            timer.cancel()
        if late.is_set():
            raise DeviceError(f"the stick did not answer within {seconds:.0f} s. Plug it in anew, in a powered hub")
        if not line.endswith("\n"):
            raise DeviceError(f"the program that drives the stick ended by itself: {self._last_words()}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise DeviceError(_human(reply["error"]))
        return reply

    def _last_words(self) -> str:
        code = self._worker.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().strip().splitlines()
        return f"exit code {code}" + (f", {lines[-1]}" if lines else "")


def _network(card: ModelCard) -> dict[str, str]:
    """What the worker may load: the card's blob, if any; the IR where there is none or the runtime refuses it."""
    network = {"xml": str(card.xml_path.resolve())}
    for file in (card.xml_path, card.bin_path):
        if card.blob_path is None or file.exists():  # beside a blob the IR may be left at home
            card.check_file(file)
    if card.blob_path:
        card.check_file(card.blob_path)
        network["blob"] = str(card.blob_path.resolve())
    return network


def _compare(card: ModelCard, network: dict[str, Any]) -> None:
    """CardError if what was loaded has other inputs or outputs than the card says."""
    inputs, outputs = network["inputs"], network["outputs"]
    if inputs != {card.input.blob: card.input.shape} or not {output.blob for output in card.outputs} <= set(outputs):
        raise CardError(
            f"{card.blob_path or card.xml_path}: takes {inputs} and gives {', '.join(sorted(outputs))}; {card.path} says "
            f"{card.input.blob} of {card.input.shape} and {', '.join(o.blob for o in card.outputs)}. {_AGAIN}"
        )


def _environment() -> dict[str, str]:
    """Our environment for the worker; a PYTHONPATH of ours would not fit the tool chain's Python."""
    environment = dict(os.environ)
    if not environment.get(VARIABLE):  # with it, PYTHONPATH may come from the archive's setupvars.sh and is needed
        environment.pop("PYTHONPATH", None)
        environment.pop("PYTHONHOME", None)
    return environment


def _human(error: str) -> str:
    """The worker's error as a sentence about what the user can do."""
    if "NC_ERROR" in error or "X_LINK" in error:
        return NOT_OPENED
    if "libusb" in error:
        return "the stick's driver needs libusb-1.0, which is not installed: sudo apt install libusb-1.0-0"
    if "not registered" in error:
        return (
            f"this OpenVINO cannot drive a stick ({error}); "
            "wanted 2021.4.2 (tools/toolchain.sh movidius) or a 2022.3 archive"
        )
    return f"the stick's OpenVINO says: {error}"
