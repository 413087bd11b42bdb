"""The runner: loads every network of a folder onto one device and turns pictures into answers."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import CardError, MokaError, UsageError
from faces.detectors.files import PACKAGES
from faces.pictures import check_picture

from .answer import Answer, read_outputs
from .devices import choices, open_first
from .devices.usb import SYSFS
from .tensor import kind_of_tensor, to_tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.card import ModelCard
    from faces.crop import Box
    from faces.face import Face

FACE_FINDER = PACKAGES["res10"].compiled
MOST_AT_ONCE = 64
"""Faces whose tensors are in memory at a time."""


@dataclass(frozen=True)
class Result:
    """The answers about one face, and the milliseconds that each network took for preprocessing and inference."""

    answers: tuple[Answer, ...]
    preprocess: dict[str, float]
    inference: dict[str, float]


class Runner:
    """Loads all networks of the folder `graph` once: `Runner("graph", device="auto").answer(bgr)`.

    A network that cannot be used is left out with a warning, unless none is left. `cards` are those in use: `face_cards` are
    shown a face at a time, and `frame_cards`, which look for things, whole pictures.
    Each network is warmed up with a first inference on an empty picture. `load` and `warm_up` are the milliseconds
    that both took. `device` is what computes, and `why` the reason for it. `hint` is "latency", or "throughput" where many
    faces wait for their answers.
    Raises CardError, DeviceError or UsageError.
    """

    def __init__(
        self,
        graph: str | Path = "graph",
        device: str = "auto",
        precision: str = "f32",
        sysfs: Path = SYSFS,
        hint: str = "latency",
    ) -> None:
        import numpy as np

        # Here because it imports pydantic, which --help does not need.
        from common.card import leave_out, read_cards

        self.graph = graph
        start = time.perf_counter()
        cards = read_cards(graph)
        self.device, self.why = open_first(choices(device, sysfs), cards, precision, hint)
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

    @property
    def face_cards(self) -> tuple[ModelCard, ...]:
        """The networks that are shown a face at a time."""
        return tuple(card for card in self.cards if not card.sees_frame)

    @property
    def frame_cards(self) -> tuple[ModelCard, ...]:
        """The networks that look for things in whole pictures. Where others ask about faces, `face_finder` only finds these."""
        passed_over = self.face_finder if self.face_cards else None
        return tuple(card for card in self.cards if card.sees_frame and card is not passed_over)

    @property
    def face_finder(self) -> ModelCard | None:
        """The network of the detector res10, if it is among those in use."""
        return next((card for card in self.cards if card.sees_frame and card.path.stem == FACE_FINDER), None)

    def answer(self, picture: NDArray[np.uint8], box: Box | Face | None = None) -> Result:
        """Return the answers of all networks about the face in `picture` (BGR uint8, height x width x 3).

        `box` says where the face is: left, top, width, height, or what a detector found, which is turned upright.
        Without it the whole picture is the face. Networks that look for things see the whole picture anyway.
        A network that gives no answer is left out with a warning; if none gives one, this raises CardError or UsageError.
        """
        check_picture(picture)
        from common.card import leave_out

        problems: dict[str, MokaError] = {}
        (face,) = self._ask(self.face_cards, picture, [box], problems)
        (frame,) = self._ask(self.frame_cards, picture, [None], problems)
        leave_out(list(problems.values()), bool(face.answers or frame.answers), self.graph)
        return Result(
            face.answers + frame.answers,
            {**face.preprocess, **frame.preprocess},
            {**face.inference, **frame.inference},
        )

    def answer_all(self, picture: NDArray[np.uint8], faces: Sequence[Box | Face | None]) -> list[Result]:
        """Return the answers about each of the faces in `picture`, in their order, as `answer` does about one.

        All faces go through a network together, and `inference` is each one's share of that time. A face that no network
        gives an answer about has none, unless that is so for all of them: this then raises CardError or UsageError.
        """
        check_picture(picture)
        from common.card import leave_out

        results: list[Result] = []
        problems: dict[str, MokaError] = {}
        # A crowd must not fill the memory with its tensors.
        for first in range(0, len(faces), MOST_AT_ONCE):
            results += self._ask(self.face_cards, picture, faces[first : first + MOST_AT_ONCE], problems)
        if faces:
            leave_out(list(problems.values()), any(result.answers for result in results), self.graph)
        return results

    def answer_frame(self, picture: NDArray[np.uint8], cards: Sequence[ModelCard] | None = None) -> Result:
        """Return what the networks that look for things find in the whole of `picture`; by default all of them.

        Raises CardError if none gives an answer.
        """
        check_picture(picture)
        from common.card import leave_out

        problems: dict[str, MokaError] = {}
        (result,) = self._ask(self.frame_cards if cards is None else cards, picture, [None], problems)
        leave_out(list(problems.values()), bool(result.answers), self.graph)
        return result

    def read(
        self, picture: NDArray[np.uint8], outputs: Mapping[Path, Mapping[str, NDArray[np.float32]]]
    ) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
        """Return the answers of networks that a camera itself has fed with `picture`: about the face, and about the whole.

        `outputs` has the networks' values by the path of their card. Raises CardError if none gives an answer.
        """
        from common.card import leave_out

        from .finished import FinishedDevice

        face: list[Answer] = []
        whole: list[Answer] = []
        problems: list[MokaError] = []
        for card in self.cards:
            try:
                size = (picture.shape[1], picture.shape[0])
                values = outputs[card.path]
                if isinstance(self.device, FinishedDevice):
                    values = self.device.finish(card, values)
                (whole if card.sees_frame else face).extend(read_outputs(card, values, size))
            except CardError as error:
                problems.append(error)
        leave_out(problems, bool(face or whole), self.graph)
        return tuple(face), tuple(whole)

    def _ask(
        self,
        cards: Sequence[ModelCard],
        picture: NDArray[np.uint8],
        faces: Sequence[Box | Face | None],
        problems: dict[str, MokaError],
    ) -> list[Result]:
        """Let `cards` answer about a few faces. What prevents an answer goes into `problems`, once for each text."""
        answers: list[list[Answer]] = [[] for _ in faces]
        preprocess: list[dict[str, float]] = [{} for _ in faces]
        inference: list[dict[str, float]] = [{} for _ in faces]
        size = (picture.shape[1], picture.shape[0])
        # Networks that were trained on the same kind of picture, as AgeNet and GenderNet, share the tensors.
        made: dict[tuple[int, Hashable], NDArray[np.uint8]] = {}
        for card in cards:
            tensors: dict[int, NDArray[np.uint8]] = {}
            kind = kind_of_tensor(card)
            for number, face in enumerate(faces):
                start = time.perf_counter()
                try:
                    if (number, kind) not in made:
                        made[number, kind] = to_tensor(picture, card, face)
                    tensors[number] = made[number, kind]
                except (CardError, UsageError) as error:
                    problems.setdefault(str(error), error)
                    continue
                preprocess[number][card.name] = (time.perf_counter() - start) * 1e3
            start = time.perf_counter()
            found = self.device.infer_many(card, list(tensors.values()))
            share = (time.perf_counter() - start) * 1e3 / max(1, len(tensors))
            for number, values in zip(tensors, found, strict=True):
                inference[number][card.name] = share
                try:
                    answers[number] += read_outputs(card, values, size)
                except CardError as error:
                    problems.setdefault(str(error), error)
        return [Result(tuple(each), *times) for each, *times in zip(answers, preprocess, inference, strict=True)]

    def close(self) -> None:
        """Release the device."""
        self.device.close()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
