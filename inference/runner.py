"""The runner: every network of a folder on one device, from a picture to its answers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .answer import Answer, read_outputs
from .card import read_cards
from .devices import SYSFS, choose, open_device
from .picture import check_picture
from .tensor import to_tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .tensor import Box


@dataclass(frozen=True)
class Result:
    """The answers about one face, and the milliseconds that each network took to prepare and to compute."""

    answers: tuple[Answer, ...]
    preprocess: dict[str, float]
    inference: dict[str, float]


class Runner:
    """Loads all networks of the folder `graph` once: `Runner("graph", device="auto").answer(bgr)`.

    The first inference of each network, on an empty picture, is a warm-up and is over when the runner is ready.
    `load` and `warm_up` hold the milliseconds of both; `device` and `why` what computes and for which reason.
    Raises CardError, DeviceError or UsageError.
    """

    def __init__(
        self, graph: str | Path = "graph", device: str = "auto", precision: str = "f32", sysfs: Path = SYSFS
    ) -> None:
        import numpy as np

        start = time.perf_counter()
        self.cards = read_cards(graph)
        choice = choose(device, sysfs)
        self.why = choice.why
        self.device = open_device(choice.name, self.cards, precision)
        loaded = time.perf_counter()
        try:
            for card in self.cards:
                self.device.infer(card, np.zeros(card.shape, np.uint8))
        except BaseException:
            self.close()
            raise
        self.load = (loaded - start) * 1e3
        self.warm_up = (time.perf_counter() - loaded) * 1e3

    def answer(self, picture: NDArray[np.uint8], box: Box | None = None) -> Result:
        """The answers of all networks about the face in `picture` (BGR uint8, height x width x 3).

        `box` (left, top, width, height) says where the face is; without it the whole picture is the face.
        """
        check_picture(picture)
        answers: list[Answer] = []
        preprocess, inference = {}, {}
        for card in self.cards:
            start = time.perf_counter()
            tensor = to_tensor(picture, card, box)
            ready = time.perf_counter()
            values = self.device.infer(card, tensor)
            preprocess[card.name] = (ready - start) * 1e3
            inference[card.name] = (time.perf_counter() - ready) * 1e3
            answers += read_outputs(card, values)
        return Result(tuple(answers), preprocess, inference)

    def close(self) -> None:
        """Let go of the device."""
        self.device.close()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
