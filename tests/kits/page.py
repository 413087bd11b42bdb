"""The page of the runner with a tiny network, called in the tests' own process or served on a port of this machine."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from common.process.listening import listen
from faces.face import Face
from inference import FaceAnalyzer
from inference.frame import Frame, Unreadable
from inference.page.build import Page
from inference.page.capture import Captures
from inference.page.server import make_server
from inference.page.settings import Limits
from kits.inference import one_colour, write_graph

TOKEN = "correct-horse-battery"
GREEN = (40, 220, 40)
FACES = (Face((20, 20, 60, 60), 0.9), Face((200, 20, 60, 60), 0.8))


class Finds:
    """A detector that finds what it is told."""

    def __init__(self, faces: Sequence[Face]) -> None:
        self.faces = faces

    def detect(self, picture: object) -> list[Face]:
        return list(self.faces)


def analyzer(folder: Path, faces: Sequence[Face] = FACES) -> FaceAnalyzer:
    """An analyzer with the tiny network, whose detector finds `faces` in every picture."""
    graph = folder / "graph"
    opened = FaceAnalyzer(graph if graph.exists() else write_graph(graph), "CPU", detector="none")
    opened._detector = Finds(faces)
    return opened


def make_page(
    folder: Path,
    host: str = "127.0.0.1",
    token: str | None = None,
    limits: Limits | None = None,
    faces: Sequence[Face] = FACES,
    capture: str | None = None,
    source: tuple[str, Callable[[], Iterator[Frame | Unreadable]]] | None = None,
) -> Page:
    captures = Captures(capture) if capture else None
    return Page(analyzer(folder, faces), host, token, limits or Limits(), captures, source)


def client_of(page: Page, address: str = "127.0.0.1", host: str = "localhost") -> TestClient:
    """A client at `address` that calls the page by the name `host`. Use it in a `with`, which starts and ends the page."""
    return TestClient(page.guard, base_url=f"http://{host}", client=(address, 50000))


def photo(width: int = 300, height: int = 100, kind: str = ".png", colour: tuple[int, int, int] = GREEN) -> bytes:
    return encoded(one_colour(colour, height, width), kind)


def encoded(picture: NDArray[np.uint8], kind: str = ".png") -> bytes:
    return bytes(cv2.imencode(kind, picture)[1])


@contextlib.contextmanager
def served(page: Page, limits: Limits | None = None) -> Iterator[int]:
    """Serve a page in a thread; yield its port."""
    with listen("127.0.0.1", 0) as listening:
        server = make_server(page.guard, limits or Limits(), page.end)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the page does not start"
            time.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            page.end()
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def moving(
    count: int = 1000, live: bool = True, pause: float = 0.01, picture: NDArray[np.uint8] | None = None
) -> Callable[[], Iterator[Frame | Unreadable]]:
    """A camera of `count` frames."""
    shown = one_colour(GREEN, 100, 300) if picture is None else picture

    def frames() -> Iterator[Frame | Unreadable]:
        for index in range(count):
            yield Frame("camera", shown, index, index * pause, live, 1.0)
            time.sleep(pause)

    return frames


def answer_of(response: Any) -> list[str]:
    """The first answer about each face."""
    return [face["answers"][0]["answer"] for face in response.json()["faces"]]
