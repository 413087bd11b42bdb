"""A device that a helper process drives: the stick in an older Python, the OAK camera apart from us because it may crash.

The worker file's functions:

load:  {"device": NAME, "networks": {CARD: {"blob": path (may be absent), "xml": path}}}
    -> {"runtime": text,
        "networks": {CARD: {"source": "blob" or "xml", "inputs": {BLOB: shape}, "outputs": [BLOB]}, or {"error": text}}}
infer: {"network": CARD, "input": BLOB, "ticket": number}, and arrays "0", "1", ..., each uint8 1 x channels x height x width
    -> {"ticket": the same number}, and for each of them an array "0/BLOB" for every output BLOB
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from common.errors import CardError, MokaError
from common.helper import Helper, HelperEnded, HelperError, HelperNotStarted, HelperRefused, HelperTimeout, Reply
from common.messages import COMPILE_AGAIN, shape_text
from myriad.lock import why_locked_out

from ..errors import DeviceError
from .workers import DeviceLost, Workers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard

    from .workers import Worker

# The search for a stick takes 5 seconds. A blob is about 25 MB, which takes longest over USB 2.
LOAD_SECONDS = 120.0
INFER_SECONDS = 30.0
PER_CALL = 8
"""Tensors that a worker gets at a time: enough to keep a device busy, few enough to share them among several."""
TICKETS = itertools.count(1)


@dataclass(frozen=True)
class Driver:
    """How a device is driven. `name` begins messages ("The stick"), `program` is what the helper is called in them.

    `device` is the worker's own name for the device. `explain` turns an error of the device's library into a sentence, and
    `lost` says whether such an error means that the device is gone. `there` says whether it may be plugged in.
    """

    name: str
    program: str
    python: Path
    worker: Path
    device: str
    explain: Callable[[str], str]
    lost: Callable[[str], bool]
    there: Callable[[], bool] = lambda: True
    keep_python_path: bool = False


class Question(Protocol):
    """What a process is asked."""

    def ask(self, process: Process) -> Any:
        """Return the answer. Raises DeviceLost, or another MokaError that concerns the question alone."""
        ...


class _Question(NamedTuple):
    card: ModelCard
    tensors: Sequence[NDArray[np.uint8]]

    def ask(self, process: Process) -> list[dict[str, NDArray[np.float32]]]:
        """Run a network on a few tensors."""
        card, tensors = self
        ticket = next(TICKETS)
        request = {"network": str(card.path), "input": card.input.blob, "ticket": ticket}
        arrays = {str(number): tensor for number, tensor in enumerate(tensors)}
        reply = process.call("infer", request, arrays, INFER_SECONDS)
        with process.understanding():
            return numbered_values(reply, ticket, len(tensors))


class WorkerDevice:
    """Networks on one or several devices of a kind, loaded once on each.

    `sources` says of each network whether it came from its blob or its IR. A device that is lost is waited for; see workers.py.
    """

    precision = "f16"

    def __init__(self, name: str, driver: Driver, cards: Sequence[ModelCard], count: int = 1) -> None:
        self.name = name
        self.runtime = ""
        self.refused: dict[Path, MokaError] = {}
        self.sources: dict[Path, str] = {}
        self._driver = driver
        self._cards = {str(card.path): card for card in cards}
        self._networks: dict[str, dict[str, Any]] = {}
        for card in cards:
            try:
                self._networks[str(card.path)] = self.files(card)
            except CardError as error:
                self.refused[card.path] = error
        self._workers = Workers(driver.name, self._start, count, driver.there)

    def files(self, card: ModelCard) -> dict[str, Any]:
        """Return the files that the worker may load, and what else it has to know.

        Raises CardError if one is missing or is not the card's.
        """
        raise NotImplementedError

    def infer(self, card: ModelCard, tensor: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """Run the network of `card` on uint8 1 x channels x height x width; return float32 values by output blob."""
        return self.infer_many(card, [tensor])[0]

    def infer_many(
        self, card: ModelCard, tensors: Sequence[NDArray[np.uint8]]
    ) -> list[Mapping[str, NDArray[np.float32]]]:
        """Run the network of `card` on each tensor, several at a time; return their values in the same order."""
        size = max(1, min(PER_CALL, -(-len(tensors) // max(1, len(self._workers)))))
        questions = [_Question(card, tensors[first : first + size]) for first in range(0, len(tensors), size)]
        return [values for answer in self._workers.ask(questions) for values in answer]

    def close(self) -> None:
        """End the processes, which releases the devices."""
        self._workers.close()

    def ask(self, question: Question) -> Any:
        """Return the answer to a question of another kind. Raises DeviceError."""
        return self._workers.ask([question])[0]

    def start_again(self, device: str) -> None:
        """End all processes, and start one whose worker knows the device by another name."""
        self._workers.close()
        self._driver = replace(self._driver, device=device)
        self._workers = Workers(self._driver.name, self._start, 1, self._driver.there)

    def _start(self) -> Worker:
        """Start a process and load the networks there."""
        worker = Process(self._driver)
        try:
            self._load(worker)
        except BaseException:
            worker.close()
            raise
        return worker

    def _load(self, worker: Process) -> None:
        request = {"device": self._driver.device, "networks": self._networks}
        loaded = worker.call("load", request, {}, LOAD_SECONDS).values
        refused: dict[Path, MokaError] = {}
        sources: dict[Path, str] = {}
        try:
            self.runtime = str(loaded["runtime"])
            for path in self._networks:
                card, network = self._cards[path], loaded["networks"][path]
                try:
                    self._compare(card, network)
                    sources[card.path] = str(network["source"])
                except MokaError as error:
                    refused[card.path] = error
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise DeviceLost(f"{self._driver.program} gave an answer to load that is none.") from error
        if not self.sources:
            self.sources = sources
            self.refused.update(refused)
        elif set(sources) != set(self.sources):
            raise DeviceLost(
                str(next(iter(refused.values()), f"{self._driver.name} loads other networks than before."))
            )

    def _compare(self, card: ModelCard, network: Mapping[str, Any]) -> None:
        """Raise DeviceError if the network was refused, CardError if it has other inputs or outputs than the card describes."""
        if "error" in network:
            raise DeviceError(f"{card.blob_path or card.xml_path}: {self._driver.explain(network['error'])}")
        inputs, outputs = network["inputs"], network["outputs"]
        described = card.device_blobs
        if inputs == {card.input.blob: card.input.shape} and set(described) <= set(outputs):
            return
        found = ", ".join(f'"{name}" of {shape_text(shape)}' for name, shape in inputs.items())
        raise CardError(
            f"{card.blob_path or card.xml_path}: takes {found} and gives {', '.join(sorted(outputs))}, but {card.path} describes "
            f'"{card.input.blob}" of {shape_text(card.input.shape)} and {", ".join(described)}. {COMPILE_AGAIN}'
        )


class Process:
    """A helper process that has its own device."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        try:
            self._helper = Helper(
                driver.program, driver.python, driver.worker, keep_python_path=driver.keep_python_path
            )
        except HelperNotStarted as error:
            raise DeviceError(str(error)) from error

    @property
    def pid(self) -> int:
        return self._helper.pid

    def work(self, question: Question) -> Any:
        """Ask a question."""
        return question.ask(self)

    @contextmanager
    def understanding(self) -> Iterator[None]:
        """Turn what goes wrong while a reply is read into DeviceLost."""
        try:
            yield
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise DeviceLost(f"{self._driver.program} gave an answer to another question.") from error

    def call(
        self, function: str, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], seconds: float
    ) -> Reply:
        """Call a function of the worker. Raises DeviceLost if it has to be started again, otherwise DeviceError."""
        driver = self._driver
        try:
            return self._helper.call(function, values, arrays, seconds=seconds)
        except HelperRefused as error:
            reason = error.reason or error.kind
            raise (DeviceLost if driver.lost(reason) else DeviceError)(driver.explain(reason)) from error
        except HelperTimeout as error:
            raise DeviceLost(
                f"{driver.name} gave no answer in {seconds:g} s. Unplug it and plug it in again, best into a powered hub."
            ) from error
        except HelperError as error:
            locked_out = why_locked_out() if isinstance(error, HelperEnded) else ""
            raise DeviceLost(locked_out or str(error)) from error

    def close(self) -> None:
        """End the process."""
        self._helper.close()


def numbered_values(reply: Reply, ticket: int, count: int) -> list[dict[str, NDArray[np.float32]]]:
    """Return what a worker answered for each of `count` things. Raises ValueError if it answered something else."""
    import numpy as np

    if reply.values["ticket"] != ticket:
        raise ValueError("ticket")
    found: dict[str, dict[str, NDArray[np.float32]]] = {str(number): {} for number in range(count)}
    for name, array in reply.arrays.items():
        number, _, blob = name.partition("/")
        found[number][blob] = np.asarray(array).astype(np.float32)
    if any(set(values) != set(found["0"]) or not values for values in found.values()):
        raise ValueError("arrays")
    return list(found.values())
