"""The runner: loads every network of a folder onto one device and turns pictures into answers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import CardError, MokaError, UsageError
from faces.pictures import check_picture

from .answer import Answer, read_outputs
from .devices import SYSFS, choose, open_device
from .tensor import to_tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faces.crop import Box
    from faces.face import Face


@dataclass(frozen=True)
class Result:
    """The answers about one face, and the milliseconds that each network took for preprocessing and inference."""

    answers: tuple[Answer, ...]
    preprocess: dict[str, float]
    inference: dict[str, float]


class Runner:
    """Loads all networks of the folder `graph` once: `Runner("graph", device="auto").answer(bgr)`.

    A network that cannot be used is left out with a warning, unless none is left. `cards` are those in use.
    Each network is warmed up with a first inference on an empty picture. `load` and `warm_up` are the milliseconds
    that both took. `device` is what computes, and `why` the reason for it.
    Raises CardError, DeviceError or UsageError.
    """

    def __init__(
        self, graph: str | Path = "graph", device: str = "auto", precision: str = "f32", sysfs: Path = SYSFS
    ) -> None:
        import numpy as np

        # Here because it imports pydantic, which --help does not need.
        from common.card import leave_out, read_cards

        self.graph = graph
        start = time.perf_counter()
        cards = read_cards(graph)
        choice = choose(device, sysfs)
        self.why = choice.why
        self.device = open_device(choice.name, cards, precision)
        loaded = time.perf_counter()
        problems = list(self.device.refused.values())
        usable = []
        try:
            for card in cards:
                if card.path in self.device.refused:
                    continue
                try:
                    read_outputs(card, self.device.infer(card, np.zeros(card.input.shape, np.uint8)))
                    usable.append(card)
                except CardError as error:
                    problems.append(error)
            leave_out(problems, bool(usable), graph)
        except BaseException:
            self.close()
            raise
        self.cards = tuple(usable)
        self.load = (loaded - start) * 1e3
        self.warm_up = (time.perf_counter() - loaded) * 1e3

    def answer(self, picture: NDArray[np.uint8], box: Box | Face | None = None) -> Result:
        """Return the answers of all networks about the face in `picture` (BGR uint8, height x width x 3).

        `box` says where the face is: left, top, width, height, or what a detector found, which is turned upright.
        Without it the whole picture is the face.
        A network that gives no answer is left out with a warning; if none gives one, this raises CardError or UsageError.
        """
        check_picture(picture)
        from common.card import leave_out

        answers: list[Answer] = []
        problems: list[MokaError] = []
        preprocess, inference = {}, {}
        for card in self.cards:
            start = time.perf_counter()
            try:
                tensor = to_tensor(picture, card, box)
                ready = time.perf_counter()
                values = self.device.infer(card, tensor)
                preprocess[card.name] = (ready - start) * 1e3
                inference[card.name] = (time.perf_counter() - ready) * 1e3
                answers += read_outputs(card, values)
            except (CardError, UsageError) as error:
                problems.append(error)
        leave_out(problems, bool(answers), self.graph)
        return Result(tuple(answers), preprocess, inference)

    def close(self) -> None:
        """Release the device."""
        self.device.close()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
